/* Blocks of a small allocator, handed between threads, under ThreadSanitizer. */
#include "unit.h"

#include "preload/live.h"
#include "live_list.h"

#include <pthread.h>
#include <stdlib.h>

#define ADDRESSES 512u
#define THREADS   4u
#define ROUNDS    60000
#define BASE      ((uintptr_t)0x500000000000)

/* A list of numbers of addresses with a lock: what malloc has to give, and the queue through
 * which blocks go from thread to thread. */
struct list {
    pthread_mutex_t mutex;
    unsigned count;
    uint32_t numbers[ADDRESSES];
};

static struct list spare = { .mutex = PTHREAD_MUTEX_INITIALIZER };
static struct list queue = { .mutex = PTHREAD_MUTEX_INITIALIZER };
static struct live_block handed[ADDRESSES]; /* as its owner put it in */
static uintptr_t spacing;
static _Atomic bool stop;

static void list_put(struct list *list, uint32_t number)
{
    pthread_mutex_lock(&list->mutex);
    list->numbers[list->count++] = number;
    pthread_mutex_unlock(&list->mutex);
}

/* Take any number out of LIST; false if it is empty. */
static bool list_take(struct list *list, uint64_t random, uint32_t *out_number)
{
    bool taken = false;

    pthread_mutex_lock(&list->mutex);
    if (list->count) {
        uint32_t *place = &list->numbers[random % list->count];

        *out_number = *place;
        *place = list->numbers[--list->count];
        taken = true;
    }
    pthread_mutex_unlock(&list->mutex);
    return taken;
}

static uint64_t random_next(uint64_t *random)
{
    *random = *random * 6364136223846793005u + 1442695040888963407u;
    return *random >> 33;
}

static bool same_block(const struct live_block *a, const struct live_block *b)
{
    return a->address == b->address && a->size == b->size && a->stack == b->stack &&
           a->epoch == b->epoch;
}

/* The members of a block tell of each other, so that one put together from two is seen. */
static struct live_block make_block(uintptr_t address, uint32_t random)
{
    uint32_t stack = random % 60000;

    return (struct live_block){ address, stack / 2 + (stack % 16 == 0) * 40000, stack, 1 + stack };
}

static bool is_whole(const struct live_block *block)
{
    struct live_block wanted = make_block(block->address, block->stack);

    return same_block(block, &wanted);
}

static void *work(void *seed)
{
    uint64_t random = (uint64_t)(uintptr_t)seed;
    struct live_block found;
    uint32_t number;

    for (int i = 0; i < ROUNDS; i++) {
        if (random_next(&random) % 2 && list_take(&spare, random_next(&random), &number)) {
            handed[number] = make_block(BASE + number * spacing, (uint32_t)random_next(&random));
            assert_true(live_add(&handed[number], &found));
            assert_int_equal(found.address, 0); /* no free was missed */
            list_put(&queue, number);
        } else if (list_take(&queue, random_next(&random), &number)) {
            assert_true(live_remove(handed[number].address, &found));
            assert_true(same_block(&found, &handed[number]));
            list_put(&spare, number);
        }
    }
    return NULL;
}

/* Looks for blocks that it does not own. */
static void *look(void *seed)
{
    uint64_t random = (uint64_t)(uintptr_t)seed;
    struct live_block found;

    while (!stop)
        if (live_find(BASE + random_next(&random) % ADDRESSES * spacing, &found))
            assert_true(is_whole(&found));
    return NULL;
}

static void run(void)
{
    pthread_t workers[THREADS], reader;
    struct live_block found;
    uint32_t number;

    for (number = 0; number < ADDRESSES; number++)
        list_put(&spare, number);
    assert_int_equal(pthread_create(&reader, NULL, look, (void *)7), 0);
    for (uintptr_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&workers[i], NULL, work, (void *)(i + 1)), 0);
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(workers[i], NULL);
    stop = true;
    pthread_join(reader, NULL);
    assert_int_equal(live_count(), queue.count);
    while (list_take(&queue, 0, &number)) {
        assert_true(live_remove(handed[number].address, &found));
        assert_true(same_block(&found, &handed[number]));
    }
    assert_int_equal(live_count(), 0);
    live_clear();
    spare.count = 0;
    stop = false;
}

static void blocks_apart_are_handed_from_thread_to_thread(void **state)
{
    (void)state;
   
    spacing = 48;
    run();
}

static void blocks_close_together_are_handed_from_thread_to_thread(void **state)
{
    (void)state;
    live_spaced = false;
    spacing = 16;
    run();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_apart_are_handed_from_thread_to_thread),
        cmocka_unit_test(blocks_close_together_are_handed_from_thread_to_thread),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
