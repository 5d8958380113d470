/* cross_thread_free.c - threads allocate, move and free each other's blocks, while
 * snapshots are taken; the program writes its own ledger beside each snapshot.
 *
 * usage: cross_thread_free SECONDS SNAPSHOTS DIR [EVENTS]
 *
 * Blocks lie in slots, where any thread may take, move or free them, or travel in queues
 * from one thread to the next. Takes SNAPSHOTS snapshots, evenly over the time; with EVENTS
 * over as many allocations, moves and frees instead. For each, two files in DIR:
 *
 *   NNN.hds     the snapshot
 *   NNN.ledger  struct ledger_header, then struct ledger_event
 *
 * Every other snapshot is taken while all threads are held at a known point: then
 * the ledger lists the blocks alive. The others are taken while the threads go on:
 * then the ledger also lists what happened meanwhile, with times. cross_thread_ledger.py
 * compares. Only the allocations of the threads are in this file's code; they are
 * all freed before the end.
 */
#include "preload/heapdelta.h"

#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#define THREADS 8
#define SLOTS 4096
#define QUEUE 64
#define EVENTS (1u << 21) /* a thread can log this many while one snapshot is taken */

enum event_kind {
    EVENT_ALIVE, /* when the window opened; no times */
    EVENT_ALLOCATED,
    EVENT_FREED,
};

struct ledger_header {
    uint64_t held;       /* 1: no thread ran during the snapshot */
    uint64_t begin, end; /* ns: of the call that took the snapshot */
    uint64_t count;      /* of events that follow */
};

struct ledger_event {
    uint64_t kind;
    uint64_t address;
    uint64_t size;
    uint64_t begin, end; /* ns: the event happened between these */
};

/* A block of ours, or none; whoever holds the lock may replace it. */
struct slot {
    atomic_bool locked;
    unsigned char *block;
    size_t size;
};

/* Blocks on their way to a thread, first in, first out. */
struct queue {
    atomic_bool locked;
    unsigned first, count;
    struct slot parcels[QUEUE];
};

struct worker {
    pthread_t thread;
    struct queue queue;
    atomic_ullong done; /* events; only its own thread writes */
    uint64_t random;
    struct ledger_event *events; /* EVENTS of them, untouched pages until used */
    size_t event_count;
};

static struct slot slots[SLOTS];
static struct worker workers[THREADS];
static pthread_rwlock_t world; /* workers hold it to read, the snapshotter to stop them */
static atomic_bool logging;    /* changed only while the world is held */
static atomic_bool stopping;

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "cross_thread_free: %s\n", what);
    abort();
}

static uint64_t now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static void log_event(struct worker *self, enum event_kind kind, const void *block, size_t size,
                      uint64_t begin, uint64_t end)
{
    if (!atomic_load_explicit(&logging, memory_order_relaxed))
        return;
    if (self->event_count == EVENTS)
        die("a snapshot took too long for the log");
    self->events[self->event_count++] =
        (struct ledger_event){kind, (uintptr_t)block, size, begin, end};
}

/* A size as programs ask for: mostly small, sometimes large, now and then mapped. */
static size_t random_size(uint64_t random)
{
    switch (random % 64) {
    case 0:
        return 130000 + random / 64 % 100000;
    case 1:
    case 2:
        return 4096 + random / 64 % 30000;
    default:
        return 8 + random / 64 % 800;
    }
}

static void *allocate(uint64_t random, size_t size)
{
    void *block;

    switch (random % 8) {
    case 0:
        return calloc(1, size);
    case 1:
        return realloc(NULL, size);
    case 2:
        return memalign(64, size);
    case 3:
        return aligned_alloc(256, size);
    case 4:
        return posix_memalign(&block, 4096, size) == 0 ? block : NULL;
    case 5:
        return reallocarray(NULL, size, 1);
    default:
        return malloc(size);
    }
}

/* The first bytes of a block say which it is, so that damage is seen. */
static void sign(unsigned char *block, size_t size)
{
    uint64_t signature = (uintptr_t)block ^ size;

    memcpy(block, &signature, sizeof(signature));
}

static void check(const unsigned char *block, uintptr_t address, size_t size)
{
    uint64_t signature;

    memcpy(&signature, block, sizeof(signature));
    if (signature != (address ^ size))
        die("a block has changed");
}

