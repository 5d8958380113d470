/* soak.c - all that can go on in a program, for as long as wanted, and its own ledger of it.
 *
 * usage: soak DIR PLUGIN…
 *
 * Threads allocate, move and free blocks in slots that belong to all of them; others come and go
 * and do the same; for each PLUGIN one loads it, lets it allocate a block that stays in a slot, and
 * unloads it; one forks children, some of which execute another program. In each round, when
 * enough of everything has happened, the world is held, a snapshot NNN.hds is taken into DIR, and
 * a line written, as soon as the snapshot is there:
 *
 *     snapshot NNN.hds BLOCKS BYTES ALLOCATIONS FREES MALLOC EVENTS LOADS FORKS THREADS
 *
 * Blocks and bytes are alive, allocations and frees have been since the beginning, of this
 * file's code and the plug-ins'; malloc has so many bytes. A child of fork that stays says of itself:
 *
 *     child child.NNN.hds BLOCKS BYTES
 *
 * Then a line is awaited on standard input; without one, the program ends. soak.py compares.
 */
#include "preload/heapdelta.h"

#include <dlfcn.h>
#include <malloc.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define WORKERS 4
#define SLOTS 4096
#define PLUGINS_MAX 4
#define BATCH 16 /* events in a row, while the world can't be held */

/* What there is of everything in a round: of events at least, for they go on. */
#define ROUND_EVENTS 400000
#define ROUND_LOADS 60
#define ROUND_FORKS 4
#define ROUND_THREADS 40

/* A block, or none; whoever holds the lock may replace it. */
struct slot {
    atomic_bool locked;
    unsigned char *block;
    size_t size;
};

static struct slot slots[SLOTS];
static pthread_rwlock_t world; /* held to read by who changes slots, to write to stop them */
static atomic_bool stopping;
static atomic_ullong allocations, frees, events, loads, forks, threads;
static atomic_uint rounds; /* that were begun */
static const char *directory;

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "soak: %s\n", what);
    _exit(1);
}

/* Write a line at once, also in a child of fork. */
static void say(const char *format, ...)
{
    char line[256];
    va_list rest;
    int size;

    va_start(rest, format);
    size = vsnprintf(line, sizeof(line), format, rest);
    va_end(rest);
    if (write(1, line, (size_t)size) != size)
        die("cannot write");
}

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* Mostly small, sometimes large, now and then mapped. */
static size_t random_size(uint64_t random)
{
    if (random % 256 == 0)
        return 130000 + random / 256 % 100000;
    return random % 32 == 0 ? 4096 + random / 256 % 30000 : 8 + random / 256 % 800;
}

/* The first bytes of a block say which it is, so that damage is seen. */
static void fill(struct slot *slot, unsigned char *block, size_t size)
{
    uint64_t signature = (uintptr_t)block ^ size;

    if (!block)
        die("out of memory");
    memcpy(block, &signature, sizeof(signature));
    slot->block = block;
    slot->size = size;
}

static void check(const struct slot *slot, uintptr_t address)
{
    uint64_t signature;

    memcpy(&signature, slot->block, sizeof(signature));
    if (signature != (address ^ slot->size))
        die("a block has changed");
}

/* Find a slot that nobody else is at, and hold it. */
static struct slot *take_slot(uint64_t *random)
{
    for (;;) {
        struct slot *slot = &slots[next_random(random) % SLOTS];

        if (!atomic_exchange_explicit(&slot->locked, true, memory_order_acquire))
            return slot;
    }
}

static void put_slot(struct slot *slot)
{
    atomic_store_explicit(&slot->locked, false, memory_order_release);
}

static void empty(struct slot *slot)
{
    if (!slot->block)
        return;
    check(slot, (uintptr_t)slot->block);
    free(slot->block);
    slot->block = NULL;
    atomic_fetch_add(&frees, 1);
}

