/* tracemalloc_rules.c - what Python's documentation and tests say of tracemalloc, of heapdelta.h.
 *
 * usage: tracemalloc_rules [THREADS]
 * With THREADS (default 0: main alone) all of what can be asked at once is, by so many
 * threads, which also free and ask for what others have allocated. Prints a line for each thing
 * that is not so; status 1 if any. Else a line "LABEL BYTES" for each of these snapshots: how
 * much was alive then, by get_traced_memory(), while all threads stood still.
 *
 *   held0 held1 …  random blocks, of malloc and of domains
 *   replaced       a block of domain 9 for each thread, of 200 bytes by track_again()
 */
#include "preload/heapdelta.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(condition) check(condition, #condition, __LINE__)
#define NOINLINE __attribute__((noinline, noclone))
#define FRAMES 64
#define SLOTS 64
#define ROUNDS 4
#define STEPS 3000
#define AT_TOP 50        /* blocks of each thread at the peak, */
#define TOP_SIZE 3000u   /* of so many bytes */
#define PEAK_SLACK 16384 /* by which the peak is off per thread if several allocate (counters.h) */

static _Atomic int complaints;
static unsigned thread_count;
static pthread_barrier_t barrier;
static _Atomic(void *) slots[SLOTS]; /* anybody's blocks */
static char pool[64][1000];          /* a row for each thread */
static char said[2000];              /* printed at the end: stdio allocates */

static void check(bool condition, const char *text, int line)
{
    if (!condition && atomic_fetch_add(&complaints, 1) < 20)
        printf("tracemalloc_rules.c:%d: not so: %s\n", line, text);
}

static size_t current(void)
{
    size_t bytes = 0, highest = 0;

    CHECK(heapdelta_get_traced_memory(&bytes, &highest) == 0);
    CHECK(thread_count || highest >= bytes);
    return bytes;
}

static size_t peak(void)
{
    size_t bytes = 0, highest = 0;

    CHECK(heapdelta_get_traced_memory(&bytes, &highest) == 0);
    return highest;
}

/* ---- what each thread asks of blocks that are its own ---- */

/* Each allocates in a frame of its own; the asm keeps the call from being the last thing. */
static NOINLINE void *allocate_first(size_t size)
{
    void *block = malloc(size);

    __asm__ volatile("" : : : "memory");
    return block;
}

static NOINLINE void *reallocate_again(void *block, size_t size)
{
    void *moved = realloc(block, size);

    __asm__ volatile("" : : : "memory");
    return moved;
}

static NOINLINE int track_first(unsigned domain, void *block, size_t size)
{
    int result = heapdelta_track(domain, block, size);

    __asm__ volatile("" : : : "memory");
    return result;
}

static NOINLINE int track_again(unsigned domain, void *block, size_t size)
{
    int result = heapdelta_track(domain, block, size);

    __asm__ volatile("nop" : : : "memory"); /* or the two are made one */
    return result;
}

/* Was BLOCK allocated by FUNCTION, which is short? */
static bool allocated_by(void *block, void *function)
{
    void *frames[FRAMES];
    int complete = 2, count = heapdelta_get_traceback(block, frames, FRAMES, &complete);

    return count > 1 && complete == 1 && (char *)frames[0] > (char *)function &&
           (char *)frames[0] < (char *)function + 100;
}

/* realloc: the new size with the realloc's stack; one that fails leaves the old of both. */
static void reallocating(void)
{
    void *volatile block = allocate_first(100);

    CHECK(allocated_by(block, (void *)allocate_first));
    block = reallocate_again(block, 120); /* mostly in place */
    CHECK(allocated_by(block, (void *)reallocate_again));
    free(block);
    CHECK(heapdelta_get_traceback(block, NULL, 0, NULL) <= 0 || thread_count); /* or another's */

    block = allocate_first(100);
    CHECK(reallocate_again(block, (size_t)PTRDIFF_MAX - 5000) == NULL);
    CHECK(allocated_by(block, (void *)allocate_first));
    block = reallocate_again(block, 5000000); /* moves */
    CHECK(allocated_by(block, (void *)reallocate_again));
    block = reallocate_again(block, 10);
    CHECK(allocated_by(block, (void *)reallocate_again));
    free(block);
}