/* Do one thing to SLOT, which this thread holds. */
static void work(struct worker *self, struct slot *slot)
{
    uint64_t random = next_random(&self->random);
    size_t size = random_size(random >> 8);
    unsigned char *old = slot->block;
    uint64_t begin = now();

    atomic_store_explicit(&self->done, atomic_load_explicit(&self->done, memory_order_relaxed) + 1,
                          memory_order_relaxed);

    if (!old) {
        slot->block = allocate(random, size);
        slot->size = size;
        if (!slot->block)
            die("out of memory");
        log_event(self, EVENT_ALLOCATED, slot->block, size, begin, now());
        sign(slot->block, size);
    } else if (random % 3 == 0) {
        uint64_t end;

        check(old, (uintptr_t)old, slot->size);
        slot->block = realloc(old, size);
        if (!slot->block)
            die("out of memory");
        end = now();
        log_event(self, EVENT_FREED, old, slot->size, begin, end);
        log_event(self, EVENT_ALLOCATED, slot->block, size, begin, end);
        check(slot->block, (uintptr_t)old, slot->size);
        slot->size = size;
        sign(slot->block, size);
    } else {
        check(old, (uintptr_t)old, slot->size);
        slot->block = NULL;
        free(old);
        log_event(self, EVENT_FREED, old, slot->size, begin, now());
    }
}

/* ---- queues ---- */

static void lock(atomic_bool *locked)
{
    while (atomic_exchange_explicit(locked, true, memory_order_acquire))
        sched_yield();
}

/* Put what PARCEL holds at the end of QUEUE, if there is room. */
static void send(struct queue *queue, struct slot *parcel)
{
    lock(&queue->locked);
    if (queue->count < QUEUE) {
        struct slot *last = &queue->parcels[(queue->first + queue->count++) % QUEUE];

        last->block = parcel->block;
        last->size = parcel->size;
        parcel->block = NULL;
    }
    atomic_store_explicit(&queue->locked, false, memory_order_release);
}

/* Take the first of QUEUE into PARCEL, which is empty. */
static void receive(struct queue *queue, struct slot *parcel)
{
    lock(&queue->locked);
    if (queue->count > 0) {
        struct slot *first = &queue->parcels[queue->first];

        parcel->block = first->block;
        parcel->size = first->size;
        first->block = NULL;
        queue->first = (queue->first + 1) % QUEUE;
        queue->count--;
    }
    atomic_store_explicit(&queue->locked, false, memory_order_release);
}

/* Send what is in SLOT on, and do something to what another thread has sent: a block that is
 * still there after that travels on. */
static void pass_on(struct worker *self, struct slot *slot)
{
    struct worker *next = &workers[(self - workers + 1) % THREADS];
    struct slot parcel = {.block = NULL};

    if (slot->block)
        send(&next->queue, slot);
    receive(&self->queue, &parcel);
    while (parcel.block) {
        work(self, &parcel);
        if (parcel.block)
            send(&next->queue, &parcel);
    }
}

static void *worker_main(void *argument)
{
    struct worker *self = argument;

    while (!atomic_load_explicit(&stopping, memory_order_relaxed)) {
        pthread_rwlock_rdlock(&world);
        for (int i = 0; i < 16; i++) {
            struct slot *slot = &slots[next_random(&self->random) % SLOTS];

            if (atomic_exchange_explicit(&slot->locked, true, memory_order_acquire))
                continue; /* another thread is at it */
            if (next_random(&self->random) % 4 == 0)
                pass_on(self, slot);
            else
                work(self, slot);
            atomic_store_explicit(&slot->locked, false, memory_order_release);
        }
        pthread_rwlock_unlock(&world);
    }
    return NULL;
}

/* Write the blocks in the SLOT_COUNT slots FROM to FILE; returns their number. */
static uint64_t write_blocks(FILE *file, const struct slot *from, int slot_count)
{
    uint64_t count = 0;

    for (int i = 0; i < slot_count; i++) {
        struct ledger_event event = {EVENT_ALIVE, (uintptr_t)from[i].block, from[i].size, 0, 0};

        if (from[i].block && fwrite(&event, sizeof(event), 1, file) == 1)
            count++;
    }
    return count;
}

/* Write the blocks alive to FILE; returns their number. The world is held. */
static uint64_t write_alive(FILE *file)
{
    uint64_t count = write_blocks(file, slots, SLOTS);

    for (int i = 0; i < THREADS; i++)
        count += write_blocks(file, workers[i].queue.parcels, QUEUE);
    return count;
}

