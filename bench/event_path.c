/* event_path.c - what a pair of malloc and free costs, by itself.
 *
 *   event_path [--depth N] [--path KIND] [--threads N] [--blocks own|handed] [--pairs N]
 *
 * Times nothing but pairs, so the difference between a traced and a native run is what
 * tracing adds to a pair. event_path.py makes that difference, in turn and several times:
 *
 *   bench/event_path.py BUILD [--rounds N] --depth 20 --path site
 *
 * DEPTH is that of the stack, from the caller of malloc to the outermost frame, as others
 * count it (_Unwind_Backtrace). KIND says how the stack differs from event to event:
 *
 *   site       not at all: one loop, one site
 *   walk       by up to 3 frames up or down within the innermost 8, 2 functions a level
 *   recursion  by one: a function that calls itself, with a pair on its way down and up
 *   paths      by all: one of 1,000 random paths, each walked from the outermost frame
 *
 * (no program is like the last one: an event has nothing in common with the one before it
 * but what chance gives it). With several threads the blocks are each thread's own, or
 * handed over: allocated by one, freed by the next.
 *
 * Prints one object of JSON a line for each combination of what was not named:
 * ns_min and ns_median are CPU time of the thread per pair, over its batches of pairs;
 * pairs_per_second is that of all threads by the clock on the wall.
 */
#include <getopt.h>
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unwind.h>

#define BLOCK_SIZE   64
#define MAX_THREADS  16
#define MAX_DEPTH    4000
#define PATHS        1000
#define WINDOW       8    /* levels that a walk moves in */
#define QUEUE_LENGTH 8192
#define BATCHES      50

enum kind { SITE, WALK, RECURSION, RANDOM_PATHS, KINDS };

static const char *const kind_names[KINDS] = {"site", "walk", "recursion", "paths"};

/* What one run measures. */
struct setup {
    unsigned depth, threads;
    enum kind kind;
    bool handed;
    uint64_t pairs; /* of each thread */
};

/* Blocks on their way from one thread to the next: one writes, one reads. */
struct queue {
    _Alignas(64) _Atomic size_t written;
    _Alignas(64) _Atomic size_t read;
    void *blocks[QUEUE_LENGTH];
};

struct worker {
    const struct setup *setup;
    unsigned chain;            /* levels: frames of our own above the thread's outermost */
    unsigned level, target;    /* where we are; in a walk, where the next pair is to be */
    const uint8_t *path;       /* which of two functions is entered from each level */
    struct queue *in, *out;    /* NULL: a block is freed where it was allocated */
    uint64_t left;             /* pairs of this batch */
    uint64_t random;
    double batch_ns[BATCHES];  /* CPU time per pair */
    struct timespec begun, ended;
};

static uint8_t paths[PATHS][MAX_DEPTH];
static struct worker workers[MAX_THREADS];
static struct queue queues[MAX_THREADS];
static pthread_barrier_t barrier;
static atomic_uint unfinished;

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state >> 20;
}

/* ---- a pair ------------------------------------------------------------------------- */

/* Free what has arrived. Returns how many blocks that were. */
static size_t take_in(struct queue *queue)
{
    size_t read = atomic_load_explicit(&queue->read, memory_order_relaxed);
    size_t written = atomic_load_explicit(&queue->written, memory_order_acquire);
    size_t count = written - read;

    for (; read != written; read++)
        free(queue->blocks[read % QUEUE_LENGTH]);
    atomic_store_explicit(&queue->read, read, memory_order_release);
    return count;
}

static void hand_over(struct worker *worker, void *block)
{
    struct queue *out = worker->out;
    size_t written = atomic_load_explicit(&out->written, memory_order_relaxed);

    /* Who waits frees meanwhile, or a ring of threads would wait for ever. */
    while (written - atomic_load_explicit(&out->read, memory_order_acquire) == QUEUE_LENGTH)
        if (take_in(worker->in) == 0)
            sched_yield();
    out->blocks[written % QUEUE_LENGTH] = block;
    atomic_store_explicit(&out->written, written + 1, memory_order_release);
    if (written % 16 == 0)
        take_in(worker->in);
}

/* Inlined, so that the caller is the site. */
static inline __attribute__((always_inline)) void pair(struct worker *worker)
{
    void *block = malloc(BLOCK_SIZE);

    __asm__ volatile("" : "+r"(block) : : "memory"); /* or the compiler drops both */
    if (worker->out)
        hand_over(worker, block);
    else
        free(block);
    worker->left--;
}

/* ---- the stack below it ------------------------------------------------------------- */

typedef void step_function(struct worker *worker);

/* Enter ONE or OTHER, by calls that the processor can guess as well as any branch. */
static inline __attribute__((always_inline)) void enter(struct worker *worker, bool choice,
                                                        step_function *one,
                                                        step_function *other)
{
    if (choice)
        one(worker);
    else
        other(worker);
}