/* A key is domain and address: what is known there is replaced, in size and stack. */
static void tracking(char *row)
{
    CHECK(track_first(9, row, 100) == 0);
    CHECK(track_first(8, row, 7) == 0);
    CHECK(track_again(9, row, 200) == 0);
    CHECK(heapdelta_untrack(8, row) == 0);
    CHECK(heapdelta_untrack(8, row) == 0); /* is none any more */
    CHECK(heapdelta_untrack(9, row + 1) == 0);
    CHECK(heapdelta_track(0, row, 1) == -EINVAL);
}

/* Allocate, reallocate, free, track, untrack, ask; a SEED gives the same each time. */
static void churn(uint32_t seed, char *row)
{
    for (int step = 0; step < STEPS; step++) {
        size_t size;
        void *block;

        seed = seed * 1664525 + 1013904223;
        size = (seed >> 12) % (seed % 97 ? 500 : 70000);
        switch ((seed >> 28) % 4) {
        case 0:
            block = atomic_exchange(&slots[(seed >> 8) % SLOTS], NULL);
            block = realloc(block, size + 1);
            free(atomic_exchange(&slots[(seed >> 16) % SLOTS], block));
            break;
        case 1: /* anybody's, who may free it at any time */
            block = atomic_load(&slots[(seed >> 8) % SLOTS]);
            if (block) {
                void *frames[FRAMES];
                int count = heapdelta_get_traceback(block, frames, FRAMES, NULL);

                CHECK(count > 0 || count == -ENOENT);
            }
            break;
        case 2:
            CHECK(heapdelta_track(1 + seed % 3, row + size % 900, size) == 0);
            CHECK(heapdelta_untrack(1 + seed % 3, row + (seed >> 20) % 900) == 0);
            break;
        default:
            free(atomic_exchange(&slots[(seed >> 8) % SLOTS], malloc(size)));
        }
    }
}

/* All threads have come here, main too. */
static void meet(void)
{
    if (thread_count)
        pthread_barrier_wait(&barrier);
}

static void hold_much(void)
{
    void *volatile held[AT_TOP];

    for (int i = 0; i < AT_TOP; i++)
        held[i] = malloc(TOP_SIZE);
    meet(); /* all hold all */
    for (int i = 0; i < AT_TOP; i++)
        free(held[i]);
}

/* The part of thread NUMBER; between two meetings in a row it touches nothing. */
static void take_part(unsigned number)
{
    char *row = pool[number];

    for (int round = 0; round < ROUNDS; round++) {
        reallocating();
        churn(number * 1000 + (uint32_t)round, row);
        meet();
        meet();
    }
    hold_much();
    meet();
    meet();
    tracking(row);
    meet();
    meet();
}

/* ---- what main asks while nobody else does anything ---- */

/* What get_traced_memory() says is what is in the snapshot. */
static void compare_with_snapshot(const char *label)
{
    size_t before = current();

    CHECK(heapdelta_take_snapshot(label) == 0);
    CHECK(current() == before);
    snprintf(said + strlen(said), sizeof said - strlen(said), "%s %zu\n", label, before);
}