/* Allocate, move or free what is in SLOT. */
static void work(struct slot *slot, uint64_t random)
{
    size_t size = random_size(random >> 8);
    uintptr_t before = (uintptr_t)slot->block;

    if (!slot->block) {
        fill(slot, random % 4 == 0 ? calloc(1, size) : malloc(size), size);
    } else if (random % 3 == 0) {
        slot->block = realloc(slot->block, size);
        if (!slot->block)
            die("out of memory");
        check(slot, before);
        fill(slot, slot->block, size);
        atomic_fetch_add(&frees, 1);
    } else {
        empty(slot);
        return;
    }
    atomic_fetch_add(&allocations, 1);
}

static void do_batches(uint64_t *random, int count)
{
    for (int i = 0; i < count && !atomic_load(&stopping); i++) {
        pthread_rwlock_rdlock(&world);
        for (int j = 0; j < BATCH; j++) {
            struct slot *slot = take_slot(random);

            work(slot, next_random(random));
            put_slot(slot);
        }
        pthread_rwlock_unlock(&world);
        atomic_fetch_add(&events, BATCH);
    }
}

/* ---- the threads ------------------------------------------------------------------- */

static uint64_t seed(void)
{
    static atomic_ullong number;

    return 88172645463325252u + atomic_fetch_add(&number, 1) * 7919;
}

static void *work_on(void *unused)
{
    uint64_t random = seed();

    while (!atomic_load(&stopping))
        do_batches(&random, 100);
    return unused;
}

static void *work_a_little(void *unused)
{
    uint64_t random = seed();

    do_batches(&random, 20);
    return unused;
}

/* Whether one more of what DONE counts is to be done, in this round or in a later one. */
static bool another(const atomic_ullong *done, unsigned per_round)
{
    const struct timespec moment = {.tv_nsec = 1000000};

    while (!atomic_load(&stopping) && atomic_load(done) >= 1ull * per_round * atomic_load(&rounds))
        nanosleep(&moment, NULL);
    return !atomic_load(&stopping);
}

static void *begin_threads(void *unused)
{
    while (another(&threads, ROUND_THREADS)) {
        pthread_t two[2];

        for (int i = 0; i < 2; i++)
            if (pthread_create(&two[i], NULL, work_a_little, NULL) != 0)
                die("cannot start a thread");
        for (int i = 0; i < 2; i++)
            pthread_join(two[i], NULL);
        atomic_fetch_add(&threads, 2);
    }
    return unused;
}

static void *load_on(void *path)
{
    uint64_t random = seed();

    while (another(&loads, ROUND_LOADS)) {
        void *library = dlopen(path, RTLD_NOW);
        void *(*make)(size_t size);
        struct slot *slot;
        size_t size = random_size(next_random(&random));

        if (!library)
            die(dlerror());
        *(void **)&make = dlsym(library, "plugin_make");
        pthread_rwlock_rdlock(&world);
        slot = take_slot(&random);
        empty(slot);
        fill(slot, make(size), size);
        atomic_fetch_add(&allocations, 1);
        put_slot(slot);
        pthread_rwlock_unlock(&world);
        dlclose(library);
        atomic_fetch_add(&loads, 1);
    }
    return NULL;
}

/* How much is alive. The world is held. */
static void count_live(unsigned long *out_blocks, unsigned long *out_bytes)
{
    *out_blocks = *out_bytes = 0;
    for (int i = 0; i < SLOTS; i++) {
        *out_blocks += slots[i].block != NULL;
        *out_bytes += slots[i].block ? slots[i].size : 0;
    }
}

/* In a child of fork: it has what its parent had, and goes its own way from there. */
static _Noreturn void live_on(unsigned number, uint64_t random)
{
    unsigned long blocks, bytes;
    char path[4096];
    int result;

    alarm(600);
    for (int i = 0; i < 500; i++)
        work(take_slot(&random), next_random(&random));
    count_live(&blocks, &bytes);
    snprintf(path, sizeof(path), "%s/child.%u.hds", directory, number);
    result = heapdelta_take_snapshot_to(path, "child");
    if (result != 0 && result != -ENOSYS)
        die("a child's snapshot failed");
    say("child child.%u.hds %lu %lu\n", number, blocks, bytes);
    _exit(9);
}

