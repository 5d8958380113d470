/* walk.h - a random walk through calls: who calls whom next, and where stacks are compared.
 *
 * A shape is a function that a compiler (or an assembler) makes a frame of its own kind
 * for. Each calls the ones that walk_next() gives it, so the calls of a walk are a random
 * tree: it goes down, returns part of the way, goes down again elsewhere. What a walk does
 * follows from its seed alone; a thread has a walk of its own.
 */
#ifndef STACKS_WALK_H
#define STACKS_WALK_H

#include <setjmp.h>
#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef int walk_shape(int depth);

struct walk {
    uint64_t random;
    uint64_t left;        /* stacks to compare until all return */
    unsigned quiet;       /* calls to pass over: the walk returns part of the way */
    unsigned switches;    /* other stacks on now: each takes memory, so not many in a row */
    bool alternate_used;  /* a second handler there could overwrite the first */
    bool catches;         /* an exception thrown now is caught */
    sigjmp_buf *way_out;  /* where a jump may go, NULL: nowhere */
    int depth;            /* for a callback that can't be told */
};

extern __thread struct walk walk;

/* A random number below LIMIT. */
unsigned walk_below(unsigned limit);

/* What the frame that is DEPTH calls from the end of the walk calls next, with DEPTH - 1. */
walk_shape *walk_next(int depth);

/* Goes on, and never returns: jumps to walk.way_out. */
__attribute__((noreturn)) void walk_leave(int depth);

/* The end of a walk: the stack is compared. */
int walk_end(int depth);

/* Walk with SEED until COUNT stacks are compared, in this thread. */
void walk_run(uint64_t seed, uint64_t count);

/* A use of MEMORY that the compiler can't see through. */
static inline void walk_use(const void *memory)
{
    __asm__ volatile("" : : "r"(memory) : "memory");
}

extern volatile long walk_sink;

/* The shapes there are; each array ends with NULL. */
extern walk_shape *const walk_generated[], *const walk_by_hand[], *const walk_cplusplus[];

/* For by_plugin: the libraries to load, ending with NULL. */
extern char **walk_plugins;
extern uint64_t walk_reused; /* times that one was where another had been */

/* Throws an exception that is caught further up. */
int walk_throw(int depth);

/* Before a thread's first walk and after its last. */
void walk_begin_thread(void);
void walk_end_thread(void);

#ifdef __cplusplus
}
#endif

#endif
