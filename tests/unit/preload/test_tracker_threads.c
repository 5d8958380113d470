/* What heapdelta.h offers, called from several threads, with ThreadSanitizer looking on.
 *
 * A program that has a sanitizer inside runs untraced, so the library itself can't be looked at
 * in a traced program. This is the tracker with all its tables, which the functions of api.c call
 * and nothing else, without hooks and snapshots: the blocks are numbers that no allocator gave. */
#include "preload/real.h"
#include "preload/roster.h"
#include "preload/stack.h"
#include "preload/tracker.h"
#include "unit.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#define THREADS 4
#define SLOTS 256u
#define STEPS 4000u
#define ROUNDS 60
#define FRAMES 64
#define DOMAINS 3u

/* No allocator is below us. */
struct real real;
bool real_is_glibc;
uintptr_t real_stack_end;

/* A place for a block: whose turn it is, takes it; then it is nobody else's. */
static struct slot {
    atomic_flag taken;
    size_t size; /* 0: there is no block */
    size_t tracked[DOMAINS];
} slots[SLOTS];

static _Atomic uint32_t wrong, ended;
static _Atomic bool only_look; /* nobody starts, stops or clears */

static void expect(bool good)
{
    wrong += !good;
}

/* Some are small and lie in the shadow, some are large and do not. */
static uintptr_t address_of(size_t slot)
{
    return 0x7e0000000000 + slot * 0x20000;
}

static size_t size_for(uint32_t random)
{
    return random % 5 ? random % 3000 + 1 : 40000 + random % 3000;
}

static bool answers(int result)
{
    return result == 0 || result == -ENODATA || result == -ETIMEDOUT;
}

/* Or a thread got no processor for the second that the gate waits for it. */
static bool is_done(int result)
{
    return result == 0 || result == -ETIMEDOUT;
}

/* The events of one slot, which is ours. */
static __attribute__((noinline)) void use(size_t number, uint32_t random)
{
    struct slot *slot = &slots[number];
    void *block = (void *)address_of(number);
    struct stack_start start = STACK_START();
    size_t size = size_for(random >> 3), domain = random % DOMAINS;

    switch (random >> 29) {
    case 0:
    case 1:
        if (tracker_track((uint32_t)domain + 1, address_of(number), size, &start) == 0)
            slot->tracked[domain] = size;
        break;
    case 2:
        if (tracker_untrack((uint32_t)domain + 1, address_of(number)) == 0)
            slot->tracked[domain] = 0;
        break;
    case 3: {
        struct tracker_realloc call;

        if (!slot->size || !tracker_tracing())
            break;
        tracker_realloc_begin(&call, block);
        if (random % 3) {
            tracker_realloc_done(&call, block, size, &start);
            slot->size = size;
        } else {
            tracker_realloc_failed(&call);
        }
        break;
    }
    default:
        if (slot->size)
            tracker_freed(block);
        else
            tracker_allocated(block, size, &start);
        slot->size = slot->size ? 0 : size;
    }
}

static void *work(void *seed)
{
    uint32_t random = (uint32_t)(uintptr_t)seed;

    for (uint32_t i = 0; i < STEPS; i++) {
        size_t number;

        random = random * 1664525u + 1013904223u;
        number = (random >> 8) % SLOTS;
        if (random % 16 == 0) {
            void *frames[FRAMES];
            bool complete;
            int count = tracker_traceback(address_of(number), frames, FRAMES, &complete);

            expect(count > 0 || count == -ENOENT || count == -ENODATA);
        }
        if (!atomic_flag_test_and_set_explicit(&slots[number].taken, memory_order_acquire)) {
            use(number, random);
            atomic_flag_clear_explicit(&slots[number].taken, memory_order_release);
        }
    }
    ended++;
    return NULL;
}

/* Ask for numbers, and do what all threads must bear. */
static void command(int round)
{
    tracker_size();
    expect(tracker_frame_limit() < 5);
    expect(answers(tracker_mark("round")));
    expect(answers(tracker_reset_peak()));
    if (only_look)
        return;
    expect(is_done(tracker_stop()));
    expect(answers(tracker_clear()));
    expect(is_done(tracker_start((uint32_t)round % 5)));
    if (round % 7 == 0)
        expect(answers(tracker_clear()));
}

/* Let threads work, and this one command until they have ended. */
static void storm(void)
{
    pthread_t threads[THREADS];

    ended = 0;
    for (uintptr_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, work, (void *)(i + 1)), 0);
    for (int round = 0; round < ROUNDS || ended < THREADS; round++)
        command(round);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(wrong, 0);
}

static void any_thread_may_call_anything(void **state)
{
    (void)state;
    storm();
}

/* … and what is alive is known to the byte when they have ended. */
static void nothing_is_lost(void **state)
{
    struct tracker_totals totals;
    int64_t held = 0;

    (void)state;
    assert_int_equal(tracker_stop(), 0);
    assert_int_equal(tracker_start(0), 0);
    assert_int_equal(tracker_size().current, 0);
    memset(slots, 0, sizeof slots);
    only_look = true;
    storm();
    for (size_t i = 0; i < SLOTS; i++) {
        held += (int64_t)slots[i].size;
        for (size_t domain = 0; domain < DOMAINS; domain++)
            held += (int64_t)slots[i].tracked[domain];
    }
    assert_true(held > 0);
    assert_int_equal(tracker_size().current, held);
    tracker_sum(&totals);
    assert_int_equal(totals.missed_frees, 0);
    assert_int_equal(totals.lost_blocks, 0);
    assert_int_equal(tracker_clear(), 0);
    assert_int_equal(tracker_size().current, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_thread_may_call_anything),
        cmocka_unit_test(nothing_is_lost),
    };

    stack_init(real_stack_end);
    if (!tracker_init(true))
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
