#include "child.h"

#include "preload/arena.h"
#include "preload/attention.h"
#include "preload/counters.h"

#include <pthread.h>
#include <string.h>

#define THREADS   4
#define MANY      (1u << 18) /* stacks: the array grows eight times */

static struct counters all_counters[THREADS];

/* Neighbours of every kind: within a page, to both sides of an end, and far from all others. */
static const uint32_t stacks[] = {
    0, 1, COUNTERS_PER_PAGE - 1, COUNTERS_PER_PAGE, COUNTERS_FIRST - 1, COUNTERS_FIRST,
    COUNTERS_FIRST + 1, 5 * COUNTERS_FIRST, MANY / 2 - 1, MANY / 2, MANY - 1,
};
#define STACKS (sizeof(stacks) / sizeof(*stacks))

static struct counter_sum counted[MANY];

/* Have in `counted` what COUNTERS has counted of COUNT stacks, each number on top of BEFORE. */
static void sum_up(const struct counters *counters, uint32_t count, uint64_t before)
{
    for (uint32_t i = 0; i < count; i++)
        for (int value = 0; value < SNAPSHOT_ALL_COUNTERS; value++)
            counted[i].value[value] = before;
    counters_add_all(counters, count, counted);
}

static void each_stack_has_counters_of_its_own(void **state)
{
    (void)state;
    for (size_t i = 0; i < STACKS; i++) {
        struct counter *made;

        assert_null(counters_known(&all_counters[0], stacks[i])); /* not counted yet */
        made = counters_touch(&all_counters[0], stacks[i]);
        assert_non_null(made);
        assert_ptr_equal(counters_known(&all_counters[0], stacks[i]), made);
        for (int value = 0; value < SNAPSHOT_COUNTERS_PER_STACK; value++) {
            assert_int_equal(made->value[value], 0);
            made->value[value] = 100 * i + (size_t)value;
        }
    }
    sum_up(&all_counters[0], MANY, 1000);
    for (size_t i = 0; i < STACKS; i++)
        for (int value = 0; value < SNAPSHOT_COUNTERS_PER_STACK; value++)
            assert_int_equal(counted[stacks[i]].value[value], 1000 + 100 * i + (size_t)value);
    assert_int_equal(counted[2].value[SNAPSHOT_ALLOCATIONS], 1000);
    /* The pages that they are in, and what remembers which. */
    assert_int_equal(arena_used(ARENA_COUNTERS), (8 + 1) * 4096);
    counters_clear(&all_counters[0]);
    sum_up(&all_counters[0], MANY, 0);
    for (size_t i = 0; i < STACKS; i++)
        assert_memory_equal(&counted[stacks[i]], (&(struct counter_sum){ { 0 } }), sizeof(*counted));
}

static void summing_takes_no_memory(void **state)
{
    (void)state;
    sum_up(&all_counters[0], MANY, 0);
    assert_int_equal(arena_used(ARENA_COUNTERS), 0);
}

static bool count_without_memory(void)
{
    bool all = true;

    for (size_t i = 0; i < STACKS; i++) {
        struct counter *counter = counters_touch(&all_counters[0], stacks[i]);

        all = all && counter;
        if (counter)
            counter->value[SNAPSHOT_FREES] = i;
    }
    arena_fail_after(0);
    for (size_t i = 0; i < STACKS; i++)
        assert_non_null(counters_touch(&all_counters[0], stacks[i]));
    return all;
}

static void without_memory_there_is_no_counter(void **state)
{
    (void)state;
    child_starve(count_without_memory);
}

static struct counters own;

static void add(int64_t bytes)
{
    counters_change_current(&own, bytes);
}

/* The live bytes and their peak, with what this thread has yet to add. */
static struct counters_size size(void)
{
    struct counters_size sum = counters_size();

    counters_add_size(&own, &sum);
    return sum;
}

static void reset(void)
{
    counters_clear(&own);
    counters_reset_current();
}

static void the_peak_is_the_highest_current_value(void **state)
{
    uint64_t random = 1, current = 0, peak = 0;

    (void)state;
    for (int i = 0; i < 100000; i++) {
        int64_t change = (int64_t)((random = random * 6364136223846793005u + 1) >> 54) - 500;

        if (change < 0 && (uint64_t)-change > current)
            change = -(int64_t)current;
        add(change);
        current += (uint64_t)change;
        peak = current > peak ? current : peak;
        assert_int_equal((uint64_t)size().current, current);
        assert_int_equal((uint64_t)size().peak, peak);
        if (i % 30000 == 29999) {
            counters_settle(&own);
            counters_reset_peak();
            peak = current;
            assert_int_equal((uint64_t)size().peak, peak);
        }
    }
    assert_true(peak > 0);
    reset();
    assert_int_equal((uint64_t)size().current, 0);
    assert_int_equal((uint64_t)size().peak, 0);
}

static void *grow_and_shrink(void *counters)
{
    for (uint32_t i = 0; i < 100000; i++) {
        counters_touch(counters, i % 1000)->value[SNAPSHOT_ALLOCATIONS]++;
        counters_change_current(counters, 10);
        if (i % 2)
            counters_change_current(counters, -10);
    }
    return NULL;
}