/* What every function of a path does; ONE and OTHER are those that it can call. */
static inline __attribute__((always_inline)) void step(struct worker *worker,
                                                       step_function *one,
                                                       step_function *other)
{
    worker->level++;
    switch (worker->setup->kind) {
    case SITE:
    case RANDOM_PATHS:
        if (worker->level < worker->chain)
            enter(worker, worker->path[worker->level], one, other);
        else
            do
                pair(worker);
            while (worker->setup->kind == SITE && worker->left > 0);
        break;
    case RECURSION:
        pair(worker);
        if (worker->level < worker->chain && worker->left > 0)
            one(worker);
        if (worker->left > 0)
            pair(worker);
        break;
    default: /* WALK */
        while (worker->left > 0 && worker->level <= worker->target) {
            uint64_t random = next_random(&worker->random);

            if (worker->level < worker->target) {
                bool inner = worker->level > worker->chain - WINDOW;

                enter(worker, inner && (random & 1), one, other);
                continue;
            }
            pair(worker);
            worker->target += (unsigned)(random % 7);
            worker->target -= 3;
            if (worker->target > worker->chain)
                worker->target = worker->chain;
            if (worker->target <= worker->chain - WINDOW)
                worker->target = worker->chain - WINDOW + 1;
        }
        break;
    }
    worker->level--;
}

/* The functions that stacks are made of. Their frames differ in size, so with one of them
 * all that stand on it lie elsewhere, too. */
