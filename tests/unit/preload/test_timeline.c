#include "child.h"

#include "preload/timeline.h"

#include <pthread.h>

#define MS UINT64_C(1000000)

static struct timeline_sample samples[TIMELINE_SAMPLES];

/* Check that the COUNT samples are in order, and what they tell: BYTES grew with time. */
static void check_order(uint32_t count)
{
    assert_in_range(count, 0, TIMELINE_SAMPLES);
    for (uint32_t i = 1; i < count; i++) {
        assert_true(samples[i - 1].time <= samples[i].time);
        assert_true(samples[i - 1].bytes < samples[i].bytes);
    }
    if (count)
        assert_true(samples[count - 1].time <= timeline_now());
}

/* Offer samples, numbered from FIRST on, until COUNT are there: how long that takes is
 * up to the scheduler, but not how little. Returns the next number. */
static uint64_t offer(uint32_t count, uint64_t first)
{
    for (; timeline_copy(samples) < count; first++)
        timeline_add(first, 2 * first, 0);
    return first;
}

static void time_counts_from_the_start(void **state)
{
    uint64_t before;

    (void)state;
    timeline_start();
    before = timeline_now();
    assert_true(before < 1000 * MS);
    while (timeline_now() < before + MS)
        ;
    timeline_start();
    assert_true(timeline_now() < before + 1000 * MS);
}

static void samples_lie_10_ms_apart(void **state)
{
    (void)state;
    timeline_start();
    offer(8, 1);
    assert_int_equal(timeline_copy(samples), 8);
    check_order(8);
    assert_true(samples[0].time >= 10 * MS);
    for (uint32_t i = 0; i < 8; i++) {
        assert_true(i == 0 || samples[i].time - samples[i - 1].time >= 10 * MS);
        assert_int_equal(samples[i].blocks, 2 * samples[i].bytes);
        assert_int_equal(samples[i].rss, 0);
    }
}

static void it_says_when_one_is_due(void **state)
{
    uint64_t before, after;

    (void)state;
    timeline_start();
    offer(1, 1);
    before = timeline_now();
    timeline_add(1, 1, 1);
    assert_false(timeline_due());
    while (!timeline_due())
        assert_true(timeline_now() < before + 1000 * MS);
    after = timeline_now();
    assert_true(after - before >= 5 * MS); /* ticks are only about ns */
}

/* A sample for which somebody looked at the RSS is always taken. */
static void they_are_halved_when_full(void **state)
{
    uint64_t number = 0;
    uint32_t count;

    (void)state;
    timeline_start();
    while (number < TIMELINE_SAMPLES) {
        timeline_add(++number, 0, 5);
        assert_int_equal(timeline_copy(samples), number);
    }
    timeline_add(++number, 0, 5);
    count = timeline_copy(samples);
    assert_int_equal(count, TIMELINE_SAMPLES / 2 + 1);
    check_order(count);
    for (uint32_t i = 0; i < count - 1; i++)
        assert_int_equal(samples[i].bytes, 2 * i + 2); /* every second one is dropped */
    assert_int_equal(samples[count - 1].bytes, number);
    assert_int_equal(samples[count - 1].rss, 5);

    offer(count + 3, number + 1); /* the interval has doubled */
    for (uint32_t i = count; i < count + 3; i++)
        assert_true(samples[i].time - samples[i - 1].time >= 20 * MS);
}

static void a_year_fits(void **state)
{
    (void)state;
    timeline_start();
    for (uint64_t number = 1; number <= 50000; number++) {
        timeline_add(number, 0, 1);
        if (number % 997 == 0) {
            uint32_t count = timeline_copy(samples);

            check_order(count);
            assert_int_equal(samples[count - 1].bytes, number);
            assert_true(number < TIMELINE_SAMPLES || count >= TIMELINE_SAMPLES / 2);
        }
    }
}

static void time_goes_on_when_they_are_forgotten(void **state)
{
    uint64_t before;

    (void)state;
    timeline_start();
    for (int i = 0; i < 10000; i++) /* the interval becomes minutes */
        timeline_add(1, 1, 1);
    before = timeline_now();
    timeline_clear();
    assert_int_equal(timeline_copy(samples), 0);
    assert_true(timeline_now() >= before);
    offer(3, 1); /* every 10 ms again, or the child would end before */
    check_order(3);
    assert_true(samples[0].time >= before);
}

static void *add_many(void *unused)
{
    for (uint64_t i = 0; i < 20000; i++)
        timeline_add(i, i, 1);
    return unused;
}

static void threads_may_add_at_any_time(void **state)
{
    pthread_t threads[4];
    uint32_t count;

    (void)state;
    timeline_start();
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, add_many, NULL), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    count = timeline_copy(samples);
    assert_in_range(count, TIMELINE_SAMPLES / 2, TIMELINE_SAMPLES);
    for (uint32_t i = 0; i < count; i++) {
        assert_true(i == 0 || samples[i - 1].time <= samples[i].time);
        assert_int_equal(samples[i].bytes, samples[i].blocks);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        child_test(time_counts_from_the_start),
        child_test(samples_lie_10_ms_apart),
        child_test(it_says_when_one_is_due),
        child_test(they_are_halved_when_full),
        child_test(a_year_fits),
        child_test(time_goes_on_when_they_are_forgotten),
        child_test(threads_may_add_at_any_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