static void the_sum_over_threads_is_exact(void **state)
{
    struct counters_size sum_of_sizes;
    pthread_t threads[THREADS];

    (void)state;
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, grow_and_shrink, &all_counters[i]), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    sum_of_sizes = counters_size();
    sum_up(&all_counters[0], 1000, 0);
    for (int i = 1; i < THREADS; i++)
        counters_add_all(&all_counters[i], 999, counted);
    for (uint32_t stack = 0; stack < 1000; stack++) {
        assert_int_equal(counted[stack].value[SNAPSHOT_ALLOCATIONS],
                         stack < 999 ? THREADS * 100 : 100);
        assert_int_equal(counted[stack].value[SNAPSHOT_FREES], 0);
    }
    for (int i = 0; i < THREADS; i++)
        counters_add_size(&all_counters[i], &sum_of_sizes);
    assert_int_equal(sum_of_sizes.current, THREADS * 50000 * 10);
    assert_in_range(sum_of_sizes.peak, sum_of_sizes.current,
                    sum_of_sizes.current + THREADS * COUNTERS_WINDOW);
}

/* Change the current value by each of CHANGES up to a 0; returns in which of these a bit
 * of attention was raised, the first being 1, as bits of a number. */
static uint64_t raised_by(const int64_t *changes, uint32_t bit)
{
    uint64_t raised = 0;

    for (int i = 0; changes[i]; i++) {
        add(changes[i]);
        if (attention_take() & bit)
            raised |= UINT64_C(1) << (i + 1);
    }
    return raised;
}

static void nothing_is_raised_unless_asked_for(void **state)
{
    (void)state;
    assert_int_equal(raised_by((const int64_t[]){ 1000000, -900000, 1 << 30, -5, 0 }, ~0u), 0);
}

static void each_step_of_growth_is_raised_once(void **state)
{
    static const int64_t changes[] = {
        999, 1,            /* 2: 1000 */
        -500, 500, 999, 1, /* 6: 2000 */
        -2000, 2500,       /* below what has been; 8: 500 more than 2000, no step */
        499, 1,            /* 10: 3000 */
        5400, 600,         /* 11: 8400, five steps; 12: 9000 */
        -9000, 9999, 1,    /* 15: 10000 */
        0,
    };

    (void)state;
    counters_watch(1000, false);
    assert_int_equal(raised_by(changes, ATTENTION_GROWTH),
                     1 << 2 | 1 << 6 | 1 << 10 | 1 << 11 | 1 << 12 | 1 << 15);
    reset();
    assert_int_equal(raised_by((const int64_t[]){ 999, 1, 999, 1, 0 }, ATTENTION_GROWTH),
                     1 << 2 | 1 << 4);
}

static void a_peak_is_raised_at_the_free_behind_it(void **state)
{
    static const int64_t changes[] = {
        60000, -60000,     /* too small to count */
        70000, 30000, -1,  /* 5: 100000 */
        -50000, 59000, -1, /* less than a tenth above */
        1001, -1,
        1001, 5000, -7,    /* 13: 115999, but no more often */
        -100000, 90000, -1,
        100000, -1,        /* 18 */
        0,
    };

    (void)state;
    counters_watch(0, true);
    assert_int_equal(raised_by(changes, ATTENTION_PEAK), 1 << 5 | 1 << 13 | 1 << 18);
    reset();
    assert_int_equal(raised_by((const int64_t[]){ 65536, -1, 10, -1, 0 }, ATTENTION_PEAK), 1 << 2);
}

/* STACK held so much at the peak. */
static void expect_at_peak(uint32_t stack, uint64_t bytes, uint64_t blocks)
{
    sum_up(&own, stack + 1, 0);
    counters_complete(&counted[stack]);
    assert_int_equal(counted[stack].value[SNAPSHOT_PEAK_BYTES], bytes);
    assert_int_equal(counted[stack].value[SNAPSHOT_PEAK_BLOCKS], blocks);
}

static void allocate(uint32_t stack, uint64_t bytes)
{
    struct counter *counter;

    add((int64_t)bytes);
    counter = counters_touch(&own, stack);
    counter->value[SNAPSHOT_ALLOCATIONS]++;
    counter->value[SNAPSHOT_ALLOCATED_BYTES] += bytes;
}

static void release(uint32_t stack, uint64_t bytes)
{
    struct counter *counter;

    add(-(int64_t)bytes);
    counter = counters_touch(&own, stack);
    counter->value[SNAPSHOT_FREES]++;
    counter->value[SNAPSHOT_FREED_BYTES] += bytes;
}

