#include "child.h"

#include "preload/attention.h"

#include <pthread.h>

static void what_is_raised_is_taken_once(void **state)
{
    (void)state;
    assert_false(attention_needed());
    attention_raise(ATTENTION_GROWTH);
    attention_raise(ATTENTION_PEAK);
    attention_raise(ATTENTION_GROWTH);
    assert_true(attention_needed());
    assert_int_equal(attention_take(), ATTENTION_GROWTH | ATTENTION_PEAK);
    assert_false(attention_needed());
    assert_int_equal(attention_take(), 0);
}

/* The lowest byte is written by whoever asks, the others are ours. */
static void a_request_is_seen_and_left_alone(void **state)
{
    static struct control_page page;

    (void)state;
    attention_raise(ATTENTION_TICK);
    attention_move((_Atomic uint32_t *)&page.request);
    assert_false(attention_needed());
    page.request = CONTROL_WANTED;
    assert_true(attention_needed());
    attention_raise(ATTENTION_TICK);
    assert_int_equal(attention_take() & ~ATTENTION_REQUEST, ATTENTION_TICK);
    assert_int_equal(page.request, CONTROL_WANTED);
    assert_true(attention_needed());
    page.request = CONTROL_BUSY; /* it is being served */
    assert_false(attention_needed());
    attention_raise(ATTENTION_DEATH);
    assert_true(attention_needed());
    attention_take();
    page.request = CONTROL_FINISHED; /* to be cleaned up after */
    assert_true(attention_needed());

    attention_move(NULL);
    assert_false(attention_needed());
    attention_raise(ATTENTION_TICK);
    assert_int_equal(page.request, CONTROL_FINISHED);
    assert_int_equal(page.own[0], ATTENTION_AWAKE >> 8);
    assert_int_equal(attention_take(), ATTENTION_TICK);
}

#define RAISES 100000

static void *raise_often(void *bit)
{
    for (int i = 0; i < RAISES; i++)
        attention_raise((enum attention_bit)(uintptr_t)bit);
    return NULL;
}

/* Nothing is lost between threads: what was raised last is there at the end. */
static void threads_raise_and_take(void **state)
{
    pthread_t threads[2];
    uint32_t taken = 0;

    (void)state;
    assert_int_equal(
        pthread_create(&threads[0], NULL, raise_often, (void *)(uintptr_t)ATTENTION_GROWTH), 0);
    assert_int_equal(
        pthread_create(&threads[1], NULL, raise_often, (void *)(uintptr_t)ATTENTION_PEAK), 0);
    while ((taken |= attention_take()) != (ATTENTION_GROWTH | ATTENTION_PEAK))
        ;
    pthread_join(threads[0], NULL);
    pthread_join(threads[1], NULL);
    attention_take();
    assert_false(attention_needed());
}

/* Hooks sleep only if told to, and wake for whatever is raised; a move does not change that. */
static void hooks_sleep_if_told_to(void **state)
{
    static _Atomic uint32_t word;

    (void)state;
    assert_false(attention_asleep());
    assert_false(attention_needed());
    attention_set_awake(false);
    assert_true(attention_asleep());
    attention_raise(ATTENTION_TICK);
    assert_false(attention_asleep());
    assert_int_equal(attention_take(), ATTENTION_TICK);
    assert_true(attention_asleep());
    attention_move(&word);
    assert_true(attention_asleep());
    word = CONTROL_WANTED;
    assert_false(attention_asleep());
    word = CONTROL_BUSY;
    assert_true(attention_asleep());
    attention_set_awake(true);
    assert_false(attention_asleep());
    assert_false(attention_needed());
    attention_move(NULL);
    assert_false(attention_asleep());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        child_test(what_is_raised_is_taken_once),
        child_test(a_request_is_seen_and_left_alone),
        child_test(threads_raise_and_take),
        child_test(hooks_sleep_if_told_to),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