static uint64_t events_done(void)
{
    uint64_t done = 0;

    for (int i = 0; i < THREADS; i++)
        done += atomic_load_explicit(&workers[i].done, memory_order_relaxed);
    return done;
}

/* Until PART of the whole has passed: of SECONDS since START, or of EVENTS. */
static void wait_for(double part, uint64_t start, double seconds, uint64_t events)
{
    uint64_t at = start + (uint64_t)(seconds * 1e9 * part);
    struct timespec until = {(time_t)(at / 1000000000u), (long)(at % 1000000000u)};
    struct timespec moment = {.tv_nsec = 1000000};

    if (!events)
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
    while (events_done() < (uint64_t)((double)events * part))
        nanosleep(&moment, NULL);
}

/* Take snapshot NUMBER into DIR, with its ledger; HELD: while no thread runs. */
static void take(const char *dir, int number, bool held)
{
    struct ledger_header header = {held, 0, 0, 0};
    char path[4096];
    FILE *file;
    int result;

    snprintf(path, sizeof(path), "%s/%03d.ledger", dir, number);
    file = fopen(path, "w");
    if (!file || fwrite(&header, sizeof(header), 1, file) != 1)
        die("cannot write the ledger");
    snprintf(path, sizeof(path), "%s/%03d.hds", dir, number);

    pthread_rwlock_wrlock(&world);
    header.count = write_alive(file);
    atomic_store(&logging, true);
    if (!held)
        pthread_rwlock_unlock(&world);

    header.begin = now();
    result = heapdelta_take_snapshot_to(path, held ? "held" : "running");
    header.end = now();

    if (!held)
        pthread_rwlock_wrlock(&world);
    atomic_store(&logging, false);
    for (int i = 0; i < THREADS; i++) {
        header.count += workers[i].event_count;
        if (fwrite(workers[i].events, sizeof(workers[i].events[0]), workers[i].event_count, file) !=
            workers[i].event_count)
            die("cannot write the ledger");
        workers[i].event_count = 0;
    }
    pthread_rwlock_unlock(&world);

    rewind(file);
    if (fwrite(&header, sizeof(header), 1, file) != 1 || fclose(file) != 0)
        die("cannot write the ledger");
    if (result != 0 && result != -ENOSYS) {
        fprintf(stderr, "cross_thread_free: snapshot %d: %s\n", number, strerror(-result));
        exit(1);
    }
}

static void free_all(struct slot *from, int count)
{
    for (int i = 0; i < count; i++) {
        if (from[i].block)
            check(from[i].block, (uintptr_t)from[i].block, from[i].size);
        free(from[i].block);
    }
}

int main(int argc, char **argv)
{
    double seconds = argc > 1 ? atof(argv[1]) : 8;
    int snapshots = argc > 2 ? atoi(argv[2]) : 40;
    const char *dir = argc > 3 ? argv[3] : ".";
    uint64_t events = argc > 4 ? strtoull(argv[4], NULL, 10) : 0;
    uint64_t start = now();
    pthread_rwlockattr_t attributes;

    pthread_rwlockattr_init(&attributes);
    pthread_rwlockattr_setkind_np(&attributes, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    pthread_rwlock_init(&world, &attributes);
    for (int i = 0; i < THREADS; i++) {
        workers[i].random = 88172645463325252u + (uint64_t)i * 7919;
        workers[i].events = mmap(NULL, EVENTS * sizeof(struct ledger_event), PROT_READ | PROT_WRITE,
                                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (workers[i].events == MAP_FAILED ||
            pthread_create(&workers[i].thread, NULL, worker_main, &workers[i]) != 0)
            die("cannot start the threads");
    }

    for (int i = 0; i < snapshots; i++) {
        wait_for((i + 1.0) / (snapshots + 1), start, seconds, events);
        take(dir, i, i % 2 == 0);
    }
    wait_for(1, start, seconds, events);
    atomic_store(&stopping, true);
    for (int i = 0; i < THREADS; i++)
        pthread_join(workers[i].thread, NULL);
    free_all(slots, SLOTS);
    for (int i = 0; i < THREADS; i++)
        free_all(workers[i].queue.parcels, QUEUE);
    printf("%lu events\n", (unsigned long)events_done());
    return 0;
}