static void stacks_keep_what_they_held_at_the_peak(void **state)
{
    (void)state;
    allocate(1, 100);
    allocate(2, 50);
    release(1, 100); /* behind the first peak, of 150 */
    expect_at_peak(1, 100, 1);
    expect_at_peak(2, 50, 1);
    allocate(3, 100); /* as high, but not higher */
    release(2, 50);
    expect_at_peak(1, 100, 1);
    expect_at_peak(2, 50, 1);
    expect_at_peak(3, 0, 0);
    allocate(3, 51); /* higher, and not over yet */
    counters_end_peak(&own);
    expect_at_peak(1, 0, 0);
    expect_at_peak(2, 0, 0);
    expect_at_peak(3, 151, 2);
    counters_end_peak(&own); /* is over */
    release(3, 51);
    expect_at_peak(3, 151, 2);
    allocate(4, 1 << 20); /* beyond what is shared at once */
    allocate(5, 0);
    release(5, 0); /* no change of the live bytes */
    release(4, 1 << 20);
    expect_at_peak(3, 100, 1);
    expect_at_peak(4, 1 << 20, 1);
    expect_at_peak(5, 0, 0);
    counters_settle(&own);
    counters_reset_peak();
    counters_forget_peak(&own);
    expect_at_peak(3, 100, 1);
    expect_at_peak(4, 0, 0);
    allocate(4, 10);
    release(4, 10);
    expect_at_peak(4, 10, 1);
}

#define SHARED 16 /* stacks, of which each thread may free what another has allocated */

/* The live bytes have changed by CHANGE, in thread T, of STACK. */
static void change_in(int t, uint32_t stack, int64_t change)
{
    struct counter *counter;

    counters_change_current(&all_counters[t], change);
    counter = counters_touch(&all_counters[t], stack);
    counter->value[change > 0 ? SNAPSHOT_ALLOCATIONS : SNAPSHOT_FREES]++;
    counter->value[change > 0 ? SNAPSHOT_ALLOCATED_BYTES : SNAPSHOT_FREED_BYTES] +=
        (uint64_t)(change > 0 ? change : -change);
}

/* What all stacks held at the peak, and the peak itself, as a snapshot has them. */
static int64_t peak_of_stacks(int64_t *out_peak)
{
    struct counter_sum sums[SHARED] = { { { 0 } } };
    struct counters_size size;
    int64_t held = 0;

    for (int t = 0; t < THREADS; t++)
        counters_end_peak(&all_counters[t]);
    size = counters_size();
    for (int t = 0; t < THREADS; t++) {
        counters_add_all(&all_counters[t], SHARED, sums);
        counters_add_size(&all_counters[t], &size);
    }
    for (int i = 0; i < SHARED; i++) {
        counters_complete(&sums[i]);
        held += (int64_t)sums[i].value[SNAPSHOT_PEAK_BYTES];
    }
    *out_peak = size.peak;
    return held;
}

/* Several threads, one event at a time: each may be a window late, in either direction, with
 * where it sees the peak, and as much with when. */
static void threads_are_a_window_late_for_the_peak(void **state)
{
    const int64_t bound = THREADS * COUNTERS_WINDOW;
    int64_t held[SHARED] = { 0 }, current = 0, highest = 0, peak, at_peak;
    uint64_t random = 1;

    (void)state;
    for (int i = 1; i <= 300000; i++) {
        uint32_t stack, target = i / 20000 % 2 ? 400 : 600; /* it falls and rises, higher each time */
        int64_t size;

        random = random * 6364136223846793005u + 1442695040888963407u;
        stack = (uint32_t)(random >> 33) % SHARED;
        size = (int64_t)(random >> 40) % 3000 + 1;
        if ((random >> 54) % 1000 >= target + (unsigned)i / 10000 && held[stack] > 0)
            size = -(size < held[stack] ? size : held[stack]);
        change_in((int)(random >> 60) % THREADS, stack, size);
        held[stack] += size;
        current += size;
        highest = current > highest ? current : highest;
        if (i % 97 != 0)
            continue;
        at_peak = peak_of_stacks(&peak);
        assert_in_range(peak - highest + bound, 1, 2 * bound - 1);
        assert_in_range(highest - at_peak, 0, 2 * bound - 1);
    }
    assert_true(highest > 100 * bound);
}

static void *grow_by_steps(void *counters)
{
    for (int i = 0; i < 100000; i++)
        counters_change_current(counters, 10);
    return NULL;
}

/* What each may have yet to add is all that the step is late by. */
static void threads_grow_together(void **state)
{
    pthread_t threads[THREADS];

    (void)state;
    counters_watch(THREADS * (1000000 - COUNTERS_WINDOW), false);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, grow_by_steps, &all_counters[i]), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(attention_take(), ATTENTION_GROWTH);
    add(10);
    assert_int_equal(attention_take(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        child_test(each_stack_has_counters_of_its_own),
        child_test(summing_takes_no_memory),
        cmocka_unit_test(without_memory_there_is_no_counter),
        child_test(the_peak_is_the_highest_current_value),
        child_test(the_sum_over_threads_is_exact),
        child_test(nothing_is_raised_unless_asked_for),
        child_test(each_step_of_growth_is_raised_once),
        child_test(a_peak_is_raised_at_the_free_behind_it),
        child_test(stacks_keep_what_they_held_at_the_peak),
        child_test(threads_are_a_window_late_for_the_peak),
        child_test(threads_grow_together),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
