/* pause.c - threads that allocate from many stacks, while snapshots are taken.
 *
 *   pause DIRECTORY [STACKS [THREADS [SNAPSHOTS]]]      (20,000, 2, 30)
 *
 * Each thread holds a block of each of its share of the stacks and lets go of one and allocates it anew,
 * over and over. Traced, one of them takes snapshots meanwhile, which go to DIRECTORY, by their
 * number; pause.py asks them how long the program stood still. Says with how many stacks and threads,
 * as JSON.
 */
#include "preload/heapdelta.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define LEVELS      20
#define MAX_THREADS 16
#define EVENTS      100000 /* between two snapshots */

static uint32_t paths; /* of each thread */
static pthread_barrier_t begun;
static _Atomic bool over;

/* A block from the stack that PATH says: a function at each of LEVELS calls the next from one of two
 * places. */
static __attribute__((noinline)) void *allocate(uint32_t path, uint32_t levels)
{
    void *block;

    if (levels == 0)
        return malloc(64);
    if (path & 1) {
        block = allocate(path / 2, levels - 1);
        __asm__ volatile("# odd" : "+r"(block)); /* the compiler is not to make one call of both */
    } else {
        block = allocate(path / 2, levels - 1);
        __asm__ volatile("# even" : "+r"(block));
    }
    return block;
}

/* What a thread works on. */
struct worker {
    void **blocks;
    uint64_t random, events;
};

/* Not to be called from two places, or there are twice as many stacks. */
static __attribute__((noinline)) void work(struct worker *worker, uint64_t events)
{
    for (; events > 0; events--, worker->events++) {
        uint32_t which = (uint32_t)worker->events; /* each once */

        if (which >= paths) {
            worker->random = worker->random * 6364136223846793005u + 1442695040888963407u;
            which = (uint32_t)(worker->random >> 33) % paths;
        }
        free(worker->blocks[which]);
        worker->blocks[which] = allocate(which, LEVELS);
    }
}

static void finish(struct worker *worker)
{
    for (uint32_t i = 0; i < paths; i++)
        free(worker->blocks[i]);
    free(worker->blocks);
}

/* No snapshot before each thread has been everywhere. `waits` is volatile so that the compiler does not
 * make two loops of one, and so two places that call work(). */
static void *run(void *argument)
{
    const struct worker *worker = argument;
    volatile bool waits = true;

    while (!atomic_load_explicit(&over, memory_order_relaxed)) {
        work(argument, 100);
        if (waits && worker->events >= paths) {
            waits = false;
            pthread_barrier_wait(&begun);
        }
    }
    finish(argument);
    return NULL;
}

/* Where nobody gets to run for a second, a snapshot is refused: try again. */
static void take_snapshot(const char *path)
{
    unsigned tries = 0;

    while (heapdelta_take_snapshot_to(path, "pause") != 0)
        if (++tries == 60)
            abort();
}

/* As run(), with SNAPSHOTS that go to DIRECTORY. */
static void run_and_look(struct worker *worker, const char *directory, unsigned snapshots)
{
    volatile bool waits = true;

    for (unsigned i = 0; i < snapshots; i++) {
        char path[4096];

        work(worker, EVENTS > paths ? EVENTS : paths);
        if (waits)
            pthread_barrier_wait(&begun);
        waits = false;
        snprintf(path, sizeof path, "%s/%u.hds", directory, i);
        if (heapdelta_is_tracing())
            take_snapshot(path);
    }
    atomic_store(&over, true);
    finish(worker);
}

int main(int argc, char **argv)
{
    unsigned stacks = argc > 2 ? (unsigned)atoi(argv[2]) : 20000;
    unsigned threads = argc > 3 ? (unsigned)atoi(argv[3]) : 2;
    unsigned snapshots = argc > 4 ? (unsigned)atoi(argv[4]) : 30;
    struct worker workers[MAX_THREADS];
    pthread_t others[MAX_THREADS];

    if (argc < 2 || threads == 0 || threads > MAX_THREADS || stacks < threads || stacks > 1u << LEVELS ||
        snapshots == 0) {
        fputs("usage: pause DIRECTORY [STACKS [THREADS [SNAPSHOTS]]]\n", stderr);
        return 2;
    }
    paths = stacks / threads;
    pthread_barrier_init(&begun, NULL, threads);
    for (unsigned i = 0; i < threads; i++) {
        workers[i] = (struct worker){calloc(paths, sizeof(void *)), i + 1, 0};
        if (!workers[i].blocks || (i > 0 && pthread_create(&others[i], NULL, run, &workers[i]) != 0))
            abort();
    }
    run_and_look(&workers[0], argv[1], snapshots);
    for (unsigned i = 1; i < threads; i++)
        pthread_join(others[i], NULL);
    printf("{\"stacks\": %u, \"threads\": %u, \"snapshots\": %u}\n", stacks, threads, snapshots);
    return 0;
}
