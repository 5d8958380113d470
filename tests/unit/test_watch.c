/* What is known of a program's stacks, moment after moment. */
#include "unit.h"

#include "model/watch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SECOND ((uint64_t)1000000000)

/* Stacks 0 and 2 are of "two", stack 1 is of "One", stack 3 is filtered out. */
static const uint32_t row_of[] = {2, 3, 2, 0};
static const char *const names[] = {"none", "unknown", "two", "One"};

/* A value of BLOCKS blocks of 10 bytes alive, of ALLOCATIONS. */
static struct watch_value value(uint64_t blocks, uint64_t allocations)
{
    return (struct watch_value){blocks * 10, blocks, allocations * 10, allocations};
}

static void take(struct watch *watch, uint64_t time, struct watch_value a, struct watch_value b,
                 struct watch_value c, struct watch_value d)
{
    struct watch_value values[] = {a, b, c, d};

    assert_int_equal(watch_take(watch, time, values, 4), 0);
}

/* The rows of WATCH in ORDER, which has to be COUNT. */
static struct watch_row *rows_of(const struct watch *watch, enum watch_order order,
                                 const char *filter, long count, struct watch_row *total)
{
    struct watch_row *rows;

    assert_int_equal(watch_rows(watch, row_of, names, 4, filter, order, &rows, total), count);
    return rows;
}

static struct watch *begin(void)
{
    struct watch *watch = watch_create();

    assert_non_null(watch);
    take(watch, 5 * SECOND, value(3, 4), value(7, 7), value(2, 2), value(9, 9));
    return watch;
}

static void rows_are_sums(void **state)
{
    struct watch *watch = begin();
    struct watch_row total, *rows = rows_of(watch, WATCH_BY_LIVE, NULL, 2, &total);

    (void)state;
    assert_int_equal(rows[0].name, 3);
    assert_int_equal(rows[0].now.bytes, 70);
    assert_int_equal(rows[1].name, 2);
    assert_int_equal(rows[1].now.bytes, 50);
    assert_int_equal(rows[1].now.blocks, 5);
    assert_int_equal(rows[1].now.allocations, 6);
    assert_int_equal(rows[1].stacks, 2);
    assert_int_equal(rows[1].largest, 0);
    assert_int_equal(total.now.bytes, 120); /* without what is filtered out */
    assert_int_equal(total.now.blocks, 12);
    free(rows);
    watch_destroy(watch);
}

static void there_is_no_rate_at_first(void **state)
{
    struct watch *watch = begin();
    struct watch_row total, *rows = rows_of(watch, WATCH_BY_LIVE, NULL, 2, &total);

    (void)state;
    assert_true(total.rate == 0 && total.allocation_rate == 0);
    assert_int_equal(total.growth, 0);
    free(rows);
    watch_destroy(watch);
}

static void rate_and_growth_are_of_the_time_between(void **state)
{
    struct watch *watch = begin();
    struct watch_row total, *rows;

    (void)state;
    /* In half a second: stack 0 lets 2 go, stack 1 allocates 5 and keeps 1, stack 2 keeps 4. */
    take(watch, 5 * SECOND + SECOND / 2, value(1, 4), value(8, 12), value(6, 6), value(9, 9));
    rows = rows_of(watch, WATCH_BY_GROWTH, NULL, 2, &total);
    assert_int_equal(rows[0].name, 2);
    assert_int_equal(rows[0].growth, 20);
    assert_int_equal(rows[0].block_growth, 2);
    assert_true(rows[0].rate == 80 && rows[0].allocation_rate == 8);
    assert_int_equal(rows[0].largest, 2);
    assert_int_equal(rows[1].growth, 10);
    assert_true(rows[1].rate == 100 && rows[1].allocation_rate == 10);
    assert_true(total.rate == 180);
    free(rows);
    rows = rows_of(watch, WATCH_BY_RATE, NULL, 2, &total);
    assert_int_equal(rows[0].name, 3);
    free(rows);
    watch_destroy(watch);
}

