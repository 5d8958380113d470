#include "child.h"

#include "preload/deferred.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>

static struct deferred ring;

/* Put an event for ADDRESS; false if there is no room. */
static bool put(enum deferred_kind kind, uintptr_t address)
{
    struct deferred_event *event = deferred_begin(&ring);

    if (!event)
        return false;
    event->kind = kind;
    event->block.address = address;
    deferred_put(&ring);
    return true;
}

static void events_come_out_in_their_order(void **state)
{
    uintptr_t in = 1, out = 1;

    (void)state;
    assert_null(deferred_first(&ring));
    for (unsigned round = 1; round < 200; round++) {
        for (unsigned i = 0; i < round % DEFERRED_EVENTS + 1; i++)
            assert_true(put(DEFERRED_NEW, in++));
        while (out < in) {
            struct deferred_event *event = deferred_first(&ring);

            assert_non_null(event);
            assert_ptr_equal(deferred_first(&ring), event); /* it stays */
            assert_int_equal(event->kind, DEFERRED_NEW);
            assert_int_equal(event->block.address, out++);
            deferred_drop(&ring);
        }
        assert_null(deferred_first(&ring));
    }
}

static void a_full_ring_takes_no_more(void **state)
{
    (void)state;
    for (uintptr_t i = 1; i <= DEFERRED_EVENTS; i++)
        assert_true(put(DEFERRED_FREE, i));
    for (int i = 0; i < 3; i++)
        assert_false(put(DEFERRED_FREE, 1000));
    assert_int_equal(deferred_first(&ring)->block.address, 1);
    deferred_drop(&ring);
    assert_true(put(DEFERRED_FREE, DEFERRED_EVENTS + 1));
    assert_false(put(DEFERRED_FREE, 1000));
    for (uintptr_t i = 2; i <= DEFERRED_EVENTS + 1; i++) {
        assert_int_equal(deferred_first(&ring)->block.address, i);
        deferred_drop(&ring);
    }
    assert_null(deferred_first(&ring));
}

static void one_handler_puts_at_a_time(void **state)
{
    struct deferred_event *event = deferred_begin(&ring);

    (void)state;
    assert_non_null(event);
    assert_null(deferred_begin(&ring)); /* as a handler that interrupts it here would */
    assert_null(deferred_first(&ring)); /* it is not complete */
    deferred_put(&ring);
    assert_ptr_equal(deferred_first(&ring), event);
    assert_non_null(deferred_begin(&ring));
}

static void blocks_to_come_are_expected(void **state)
{
    (void)state;
    assert_false(deferred_expects(&ring, 5));
    put(DEFERRED_NEW, 5);
    put(DEFERRED_BACK, 6);
    put(DEFERRED_GONE, 7);
    put(DEFERRED_FREE, 8);
    assert_true(deferred_expects(&ring, 5));
    assert_true(deferred_expects(&ring, 6));
    assert_false(deferred_expects(&ring, 7)); /* these are not to be put in */
    assert_false(deferred_expects(&ring, 8));
    assert_false(deferred_expects(&ring, 9));
    deferred_drop(&ring);
    assert_false(deferred_expects(&ring, 5));
    assert_true(deferred_expects(&ring, 6));
}

static void what_is_cancelled_was_never_there(void **state)
{
    (void)state;
    assert_non_null(deferred_begin(&ring));
    deferred_cancel(&ring);
    assert_null(deferred_first(&ring));
    assert_null(deferred_get(&ring, 0));
    assert_true(put(DEFERRED_NEW, 1));
    assert_int_equal(deferred_first(&ring)->block.address, 1);
}

static void any_event_can_be_looked_at(void **state)
{
    (void)state;
    for (uintptr_t i = 1; i <= 40; i++) { /* once around */
        assert_true(put(DEFERRED_GONE, i));
        if (i > 10)
            deferred_drop(&ring);
    }
    for (uint32_t i = 0; i < 10; i++)
        assert_int_equal(deferred_get(&ring, i)->block.address, 31 + i);
    assert_null(deferred_get(&ring, 10));
}

/* ---- handlers that interrupt the thread that takes them -------------------------- */

static volatile uintptr_t handled, refused;
static _Atomic bool stop;

static void put_next(int number)
{
    (void)number;
    if (put(DEFERRED_NEW, handled + 1))
        handled++;
    else
        refused++;
}

static void *interrupt_often(void *thread)
{
    while (!stop) {
        pthread_kill(*(pthread_t *)thread, SIGUSR1);
        sched_yield();
    }
    return NULL;
}

static void a_handler_may_interrupt_anything(void **state)
{
    pthread_t self = pthread_self(), thread;
    uintptr_t taken = 0;

    (void)state;
    signal(SIGUSR1, put_next);
    assert_int_equal(pthread_create(&thread, NULL, interrupt_often, &self), 0);
    while (taken < 300) {
        struct deferred_event *event = deferred_first(&ring);

        if (!event)
            continue;
        assert_int_equal(event->block.address, ++taken);
        deferred_drop(&ring);
    }
    stop = true;
    pthread_join(thread, NULL);
    for (struct deferred_event *event; (event = deferred_first(&ring)); deferred_drop(&ring))
        assert_int_equal(event->block.address, ++taken);
    assert_int_equal(taken, handled);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        child_test(events_come_out_in_their_order),
        child_test(a_full_ring_takes_no_more),
        child_test(one_handler_puts_at_a_time),
        child_test(blocks_to_come_are_expected),
        child_test(what_is_cancelled_was_never_there),
        child_test(any_event_can_be_looked_at),
        child_test(a_handler_may_interrupt_anything),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
