/* unwind.c - what one look at the whole call stack costs, by us and by others.
 *
 *   unwind [WALKS]      (default 2000 of each)
 *
 * At depths of 20, 60 and 200 frames of this program and two or three of libc below them:
 *
 *   heapdelta      stack_walk() of preload/stack.c, as a hook calls it
 *   unw_backtrace  libunwind's short way (x86-64)
 *   unw_step       libunwind's long way, frame by frame
 *   backtrace      glibc's, which is libgcc's unwinder
 *
 * The same site again and again: the best case of each. Prints an object of JSON for each:
 * ns of CPU time a walk, the median and the least of the batches, and how many frames were
 * found. libunwind's are left out where it is not installed.
 */
#include <dlfcn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#ifdef HAVE_LIBUNWIND
#define UNW_LOCAL_ONLY
#include <libunwind.h>
#endif

#include "preload/cfi.h"
#include "preload/stack.h"

#define BATCHES    20
#define MAX_FRAMES 512

typedef unsigned walk_function(void);

static struct stack stack;
static void *frames[MAX_FRAMES];

static __attribute__((noinline)) unsigned by_heapdelta(void)
{
    struct stack_start start = STACK_START();

    stack_walk(&stack, &start, 0);
    return stack.count;
}

static int (*glibc_backtrace)(void **frames, int size);

static __attribute__((noinline)) unsigned by_backtrace(void)
{
    return (unsigned)glibc_backtrace(frames, MAX_FRAMES) - 1; /* without this function */
}

#ifdef HAVE_LIBUNWIND
static __attribute__((noinline)) unsigned by_unw_backtrace(void)
{
    return (unsigned)unw_backtrace(frames, MAX_FRAMES) - 1;
}

static __attribute__((noinline)) unsigned by_unw_step(void)
{
    unw_context_t context;
    unw_cursor_t cursor;
    unsigned count = 0;

    unw_getcontext(&context);
    unw_init_local(&cursor, &context);
    while (unw_step(&cursor) > 0) {
        unw_word_t pc;

        unw_get_reg(&cursor, UNW_REG_IP, &pc);
        frames[count % MAX_FRAMES] = (void *)(uintptr_t)pc;
        count += pc != 0;
    }
    return count;
}
#endif

static const struct {
    const char *name;
    walk_function *walk;
} walkers[] = {
    {"heapdelta", by_heapdelta},
#ifdef HAVE_LIBUNWIND
    {"unw_backtrace", by_unw_backtrace},
    {"unw_step", by_unw_step},
#endif
    {"backtrace", by_backtrace},
};

static double cpu_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static int compare_doubles(const void *one, const void *other)
{
    double a = *(const double *)one, b = *(const double *)other;

    return (a > b) - (a < b);
}

static __attribute__((noinline)) void measure(unsigned depth, unsigned walks)
{
    for (size_t i = 0; i < sizeof walkers / sizeof *walkers; i++) {
        double ns[BATCHES];
        unsigned found = walkers[i].walk(); /* rules and caches are warm from here on */

        for (unsigned batch = 0; batch < BATCHES; batch++) {
            double before = cpu_ns();

            for (unsigned walk = 0; walk < walks / BATCHES; walk++)
                walkers[i].walk();
            ns[batch] = (cpu_ns() - before) / (walks / BATCHES);
        }
        qsort(ns, BATCHES, sizeof *ns, compare_doubles);
        printf("{\"depth\": %u, \"unwinder\": \"%s\", \"frames\": %u, \"ns_min\": %.1f, "
               "\"ns_median\": %.1f}\n",
               depth, walkers[i].name, found, ns[0], ns[BATCHES / 2]);
    }
}

static __attribute__((noinline)) void descend(unsigned left, unsigned depth, unsigned walks)
{
    if (left > 1)
        descend(left - 1, depth, walks);
    else
        measure(depth, walks);
    __asm__ volatile(""); /* or the call above was a jump */
}

int main(int argc, char **argv)
{
    unsigned walks = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 2000;
    static const unsigned depths[] = {20, 60, 200};

    if (argc > 2 || walks < BATCHES) {
        fprintf(stderr, "usage: %s [WALKS, at least %d]\n", argv[0], BATCHES);
        return 2;
    }
    /* Not by its name: libunwind has a backtrace() too, which is unw_backtrace(). */
    *(void **)&glibc_backtrace = dlsym(dlopen("libc.so.6", RTLD_LAZY | RTLD_NOLOAD), "backtrace");
    if (!cfi_init() || !glibc_backtrace) {
        fputs("unwind: cannot begin\n", stderr);
        return EXIT_FAILURE;
    }
    for (size_t i = 0; i < sizeof depths / sizeof *depths; i++)
        descend(depths[i], depths[i], walks);
    return EXIT_SUCCESS;
}
