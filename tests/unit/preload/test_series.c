#include "child.h"

#include "format/snapshot.h"
#include "format/varint.h"
#include "preload/arena.h"
#include "preload/series.h"

#include <string.h>

#define STACKS 3000
#define ADDS 700

struct level {
    uint64_t bytes, blocks;
};

/* The truth: what all stacks held at each moment that was added. */
static struct level now[STACKS], then[ADDS][STACKS];
static uint64_t times[ADDS];

/* As far as the program was at TIME. */
#define ALLOCATIONS(time) (7 * (time))
static uint32_t added;

static void live(uint32_t first, uint32_t count, uint64_t *out_bytes, uint64_t *out_blocks)
{
    assert_true(count <= SERIES_AT_ONCE && first % SERIES_AT_ONCE == 0);
    for (uint32_t i = 0; i < count; i++) {
        out_bytes[i] = now[first + i].bytes;
        out_blocks[i] = now[first + i].blocks;
    }
}

static void add(uint64_t time, uint32_t stack_count)
{
    memcpy(then[added], now, sizeof now);
    times[added++] = time;
    series_add(time, ALLOCATIONS(time), 1, stack_count, live);
}

/* Let some of the first STACK_COUNT stacks hold more or less, up to very much. */
static void change(uint64_t *random, uint32_t stack_count, uint32_t changes)
{
    while (changes-- > 0) {
        uint64_t number = *random = *random * 6364136223846793005u + 1442695040888963407u;
        struct level *level = &now[(number >> 33) % stack_count];

        *level = (struct level){ number >> (number >> 8) % 64, number % 7 ? number % 1000 : 0 };
    }
}

static uint64_t take(const struct buffer *buffer, size_t *at)
{
    uint64_t number = 0;
    size_t size = varint_get(buffer->data + *at, buffer->size - *at, &number);

    assert_true(size > 0);
    *at += size;
    return number;
}

/* Put all moments into BUFFER, by way of a copy. Progress goes with the time. */
static uint32_t put(struct buffer *buffer)
{
    struct buffer copy = { NULL, 0, 0, false }, progress = { NULL, 0, 0, false };
    uint64_t time = 0, allocations = 0;
    size_t size = series_size(), at = 0, in_progress = 0;
    uint32_t count;

    assert_true(buffer_prepare(&copy, size));
    series_copy(&copy);
    assert_true(copy.size <= size); /* it was enough */
    count = series_put(&copy, buffer, &progress);
    for (uint32_t i = 0; i < count; i++) {
        time = varint_undelta(take(buffer, &at), time);
        allocations = varint_undelta(take(&progress, &in_progress), allocations);
        assert_int_equal(allocations, ALLOCATIONS(time));
        for (uint64_t skip = 3 * take(buffer, &at); skip > 0; skip--)
            take(buffer, &at);
    }
    assert_int_equal(in_progress, progress.size);
    buffer_finish(&progress);
    buffer_finish(&copy);
    return count;
}

/* What series_put() says is a selection of the truth. Returns how many moments. */
static uint32_t check(void)
{
    static struct level held[STACKS];
    struct buffer buffer = { NULL, 0, 0, false };
    uint32_t count = put(&buffer), moment = 0;
    uint64_t time = 0;
    size_t at = 0;

    memset(held, 0, sizeof held);
    assert_true(count <= SNAPSHOT_SERIES_POINTS);
    for (uint32_t i = 0; i < count; i++) {
        uint64_t changes, stack = 0;

        time = varint_undelta(take(&buffer, &at), time);
        changes = take(&buffer, &at);
        for (uint64_t k = 0; k < changes; k++) {
            uint64_t step = take(&buffer, &at);

            assert_true(k == 0 || step > 0);
            stack += step;
            assert_true(stack < STACKS);
            held[stack].bytes = varint_undelta(take(&buffer, &at), held[stack].bytes);
            held[stack].blocks = varint_undelta(take(&buffer, &at), held[stack].blocks);
        }
        while (moment < added && times[moment] != time)
            moment++;
        assert_true(moment < added);
        assert_memory_equal(held, then[moment], sizeof held);
    }
    assert_int_equal(at, buffer.size);
    buffer_finish(&buffer);
    return count;
}

static void moments_are_told_by_what_changed(void **state)
{
    uint64_t random = 1;

    (void)state;
    assert_int_equal(check(), 0);
    for (uint32_t i = 1; i <= SNAPSHOT_SERIES_POINTS; i++) {
        change(&random, 10 * i, 30);
        add(i * 1000, 10 * i);
        assert_int_equal(check(), i);
    }
}

static void a_moment_may_be_without_change(void **state)
{
    (void)state;
    now[3] = (struct level){ 10, 1 };
    add(5, 4);
    add(6, 4);
    now[3] = (struct level){ 0, 0 };
    add(7, 4);
    add(8, 4);
    assert_int_equal(check(), 4);
}

