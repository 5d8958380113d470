/* threads.c - several threads. They keep in step, so that it is not the scheduler that says which of
 * them begins when: a worker that gets no processor until late seems to be growth. */
#include "scene.h"

#include <pthread.h>

#define WORKERS 4
#define STRIDE  10 /* requests, after which a worker waits for the others */

static unsigned share; /* of the requests, for each worker */
static pthread_barrier_t together;

static void run(void *(*work)(void *), unsigned count)
{
    pthread_t threads[WORKERS];

    if (pthread_barrier_init(&together, NULL, count) != 0)
        abort();
    for (unsigned i = 0; i < count; i++)
        if (pthread_create(&threads[i], NULL, work, (void *)(uintptr_t)i) != 0)
            abort();
    for (unsigned i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
    pthread_barrier_destroy(&together);
}

/* A worker is at request NUMBER of its share. */
static void keep_in_step(unsigned number)
{
    if (number % STRIDE == 0)
        pthread_barrier_wait(&together);
}

static SITE struct node *state_new(size_t size)
{
    struct node *state = NODE(size);

    memset(state->bytes, 's', size);
    return state;
}

static void *forgets_state(void *unused)
{
    struct node *volatile state = state_new(100);

    (void)unused;
    state->text = NULL;
    for (unsigned i = 0; i < 40; i++)
        free(traffic_block(100 + i));
    return NULL;
}

/* Each thread forgets its state when it ends, and another one is started. */
static void thread_state_lost(unsigned requests)
{
    for (unsigned i = 0; i < requests; i++) {
        run(forgets_state, 1);
        step(i);
    }
}

static struct node *registered;

static void *registers_state(void *unused)
{
    (void)unused;
    push(&registered, state_new(100));
    for (unsigned i = 0; i < 40; i++)
        free(traffic_block(100 + i));
    return NULL;
}

/* Each thread enters its state in a list, from which it is never taken. */
static void thread_state_held(unsigned requests)
{
    for (unsigned i = 0; i < requests; i++) {
        run(registers_state, 1);
        step(i);
    }
}

static SITE char *cached_new(size_t size)
{
    char *cached = malloc(size);

    memset(cached, 'c', size);
    return cached;
}

/* Private to each worker, as traffic() draws from a state that all have. */
static unsigned next(unsigned *state, unsigned limit)
{
    *state = *state * 1664525 + 1013904223;
    return (*state >> 10) % limit;
}

static __thread char *cache[100];
static char *volatile last_cache[100];

static void *has_cache(void *number)
{
    unsigned state = (unsigned)(uintptr_t)number + share;

    for (unsigned i = 0; i < share; i++) {
        unsigned place = next(&state, 100);

        keep_in_step(i);
        free(cache[place]);
        cache[place] = cached_new(40 + place);
        free(traffic_block(20 + next(&state, 100)));
        free(traffic_block(20 + next(&state, 100)));
    }
    /* The program ends with the cache of the first, and no other. */
    for (unsigned i = 0; i < 100; i++) {
        if (number)
            free(cache[i]);
        else
            last_cache[i] = cache[i];
    }
    return NULL;
}

/* Each thread has a cache of its own, with a limit. */
static void thread_caches(unsigned requests)
{
    share = requests / WORKERS;
    run(has_cache, WORKERS);
}

static SITE char *job_new(size_t size)
{
    char *job = malloc(size);

    memset(job, 'j', size);
    return job;
}

static void *forgets_jobs(void *number)
{
    unsigned state = (unsigned)(uintptr_t)number + share;

    for (unsigned i = 0; i < share; i++) {
        char *job = job_new(60);

        keep_in_step(i);
        if (next(&state, 100) != 0)
            free(job);
        free(traffic_block(20 + next(&state, 100)));
    }
    return NULL;
}

/* All workers forget a job now and then. */
static void workers_leak(unsigned requests)
{
    share = requests / WORKERS;
    run(forgets_jobs, WORKERS);
}

static struct node *handed;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void *hands_over(void *number)
{
    unsigned state = (unsigned)(uintptr_t)number + share;

    for (unsigned i = 0; i < share; i++) {
        struct node *job = (struct node *)(void *)job_new(80), *old = NULL;

        keep_in_step(i);
        pthread_mutex_lock(&lock);
        push(&handed, job);
        if (next(&state, 50) != 0)
            old = handed->next ? handed->next : NULL;
        if (old)
            handed->next = old->next;
        pthread_mutex_unlock(&lock);
        free(old);
        free(traffic_block(20 + next(&state, 100)));
    }
    return NULL;
}

/* Jobs are freed by whoever is next; one of fifty stays in the list. */
static void handed_over(unsigned requests)
{
    share = requests / WORKERS;
    run(hands_over, WORKERS);
}

const struct scene scenes[] = {
    {"thread_state_lost", thread_state_lost, 300},
    {"thread_state_held", thread_state_held, 300},
    {"thread_caches", thread_caches, 20000},
    {"workers_leak", workers_leak, 30000},
    {"handed_over", handed_over, 20000},
    {0},
};