static void what_shrinks_has_a_negative_growth(void **state)
{
    struct watch *watch = begin();
    struct watch_row total, *rows;

    (void)state;
    take(watch, 6 * SECOND, value(0, 4), value(7, 7), value(0, 2), value(0, 9));
    rows = rows_of(watch, WATCH_BY_GROWTH, NULL, 2, &total);
    assert_int_equal(rows[1].name, 2);
    assert_int_equal(rows[1].growth, -50);
    assert_int_equal(rows[1].block_growth, -5);
    assert_int_equal(total.growth, -50);
    free(rows);
    watch_destroy(watch);
}

static void a_mark_is_the_base_until_it_is_taken_back(void **state)
{
    struct watch *watch = begin();
    struct watch_row total, *rows;

    (void)state;
    take(watch, 6 * SECOND, value(3, 4), value(17, 17), value(2, 2), value(9, 9));
    watch_mark(watch);
    rows = rows_of(watch, WATCH_BY_LIVE, NULL, 2, &total);
    assert_int_equal(total.growth, 0);
    free(rows);
    take(watch, 7 * SECOND, value(3, 4), value(18, 18), value(2, 2), value(9, 9));
    rows = rows_of(watch, WATCH_BY_LIVE, NULL, 2, &total);
    assert_int_equal(total.growth, 10);
    free(rows);
    watch_unmark(watch);
    rows = rows_of(watch, WATCH_BY_LIVE, NULL, 2, &total);
    assert_int_equal(total.growth, 110);
    free(rows);
    watch_destroy(watch);
}

static void a_new_stack_has_grown_from_nothing(void **state)
{
    struct watch *watch = watch_create();
    struct watch_value first[] = {value(3, 3)}, second[] = {value(3, 3), value(4, 5)};
    struct watch_row total, *rows;

    (void)state;
    assert_int_equal(watch_take(watch, SECOND, first, 1), 0);
    assert_int_equal(watch_take(watch, 2 * SECOND, second, 2), 0);
    rows = rows_of(watch, WATCH_BY_GROWTH, NULL, 2, &total);
    assert_int_equal(rows[0].name, 3);
    assert_int_equal(rows[0].growth, 40);
    assert_true(rows[0].rate == 50);
    assert_int_equal(rows[0].course[WATCH_COURSE - 2], 0);
    assert_int_equal(rows[0].course[WATCH_COURSE - 1], 40);
    free(rows);
    watch_destroy(watch);
}

static void stacks_that_never_allocated_make_no_row(void **state)
{
    struct watch *watch = watch_create();
    struct watch_row total, *rows;

    (void)state;
    take(watch, SECOND, value(0, 0), value(0, 3), value(0, 0), value(1, 1));
    rows = rows_of(watch, WATCH_BY_LIVE, NULL, 1, &total);
    assert_int_equal(rows[0].name, 3);
    free(rows);
    watch_destroy(watch);
}

static void the_course_is_a_ring(void **state)
{
    struct watch *watch = watch_create();
    struct watch_row total, *rows;

    (void)state;
    for (uint64_t i = 1; i <= WATCH_COURSE + 10; i++)
        take(watch, i * SECOND, value(i, i), value(0, 0), value(1, 1), value(0, 0));
    watch_repeat(watch, (WATCH_COURSE + 11) * SECOND);
    rows = rows_of(watch, WATCH_BY_LIVE, NULL, 1, &total);
    /* The newest moment is there twice. */
    assert_int_equal(rows[0].course[WATCH_COURSE - 1], 10 * (WATCH_COURSE + 11));
    for (int i = 0; i + 1 < WATCH_COURSE; i++)
        assert_int_equal(rows[0].course[i], 10 * ((uint64_t)i + 13));
    free(rows);
    watch_destroy(watch);
}

static void nothing_is_allocated_when_nothing_changes(void **state)
{
    struct watch *watch = begin();
    struct watch_row total, *rows;

    (void)state;
    take(watch, 6 * SECOND, value(3, 4), value(9, 9), value(2, 2), value(9, 9));
    watch_repeat(watch, 8 * SECOND);
    watch_repeat(watch, 9 * SECOND);
    rows = rows_of(watch, WATCH_BY_RATE, NULL, 2, &total);
    assert_true(total.rate == 0);
    assert_int_equal(total.growth, 20);
    free(rows);
    /* The rate is over the time since the last look, not over all that was idle. */
    take(watch, 11 * SECOND, value(3, 4), value(13, 13), value(2, 2), value(9, 9));
    rows = rows_of(watch, WATCH_BY_RATE, NULL, 2, &total);
    assert_true(total.rate == 20);
    free(rows);
    watch_destroy(watch);
}