#define STEP(number, one, other)                                                        \
    static __attribute__((noinline)) void step_##number(struct worker *worker)          \
    {                                                                                   \
        char frame[16 + number * 24];                                                   \
                                                                                        \
        __asm__ volatile("" : : "r"(frame) : "memory");                                 \
        step(worker, step_##one, step_##other);                                         \
        __asm__ volatile("" : : "r"(frame) : "memory"); /* or the call was a jump */    \
    }

static step_function step_1, step_2, step_3, step_4, step_5, step_6, step_7;

STEP(0, 0, 1)
STEP(1, 2, 3)
STEP(2, 4, 5)
STEP(3, 6, 7)
STEP(4, 0, 1)
STEP(5, 2, 3)
STEP(6, 4, 5)
STEP(7, 6, 7)

static _Unwind_Reason_Code count_frame(struct _Unwind_Context *context, void *count)
{
    *(unsigned *)count += _Unwind_GetIP(context) != 0;
    return _URC_NO_REASON;
}

/* ---- batches ------------------------------------------------------------------------ */

static double cpu_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

/* Inlined, so that the stack below is as small as can be. */
static inline __attribute__((always_inline)) void run(struct worker *worker)
{
    const struct setup *setup = worker->setup;
    uint64_t per_batch = setup->pairs / BATCHES;
    unsigned outer = 0;

    _Unwind_Backtrace(count_frame, &outer);
    worker->chain = setup->depth - outer;
    if (setup->depth <= outer || (setup->kind == WALK && worker->chain < WINDOW)) {
        fprintf(stderr, "event_path: no %s with a depth of %u\n", kind_names[setup->kind],
                setup->depth);
        exit(EXIT_FAILURE);
    }
    worker->level = 0;
    worker->target = worker->chain;
    worker->path = paths[0];
    pthread_barrier_wait(&barrier);
    clock_gettime(CLOCK_MONOTONIC, &worker->begun);
    for (int batch = 0; batch < BATCHES; batch++) {
        double before = cpu_ns();

        worker->left = per_batch;
        while (worker->left > 0) {
            if (setup->kind == RANDOM_PATHS)
                worker->path = paths[next_random(&worker->random) % PATHS];
            step_0(worker);
        }
        worker->batch_ns[batch] = (cpu_ns() - before) / (double)per_batch;
    }
    clock_gettime(CLOCK_MONOTONIC, &worker->ended);
    atomic_fetch_sub(&unfinished, 1);
    while (worker->in && atomic_load(&unfinished) > 0)
        if (take_in(worker->in) == 0)
            sched_yield();
}

static void *thread_main(void *worker)
{
    run(worker);
    return NULL;
}

static int compare_doubles(const void *one, const void *other)
{
    double a = *(const double *)one, b = *(const double *)other;

    return (a > b) - (a < b);
}

static double seconds(const struct timespec *time)
{
    return (double)time->tv_sec + (double)time->tv_nsec / 1e9;
}

static void print_result(const struct setup *setup)
{
    static double ns[MAX_THREADS * BATCHES];
    double begun = seconds(&workers[0].begun), ended = 0;
    size_t count = 0;

    for (unsigned i = 0; i < setup->threads; i++) {
        memcpy(ns + count, workers[i].batch_ns, sizeof workers[i].batch_ns);
        count += BATCHES;
        if (seconds(&workers[i].begun) < begun)
            begun = seconds(&workers[i].begun);
        if (seconds(&workers[i].ended) > ended)
            ended = seconds(&workers[i].ended);
    }
    qsort(ns, count, sizeof *ns, compare_doubles);
    printf("{\"depth\": %u, \"path\": \"%s\", \"threads\": %u, \"blocks\": \"%s\", "
           "\"pairs\": %" PRIu64 ", \"ns_min\": %.2f, \"ns_median\": %.2f, "
           "\"pairs_per_second\": %.0f}\n",
           setup->depth, kind_names[setup->kind], setup->threads,
           setup->handed ? "handed" : "own", setup->pairs * setup->threads, ns[0], ns[count / 2],
           (double)(setup->pairs * setup->threads) / (ended - begun));
    fflush(stdout);
}

/* One combination. Inlined for the sake of run(). */
static inline __attribute__((always_inline)) void measure(const struct setup *setup)
{
    pthread_t threads[MAX_THREADS];

    memset(workers, 0, sizeof workers);
    pthread_barrier_init(&barrier, NULL, setup->threads);
    atomic_store(&unfinished, setup->threads);
    for (unsigned i = 0; i < setup->threads; i++) {
        workers[i].setup = setup;
        workers[i].random = 0x9e3779b97f4a7c15u * (i + 1);
        if (setup->handed) {
            workers[i].in = &queues[i];
            workers[i].out = &queues[(i + 1) % setup->threads];
        }
    }
    /* A single one is the main thread, as in most programs. */
    if (setup->threads == 1) {
        run(&workers[0]);
    } else {
        for (unsigned i = 0; i < setup->threads; i++)
            if (pthread_create(&threads[i], NULL, thread_main, &workers[i]) != 0) {
                fputs("event_path: cannot create a thread\n", stderr);
                exit(EXIT_FAILURE);
            }
        for (unsigned i = 0; i < setup->threads; i++)
            pthread_join(threads[i], NULL);
    }
    for (unsigned i = 0; i < setup->threads; i++)
        take_in(&queues[i]);
    pthread_barrier_destroy(&barrier);
    print_result(setup);
}

/* ---- what is asked for -------------------------------------------------------------- */

static unsigned named_depth, named_threads;
static enum kind named_kind = KINDS;
static const char *named_blocks;

/* Whether SETUP is among what the options ask for. What is not named is taken from a
 * list: all kinds and depths by one thread, and one site by several. */
static bool wanted(const struct setup *setup)
{
    if (named_kind != KINDS ? setup->kind != named_kind
                            : setup->kind != SITE && (setup->threads > 1 || setup->handed))
        return false;
    if (named_depth ? setup->depth != named_depth
                    : setup->depth != 20 && (setup->threads > 1 || setup->handed))
        return false;
    if (named_threads && setup->threads != named_threads)
        return false;
    if (named_blocks && setup->handed != (named_blocks[0] == 'h'))
        return false;
    /* Too short for paths that differ, and for others to stand below them. */
    return setup->depth >= 20 || setup->kind == SITE || setup->kind == RECURSION || named_depth;
}

static void usage(void)
{
    fputs("usage: event_path [--depth 5..4000] [--path site|walk|recursion|paths]\n"
          "                  [--threads 1..16] [--blocks own|handed] [--pairs N]\n",
          stderr);
    exit(2);
}

static unsigned number(const char *text, unsigned least, unsigned most)
{
    char *end;
    unsigned long value = strtoul(text, &end, 10);

    if (*text < '0' || *text > '9' || *end != '\0' || value < least || value > most)
        usage();
    return (unsigned)value;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"depth", required_argument, NULL, 'd'},   {"path", required_argument, NULL, 'p'},
        {"threads", required_argument, NULL, 't'}, {"blocks", required_argument, NULL, 'b'},
        {"pairs", required_argument, NULL, 'n'},   {0},
    };
    unsigned depths[] = {5, 20, 60, 200}, threads[] = {1, 2, 4};
    unsigned depth_count = 4, thread_count = 3;
    uint64_t pairs = 1000000, random = 88172645463325252u;
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case 'd':
            depths[0] = named_depth = number(optarg, 5, MAX_DEPTH);
            depth_count = 1;
            break;
        case 't':
            threads[0] = named_threads = number(optarg, 1, MAX_THREADS);
            thread_count = 1;
            break;
        case 'p':
            named_kind = SITE;
            while (named_kind < KINDS && strcmp(optarg, kind_names[named_kind]) != 0)
                named_kind++;
            if (named_kind == KINDS)
                usage();
            break;
        case 'b':
            named_blocks = optarg;
            if (strcmp(optarg, "own") != 0 && strcmp(optarg, "handed") != 0)
                usage();
            break;
        case 'n':
            pairs = number(optarg, BATCHES, 1000000000);
            break;
        default:
            usage();
        }
    }
    if (optind != argc)
        usage();
    for (unsigned i = 0; i < PATHS; i++)
        for (unsigned level = 0; level < MAX_DEPTH; level++)
            paths[i][level] = next_random(&random) & 1;

    for (unsigned handed = 0; handed < 2; handed++)
        for (unsigned t = 0; t < thread_count; t++)
            for (unsigned kind = 0; kind < KINDS; kind++)
                for (unsigned d = 0; d < depth_count; d++) {
                    struct setup setup = {depths[d], threads[t], (enum kind)kind, handed != 0,
                                          pairs};

                    if (wanted(&setup))
                        measure(&setup);
                }
    return EXIT_SUCCESS;
}