static void *fork_on(void *unused)
{
    char *const program[] = {(char *)"/bin/sh", (char *)"-c", (char *)"exit 9", NULL};
    uint64_t random = seed();

    for (unsigned number = 0; another(&forks, ROUND_FORKS); number++) {
        bool stays = number % 4 == 0;
        int status = 0;
        pid_t child;

        if (stays) /* no slot is held in it, and the ledger is right */
            pthread_rwlock_wrlock(&world);
        child = fork();
        if (child == 0 && stays)
            live_on(number, random);
        if (child == 0) {
            execv(program[0], program);
            _exit(1);
        }
        if (stays)
            pthread_rwlock_unlock(&world);
        if (child < 0 || waitpid(child, &status, 0) != child || status != 9 << 8)
            die("a child failed");
        atomic_fetch_add(&forks, 1);
    }
    return unused;
}

/* ---- the rounds -------------------------------------------------------------------- */

static void await(const atomic_ullong *counter, unsigned long long until)
{
    const struct timespec moment = {.tv_nsec = 1000000};

    while (atomic_load(counter) < until)
        nanosleep(&moment, NULL);
}

static void take_snapshot(unsigned number)
{
    unsigned long blocks, bytes;
    char path[4096];
    int result;

    snprintf(path, sizeof(path), "%s/%u.hds", directory, number);
    pthread_rwlock_wrlock(&world);
    count_live(&blocks, &bytes);
    result = heapdelta_take_snapshot_to(path, "held");
    if (result != 0 && result != -ENOSYS) {
        fprintf(stderr, "soak: snapshot %u: %s\n", number, strerror(-result));
        _exit(1);
    }
    say("snapshot %u.hds %lu %lu %llu %llu %zu %llu %llu %llu %llu\n", number, blocks, bytes,
        atomic_load(&allocations), atomic_load(&frees), mallinfo2().arena, atomic_load(&events),
        atomic_load(&loads), atomic_load(&forks), atomic_load(&threads));
    pthread_rwlock_unlock(&world);
}

/* Whether there is another round to come. */
static bool go_on(void)
{
    char byte = 0;

    while (byte != '\n')
        if (read(0, &byte, 1) != 1)
            return false;
    return true;
}

int main(int argc, char **argv)
{
    pthread_t all[WORKERS + PLUGINS_MAX + 2];
    int count = 0, plugins = argc - 2;
    pthread_rwlockattr_t attributes;

    if (plugins < 1 || plugins > PLUGINS_MAX)
        return 2;
    directory = argv[1];
    mallopt(M_ARENA_MAX, 4);
    mallopt(M_MMAP_THRESHOLD, 128 << 10); /* it would move, and blocks be spread ever further */
    pthread_rwlockattr_init(&attributes);
    pthread_rwlockattr_setkind_np(&attributes, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    pthread_rwlock_init(&world, &attributes);
    for (int i = 0; i < WORKERS + plugins + 2; i++) {
        void *(*main_of)(void *) = i < WORKERS ? work_on : i < WORKERS + plugins ? load_on
                                   : i == WORKERS + plugins ? begin_threads : fork_on;
        bool loads_plugin = i >= WORKERS && i < WORKERS + plugins;

        if (pthread_create(&all[count++], NULL, main_of,
                           loads_plugin ? argv[2 + i - WORKERS] : NULL) != 0)
            die("cannot start a thread");
    }
    for (unsigned number = 0; go_on(); number++) {
        unsigned long long more = number + 1;

        atomic_store(&rounds, number + 1);
        await(&events, more * ROUND_EVENTS);
        await(&loads, more * ROUND_LOADS);
        await(&forks, more * ROUND_FORKS);
        await(&threads, more * ROUND_THREADS);
        take_snapshot(number);
    }
    atomic_store(&stopping, true);
    for (int i = 0; i < count; i++)
        pthread_join(all[i], NULL);
    for (int i = 0; i < SLOTS; i++)
        empty(&slots[i]);
    return 5;
}