static void counters_that_begin_anew_are_no_wrap(void **state)
{
    struct watch *watch = begin();
    struct watch_row total, *rows;

    (void)state;
    take(watch, 6 * SECOND, value(1, 1), value(0, 0), value(0, 0), value(0, 0));
    rows = rows_of(watch, WATCH_BY_LIVE, NULL, 1, &total);
    assert_true(total.rate == 10 && total.allocation_rate == 1);
    assert_int_equal(rows[0].growth, 10);
    free(rows);
    watch_destroy(watch);
}

static void a_filter_looks_at_names_in_whatever_case(void **state)
{
    struct watch *watch = begin();
    struct watch_row total, *rows = rows_of(watch, WATCH_BY_LIVE, "oNE", 1, &total);

    (void)state;
    assert_int_equal(rows[0].name, 3);
    assert_int_equal(total.now.bytes, 70);
    free(rows);
    rows = rows_of(watch, WATCH_BY_LIVE, "three", 0, &total);
    assert_int_equal(total.now.bytes, 0);
    free(rows);
    watch_destroy(watch);
}

static void each_order_has_its_first(void **state)
{
    struct watch *watch = begin();
    static const struct {
        const char *name;
        uint32_t first;
    } orders[] = {{"live", 3}, {"growth", 2}, {"rate", 2}, {"blocks", 3}, {"allocations", 2},
                  {"name", 3}};

    (void)state;
    take(watch, 6 * SECOND, value(4, 10), value(7, 8), value(2, 2), value(9, 9));
    for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
        enum watch_order order = WATCH_ORDERS;
        struct watch_row total, *rows;

        assert_int_equal(watch_order_find(orders[i].name, &order), 0);
        assert_string_equal(watch_order_name(order), orders[i].name);
        rows = rows_of(watch, order, NULL, 2, &total);
        if (rows[0].name != orders[i].first)
            fail_msg("by %s row %u comes first", orders[i].name, rows[0].name);
        free(rows);
    }
    assert_int_equal(watch_order_find("size", &(enum watch_order){0}), -EINVAL);
    watch_destroy(watch);
}

static void stacks_of_a_row_come_largest_first(void **state)
{
    struct watch *watch = begin();
    uint32_t *stacks;

    (void)state;
    take(watch, 6 * SECOND, value(3, 4), value(7, 7), value(4, 4), value(9, 9));
    assert_int_equal(watch_stacks(watch, row_of, 2, &stacks), 2);
    assert_int_equal(stacks[0], 2);
    assert_int_equal(stacks[1], 0);
    assert_int_equal(watch_stack(watch, 2).blocks, 4);
    free(stacks);
    assert_int_equal(watch_stacks(watch, row_of, 1, &stacks), 0);
    free(stacks);
    watch_destroy(watch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_sums),
        cmocka_unit_test(there_is_no_rate_at_first),
        cmocka_unit_test(rate_and_growth_are_of_the_time_between),
        cmocka_unit_test(what_shrinks_has_a_negative_growth),
        cmocka_unit_test(a_mark_is_the_base_until_it_is_taken_back),
        cmocka_unit_test(a_new_stack_has_grown_from_nothing),
        cmocka_unit_test(stacks_that_never_allocated_make_no_row),
        cmocka_unit_test(the_course_is_a_ring),
        cmocka_unit_test(nothing_is_allocated_when_nothing_changes),
        cmocka_unit_test(counters_that_begin_anew_are_no_wrap),
        cmocka_unit_test(a_filter_looks_at_names_in_whatever_case),
        cmocka_unit_test(each_order_has_its_first),
        cmocka_unit_test(stacks_of_a_row_come_largest_first),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
