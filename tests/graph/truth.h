/* truth.h - what a program with leaks says of itself.
 *
 * Each function that allocates blocks says, with each, what they are to be at exit. A block
 * belongs to the newest function of its call stack that said so. truth_print() writes, for
 * the process that calls it, lines
 *
 *     PID FUNCTION CLASS BLOCKS BYTES
 *
 * with "any" for numbers that only the library that allocates knows. Not thread-safe: a thread
 * is waited for before the next one starts.
 */
#ifndef TESTS_GRAPH_TRUTH_H
#define TESTS_GRAPH_TRUTH_H

#include <stddef.h>
#include <stdlib.h>

#ifdef __cplusplus
extern "C" {
#endif

#define APART __attribute__((noinline, noclone, used))

/* The classes, as memcheck has them. */
#define HELD      "still_reachable"
#define INSIDE    "possibly_lost"   /* held by a pointer inside, or behind such a one */
#define LOST      "definitely_lost"
#define WITH_LOST "indirectly_lost" /* held by lost blocks */

/* FUNCTION has COUNT more blocks of SIZE bytes each, which are to be of CLASS. */
void truth_add(const char *function, const char *klass, size_t count, size_t size);

/* All blocks of FUNCTION, at least one, are to be of CLASS. */
void truth_any(const char *function, const char *klass);

/* What was said of FUNCTION does not hold any more. */
void truth_forget(const char *function);

/* Write all that was said to stdout. */
void truth_print(void);

/* Call FUNCTION, then wipe what it left on the stack below. */
void truth_run(void (*function)(void));

#define TRUTH_RUN_ALL(functions)                                        \
    do {                                                                \
        for (size_t i_ = 0; i_ < sizeof(functions) / sizeof(*(functions)); i_++) \
            truth_run((functions)[i_]);                                 \
    } while (0)

/* A new block of SIZE zeroed bytes, allocated by the function that says so. The compiler must not
 * know that nobody else sees what is written there. */
#define MAKE(klass, size)                                        \
    __extension__({                                              \
        void *made_;                                             \
        truth_add(__func__, klass, 1, size);                     \
        made_ = calloc(1, size);                                 \
        __asm__ volatile("" : "+r"(made_) : : "memory");         \
        made_;                                                   \
    })

#ifdef __cplusplus
}
#endif
#endif