static void no_stacks_are_no_moment(void **state)
{
    (void)state;
    add(1, 0);
    assert_int_equal(check(), 0);
}

/* Also of stacks that came back to what they had been. */
static void two_become_one_when_all_are_taken(void **state)
{
    uint64_t random = 7;

    (void)state;
    for (uint32_t i = 1; i <= ADDS; i++) {
        uint32_t count;

        change(&random, i * 4, i % 50);
        if (i % 3 == 0 && added > 0)
            now[i % 50] = then[added - 1][i % 50];
        add(i, i * 4);
        count = check();
        assert_true(i < SNAPSHOT_SERIES_POINTS || count >= SNAPSHOT_SERIES_POINTS / 2);
    }
}

static void the_last_moment_is_there(void **state)
{
    uint64_t random = 3;

    (void)state;
    for (uint32_t i = 1; i <= 200; i++) {
        struct buffer buffer = { NULL, 0, 0, false };
        uint64_t time = 0;
        size_t at = 0;

        change(&random, 1, 1);
        add(i, 1);
        for (uint32_t left = put(&buffer); left > 0; left--) {
            time = varint_undelta(take(&buffer, &at), time);
            for (uint64_t skip = 3 * take(&buffer, &at); skip > 0; skip--)
                take(&buffer, &at);
        }
        assert_int_equal(time, i);
        buffer_finish(&buffer);
    }
}

/* A moment is due INTERVAL after TIME, or DISTANCE, give or take a quarter, after ALLOCATIONS, and not
 * before. */
static void expect_due(uint64_t time, uint64_t interval, uint64_t allocations, uint64_t distance)
{
    assert_false(series_due(time + interval - 1, allocations + distance - distance / 4 - 1));
    assert_true(series_due(time + interval, allocations));
    assert_true(series_due(time, allocations + distance + distance / 4));
}

static void both_intervals_double(void **state)
{
    uint64_t interval = 100000000, distance = 64, time = 0, allocations = 0;

    (void)state;
    for (uint32_t i = 0; i <= SNAPSHOT_SERIES_POINTS; i++) {
        expect_due(time, interval, allocations, distance);
        time += i % 2 ? interval : 5;
        allocations += i % 2 ? 3 : distance;
        series_add(time, allocations, 1, 1, live);
    }
    expect_due(time, 2 * interval, allocations, 2 * distance); /* there was no room for the last */

    series_clear();
    assert_true(series_due(0, 0));
    series_add(time, 0, 1, 1, live);
    expect_due(time, interval, 0, distance);
}

/* What a look at them costs is a small part of what the allocations until the next do. */
static void many_stacks_and_threads_are_looked_at_less_often(void **state)
{
    (void)state;
    series_add(1, 1000, 1, STACKS, live);
    expect_due(1, 100000000, 1000, 3 * STACKS);
    assert_in_range(series_step(), 64, 3 * STACKS / 8);
    series_add(2, 100000, 10, STACKS, live);
    expect_due(2, 100000000, 100000, 12 * STACKS);
    series_add(3, 200000, 1, 5, live);
    expect_due(3, 100000000, 200000, 64);
    assert_int_equal(series_step(), 64);
}

static void forgotten_moments_start_from_nothing(void **state)
{
    uint64_t random = 5, used;

    (void)state;
    for (uint32_t i = 1; i <= 100; i++) {
        change(&random, 500, 100);
        add(i, 500);
    }
    series_clear();
    assert_int_equal(check(), 0);
    used = arena_used(ARENA_COUNTERS); /* of the levels alone */
    assert_true(used > 0 && used < 64 * 1024);
    add(1000, 500);
    assert_int_equal(check(), 1);
    series_clear();
    assert_int_equal(arena_used(ARENA_COUNTERS), used);
}

/* What is told is true, whatever is left out. */
static bool add_without_memory(void)
{
    uint64_t random = 11;

    for (uint32_t i = 1; i <= 70; i++) {
        change(&random, 40 * i, 20);
        add(i, 40 * i);
        if (i == 66)
            arena_fail_after(0);
    }
    return check() == 32 + 70 - 64;
}

static void without_memory_moments_are_left_out(void **state)
{
    (void)state;
    child_starve(add_without_memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        child_test(moments_are_told_by_what_changed),
        child_test(a_moment_may_be_without_change),
        child_test(no_stacks_are_no_moment),
        child_test(two_become_one_when_all_are_taken),
        child_test(the_last_moment_is_there),
        child_test(both_intervals_double),
        child_test(many_stacks_and_threads_are_looked_at_less_often),
        child_test(forgotten_moments_start_from_nothing),
        cmocka_unit_test(without_memory_moments_are_left_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