/* Not before the threads begin, which would be tracing or not by turns. */
static void starting_and_stopping(void)
{
    void *volatile old;
    size_t before;

    CHECK(heapdelta_is_tracing() == 1);
    old = malloc(700);
    before = current();
    CHECK(heapdelta_start(5) == 0); /* twice: nothing happens, the limit stays */
    CHECK(heapdelta_get_traceback_limit() == 0);
    CHECK(current() == before && before > 0);
    CHECK(heapdelta_start(65536) == -EINVAL);
    CHECK(heapdelta_start((unsigned)-1) == -EINVAL);

    CHECK(heapdelta_stop() == 0); /* and forgets all */
    CHECK(heapdelta_is_tracing() == 0);
    CHECK(current() == 0 && peak() == 0);
    CHECK(heapdelta_take_snapshot("none") == -ENODATA);
    CHECK(heapdelta_track(3, pool, 5) == -ENODATA);
    CHECK(heapdelta_untrack(3, pool) == -ENODATA);
    CHECK(heapdelta_get_traceback(old, NULL, 0, NULL) == -ENODATA);
    CHECK(heapdelta_start(65535) == 0);
    CHECK(heapdelta_stop() == 0);
    CHECK(heapdelta_get_traceback_limit() == 65535); /* kept */
    CHECK(heapdelta_start(1) == 0);
    CHECK(heapdelta_get_traceback_limit() == 1);
    CHECK(current() == 0);
    CHECK(heapdelta_get_traceback(old, NULL, 0, NULL) == -ENOENT);
    free(old); /* of before: ignored */
    CHECK(current() == 0 && peak() == 0);

    old = malloc(800);
    CHECK(heapdelta_get_traceback(old, NULL, 0, NULL) == 1);
    CHECK(current() == 800 && peak() == 800);
    CHECK(heapdelta_clear_traces() == 0);
    CHECK(heapdelta_is_tracing() == 1);
    CHECK(current() == 0 && peak() == 0);
    CHECK(heapdelta_get_traceback(old, NULL, 0, NULL) == -ENOENT);
    free(old);
    CHECK(current() == 0 && peak() == 0);
    CHECK(heapdelta_stop() == 0);
    CHECK(heapdelta_start(0) == 0);

    old = malloc(900);
    free(old);
    CHECK(current() == 0 && peak() == 900);
    CHECK(heapdelta_reset_peak() == 0);
    CHECK(current() == 0 && peak() == 0);
}

/* BASE was alive, and with what all threads held so much more at the highest. */
static void compare_peak(size_t base)
{
    size_t expected = base + (thread_count ? thread_count : 1) * AT_TOP * TOP_SIZE;
    size_t slack = thread_count ? (thread_count + 1) * PEAK_SLACK : 0;

    CHECK(current() == base);
    CHECK(peak() + slack >= expected && peak() <= expected + slack);
}

static void look_on(void)
{
    size_t base = 0;

    for (int round = 0; round < ROUNDS; round++) {
        char label[] = "held0";

        label[4] += (char)round;
        meet();
        compare_with_snapshot(label);
        if (round == ROUNDS - 1) {
            base = current();
            CHECK(heapdelta_reset_peak() == 0);
            CHECK(peak() == base);
        }
        meet();
    }
    meet(); /* in hold_much() */
    meet();
    compare_peak(base);
    meet();
    meet();
    compare_with_snapshot("replaced");
    meet();
}

/* The same by one thread, who is also the one who looks on. */
static void alone(void)
{
    size_t base;

    for (int round = 0; round < ROUNDS; round++) {
        char label[] = "held0";

        label[4] += (char)round;
        reallocating();
        churn((uint32_t)round, pool[0]);
        compare_with_snapshot(label);
    }
    base = current();
    CHECK(heapdelta_reset_peak() == 0);
    CHECK(peak() == base);
    hold_much();
    compare_peak(base);
    tracking(pool[0]);
    compare_with_snapshot("replaced");
}

static void *run(void *number)
{
    take_part((unsigned)(uintptr_t)number);
    return NULL;
}

int main(int argc, char **argv)
{
    pthread_t threads[64];

    starting_and_stopping();
    thread_count = argc > 1 ? (unsigned)atoi(argv[1]) : 0;
    if (thread_count == 0) {
        alone();
    } else if (thread_count <= 64) {
        CHECK(pthread_barrier_init(&barrier, NULL, thread_count + 1) == 0);
        for (unsigned i = 0; i < thread_count; i++)
            if (pthread_create(&threads[i], NULL, run, (void *)(uintptr_t)i))
                return 2;
        look_on();
        for (unsigned i = 0; i < thread_count; i++)
            pthread_join(threads[i], NULL);
    }
    fputs(said, stdout);
    return complaints != 0;
}
