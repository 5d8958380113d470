/* live_set.c - what millions of live blocks of 16 to 256 bytes cost.
 *
 *   live_set [BLOCKS [SNAPSHOT [linked]]]
 *
 * Prints a line of JSON: ns of CPU time per block while the set grows, per pair of free and
 * malloc in the order of allocation and at random, and the memory it took. Traced, it also
 * takes SNAPSHOT while it holds them all, with "linked" after each was made to point at two others;
 * then it also says what a copy of all its memory by fork(), which ends at once, took when each page
 * had been written to again: no image of it can be had for less. live_set.py makes the comparison.
 */
#include "preload/heapdelta.h"

#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct block {
    struct block *next, *any; /* if they are linked */
    char rest[];
};

static uint64_t state = 1;

static uint32_t random_next(void)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(state >> 33);
}

static double cpu_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

/* Write to the block, as its owner would. */
static struct block *allocate(void)
{
    size_t size = 16 + random_next() % 241;
    void *block = malloc(size);
    char *bytes = block;

    if (!block)
        abort();
    bytes[0] = bytes[size - 1] = 1;
    return block;
}

static unsigned long resident(void)
{
    unsigned long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");

    if (!file || fscanf(file, "%*u %lu", &pages) != 1)
        abort();
    fclose(file);
    return pages * (unsigned long)sysconf(_SC_PAGESIZE);
}

/* A list of them all, and from each a pointer to any. */
static void link_all(struct block **blocks, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        blocks[i]->next = i + 1 < count ? blocks[i + 1] : NULL;
        blocks[i]->any = blocks[random_next() % count];
    }
}

static double now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

/* How long this process stands still to be copied; without what the library does at fork(). */
static double copy_ms(void)
{
    double begin = now_ms(), end;
    long child = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);

    if (child == 0)
        syscall(SYS_exit, 0);
    end = now_ms();
    if (child < 0 || waitpid((pid_t)child, NULL, 0) != child)
        abort();
    return end - begin;
}

int main(int argc, char **argv)
{
    size_t count = argc > 1 ? strtoul(argv[1], NULL, 10) : 5000000;
    struct block **blocks = calloc(count ? count : 1, sizeof(*blocks));
    double begin, grow, sequential, random;

    if (!blocks || count == 0) {
        fputs("usage: live_set [BLOCKS [SNAPSHOT [linked]]]\n", stderr);
        return 2;
    }
    begin = cpu_ns();
    for (size_t i = 0; i < count; i++)
        blocks[i] = allocate();
    grow = cpu_ns() - begin;

    printf("{\"blocks\": %zu, \"grow_ns\": %.1f, \"rss\": %lu, \"tracer_bytes\": %zu", count,
           grow / (double)count, resident(), heapdelta_get_tracer_memory());
    if (argc > 3)
        link_all(blocks, count);
    if (argc > 2 && heapdelta_is_tracing() && heapdelta_take_snapshot_to(argv[2], "grown") != 0)
        abort();
    if (argc > 3) {
        link_all(blocks, count);
        printf(", \"copy_ms\": %.2f", copy_ms());
    }

    begin = cpu_ns();
    for (size_t i = 0; i < count; i++) {
        free(blocks[i]);
        blocks[i] = allocate();
    }
    sequential = cpu_ns() - begin;

    begin = cpu_ns();
    for (size_t i = 0; i < count; i++) {
        size_t which = random_next() % count;

        free(blocks[which]);
        blocks[which] = allocate();
    }
    random = cpu_ns() - begin;

    printf(", \"sequential_ns\": %.1f, \"random_ns\": %.1f, \"rss_after\": %lu,"
           " \"tracer_bytes_after\": %zu}\n",
           sequential / (double)count, random / (double)count, resident(),
           heapdelta_get_tracer_memory());
    return 0;
}
