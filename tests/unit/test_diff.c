/* Groups side by side, and their order. */
#include "model/diff.h"

#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* A group of NAME:LINE, as group_create() would make it. */
#define GROUP(name, number, bytes, blocks)                                   \
    {                                                                        \
        .file = (name), .line = (number), .size = (bytes), .count = (blocks) \
    }
#define LIST(...)                                                             \
    {                                                                         \
        .key = GROUP_LINENO, .groups = (struct group[]){__VA_ARGS__},         \
        .count = sizeof((struct group[]){__VA_ARGS__}) / sizeof(struct group) \
    }

static struct diff *make(struct group_list *lists, size_t count)
{
    const struct group_list *pointers[4];
    struct diff *diff;

    for (size_t i = 0; i < count; i++) {
        lists[i].size = lists[i].blocks = 0;
        for (size_t j = 0; j < lists[i].count; j++) {
            lists[i].size += lists[i].groups[j].size;
            lists[i].blocks += lists[i].groups[j].count;
        }
        pointers[i] = &lists[i];
    }
    diff = diff_create(pointers, count);
    assert_non_null(diff);
    return diff;
}

/* The rows of DIFF, "FILE:LINE size (difference) count (difference)" each. */
static void check(const struct diff *diff, const char *const *expected, size_t count)
{
    char line[200];

    for (size_t i = 0; i < diff->row_count && i < count; i++) {
        const struct diff_row *row = &diff->rows[i];

        snprintf(line, sizeof(line), "%s:%u %u (%+d) %u (%+d)", row->group->file,
                 (unsigned)row->group->line, (unsigned)row->size, (int)row->size_diff,
                 (unsigned)row->count, (int)row->count_diff);
        assert_string_equal(line, expected[i]);
    }
    assert_int_equal(diff->row_count, count);
}

#define CHECK(diff, ...)                            \
    check(diff, (const char *const[]){__VA_ARGS__}, \
          sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

/* What Python 3.11 printed for the same traces: Snapshot.compare_to(). */
static void order_is_that_of_tracemalloc(void **state)
{
    struct group_list lists[] = {
        LIST(GROUP("a.c", 1, 100, 1), GROUP("a.c", 2, 100, 1), GROUP("gone.c", 3, 50, 2),
             GROUP("same.c", 1, 7, 1), GROUP("same.c", 2, 7, 1), GROUP("count.c", 1, 7, 9)),
        LIST(GROUP("a.c", 1, 150, 1), GROUP("a.c", 2, 50, 1), GROUP("new.c", 4, 50, 1),
             GROUP("same.c", 1, 7, 1), GROUP("same.c", 2, 7, 1), GROUP("count.c", 1, 7, 5),
             GROUP("new.c", 5, 50, 3)),
    };
    struct diff *diff = make(lists, 2);

    (void)state;
    /* By |size_diff|, size, |count_diff|, count, key, descending; unchanged groups too. */
    CHECK(diff, "a.c:1 150 (+50) 1 (+0)", "new.c:5 50 (+50) 3 (+3)", "new.c:4 50 (+50) 1 (+1)",
          "a.c:2 50 (-50) 1 (+0)", "gone.c:3 0 (-50) 0 (-2)", "count.c:1 7 (+0) 5 (-4)",
          "same.c:2 7 (+0) 1 (+0)", "same.c:1 7 (+0) 1 (+0)");
    assert_int_equal(diff->total.size, 321);
    assert_int_equal(diff->total.size_diff, 321 - 271);
    assert_int_equal(diff->total.count, 13);
    assert_int_equal(diff->total.count_diff, 13 - 15);
    diff_destroy(diff);
}

static void other_orders_fall_back_on_it(void **state)
{
    struct group_list lists[] = {
        LIST(GROUP("a", 1, 10, 1), GROUP("b", 1, 90, 9), GROUP("c", 1, 30, 1)),
        LIST(GROUP("a", 1, 60, 2), GROUP("b", 1, 20, 2), GROUP("c", 1, 40, 8), GROUP("d", 1, 0, 0)),
    };
    struct diff *diff = make(lists, 2);

    (void)state;
    CHECK(diff, "b:1 20 (-70) 2 (-7)", "a:1 60 (+50) 2 (+1)", "c:1 40 (+10) 8 (+7)",
          "d:1 0 (+0) 0 (+0)");
    diff_sort(diff, DIFF_BY_SIZE);
    CHECK(diff, "a:1 60 (+50) 2 (+1)", "c:1 40 (+10) 8 (+7)", "b:1 20 (-70) 2 (-7)",
          "d:1 0 (+0) 0 (+0)");
    diff_sort(diff, DIFF_BY_COUNT); /* b and a are tied */
    CHECK(diff, "c:1 40 (+10) 8 (+7)", "b:1 20 (-70) 2 (-7)", "a:1 60 (+50) 2 (+1)",
          "d:1 0 (+0) 0 (+0)");
    diff_sort(diff, DIFF_BY_SIZE_DIFF);
    CHECK(diff, "a:1 60 (+50) 2 (+1)", "c:1 40 (+10) 8 (+7)", "d:1 0 (+0) 0 (+0)",
          "b:1 20 (-70) 2 (-7)");
    diff_sort(diff, DIFF_BY_COUNT_DIFF);
    CHECK(diff, "c:1 40 (+10) 8 (+7)", "a:1 60 (+50) 2 (+1)", "d:1 0 (+0) 0 (+0)",
          "b:1 20 (-70) 2 (-7)");
    diff_sort(diff, DIFF_BY_AVERAGE); /* of nothing there is none */
    CHECK(diff, "a:1 60 (+50) 2 (+1)", "b:1 20 (-70) 2 (-7)", "c:1 40 (+10) 8 (+7)",
          "d:1 0 (+0) 0 (+0)");
    diff_sort(diff, DIFF_BY_NAME);
    CHECK(diff, "a:1 60 (+50) 2 (+1)", "b:1 20 (-70) 2 (-7)", "c:1 40 (+10) 8 (+7)",
          "d:1 0 (+0) 0 (+0)");
    diff_destroy(diff);
}

/* A sample that has nothing of a place beside a heap that has: how far off that is depends on
 * what was there. */
static void what_a_sample_has_none_of_is_not_gone_for_certain(void **state)
{
    struct group_list lists[] = {
        LIST(GROUP("small", 1, 1000, 10), GROUP("large", 1, 100000000, 10)),
        LIST(GROUP("new", 1, 4096, 1)),
    };
    struct diff *diff;

    (void)state;
    lists[1].sample_mean = 4096;
    diff = make(lists, 2);
    CHECK(diff, "large:1 0 (-100000000) 0 (-10)", "new:1 4096 (+4096) 1 (+1)",
          "small:1 0 (-1000) 0 (-10)");
    assert_true(diff_size_diff_error(diff, &diff->rows[2]) > 1000);
    assert_true(diff_size_diff_error(diff, &diff->rows[0]) < 10000000);
    assert_true(diff_size_diff_error(diff, &diff->total) > 0);
    diff_destroy(diff);
    /* The other way round it is the same; of two full ones nothing is off. */
    diff = make((struct group_list[]){lists[1], lists[0]}, 2);
    assert_true(diff_size_diff_error(diff, &diff->rows[2]) > 1000);
    diff_destroy(diff);
    lists[1].sample_mean = 0;
    diff = make(lists, 2);
    assert_int_equal(diff_size_diff_error(diff, &diff->rows[2]), 0);
    diff_destroy(diff);
}

static void numbers_beyond_32_bits_keep_their_order(void **state)
{
    struct group_list lists[] = {
        LIST(GROUP("a", 1, 0, 0), GROUP("b", 1, 0x300000000, 1)),
        LIST(GROUP("a", 1, 0x100000000, 1), GROUP("b", 1, 1, 1)),
    };
    struct diff *diff = make(lists, 2);

    (void)state;
    assert_string_equal(diff->rows[0].group->file, "b");
    assert_true(diff->rows[0].size_diff == 1 - 0x300000000);
    diff_destroy(diff);
}

static void one_list_is_compared_with_nothing(void **state)
{
    struct group_list lists[] = {LIST(GROUP("a", 1, 10, 1), GROUP("b", 1, 90, 9))};
    struct diff *diff = make(lists, 1);

    (void)state;
    CHECK(diff, "b:1 90 (+90) 9 (+9)", "a:1 10 (+10) 1 (+1)");
    assert_int_equal(diff_drop_unchanged(diff, 0), 2);
    diff_destroy(diff);
}

static void all_values_of_a_series_are_kept(void **state)
{
    struct group_list lists[] = {
        LIST(GROUP("a", 1, 10, 1), GROUP("b", 1, 5, 5), GROUP("same", 1, 1, 1)),
        LIST(GROUP("b", 1, 7, 6), GROUP("same", 1, 1, 1)),
        LIST(GROUP("a", 1, 10, 1), GROUP("b", 1, 9, 7), GROUP("same", 1, 1, 1)),
    };
    struct diff *diff = make(lists, 3);

    (void)state;
    CHECK(diff, "b:1 9 (+4) 7 (+2)", "a:1 10 (+0) 1 (+0)", "same:1 1 (+0) 1 (+0)");
    assert_int_equal(diff->rows[0].sizes[0], 5);
    assert_int_equal(diff->rows[0].sizes[1], 7);
    assert_int_equal(diff->rows[0].sizes[2], 9);
    assert_int_equal(diff->rows[1].counts[1], 0);
    assert_int_equal(diff->rows[1].list, 2);
    assert_int_equal(diff->total.sizes[1], 8);
    /* Gone for a while is a change. */
    assert_int_equal(diff_drop_unchanged(diff, 0), 1);
    CHECK(diff, "b:1 9 (+4) 7 (+2)", "a:1 10 (+0) 1 (+0)");
    diff_destroy(diff);
}

/* A group of NAME that allocated so OFTEN, held as much at the PEAK, and holds nothing now. */
#define PAST(name, often, peak)                                                 \
    {                                                                           \
        .file = (name), .line = 1,                                              \
        .counters = {[SNAPSHOT_ALLOCATIONS] = (often), [SNAPSHOT_PEAK_BYTES] = (peak)} \
    }

static void counters_are_compared(void **state)
{
    struct group_list lists[] = {
        LIST(PAST("a", 10, 500), PAST("b", 3, 7), PAST("gone", 1, 9), PAST("same", 2, 2)),
        LIST(PAST("b", 4, 7), PAST("same", 2, 2)),
        LIST(PAST("a", 30, 100), PAST("b", 40, 7), PAST("new", 25, 300), PAST("same", 2, 2)),
    };
    struct diff *diff;

    (void)state;
    lists[0].counters[SNAPSHOT_ALLOCATIONS] = 16;
    lists[2].counters[SNAPSHOT_ALLOCATIONS] = 97;
    diff = make(lists, 3);
    diff_sort(diff, DIFF_BY_COUNTER + SNAPSHOT_ALLOCATIONS);
    CHECK(diff, "b:1 0 (+0) 0 (+0)", "a:1 0 (+0) 0 (+0)", "new:1 0 (+0) 0 (+0)",
          "same:1 0 (+0) 0 (+0)", "gone:1 0 (+0) 0 (+0)"); /* which has none any more */
    assert_int_equal(diff_counter(diff, &diff->rows[1], 0, SNAPSHOT_ALLOCATIONS), 10);
    assert_int_equal(diff_counter(diff, &diff->rows[1], 1, SNAPSHOT_ALLOCATIONS), 0);
    assert_int_equal(diff_counter(diff, &diff->rows[1], 2, SNAPSHOT_ALLOCATIONS), 30);
    assert_int_equal(diff_counter_change(diff, &diff->rows[0], SNAPSHOT_ALLOCATIONS), 37);
    assert_int_equal(diff_counter_change(diff, &diff->rows[2], SNAPSHOT_ALLOCATIONS), 25);
    assert_int_equal(diff_counter_change(diff, &diff->rows[4], SNAPSHOT_ALLOCATIONS), -1);
    assert_int_equal(diff_counter(diff, &diff->total, 2, SNAPSHOT_ALLOCATIONS), 97);
    assert_int_equal(diff_counter_change(diff, &diff->total, SNAPSHOT_ALLOCATIONS), 81);
    diff_sort(diff, DIFF_BY_COUNTER_DIFF + SNAPSHOT_PEAK_BYTES); /* shrinkage last */
    CHECK(diff, "new:1 0 (+0) 0 (+0)", "same:1 0 (+0) 0 (+0)", "b:1 0 (+0) 0 (+0)",
          "gone:1 0 (+0) 0 (+0)", "a:1 0 (+0) 0 (+0)");
    assert_int_equal(diff_drop_unchanged(diff, 1u << SNAPSHOT_ALLOCATIONS), 1);
    assert_int_equal(diff->row_count, 4);
    assert_int_equal(diff_drop_unchanged(diff, 0), 4);
    diff_destroy(diff);
}

static void empty_lists_make_an_empty_diff(void **state)
{
    struct group_list lists[] = {{.key = GROUP_MODULE}, {.key = GROUP_MODULE}};
    struct diff *diff = make(lists, 2);

    (void)state;
    assert_int_equal(diff->row_count, 0);
    assert_int_equal(diff->total.size_diff, 0);
    diff_destroy(diff);
}

static void sort_names_are_found(void **state)
{
    enum diff_sort sort = DIFF_SORTS;

    (void)state;
    assert_int_equal(diff_sort_find("size_diff", &sort), 0);
    assert_int_equal(sort, DIFF_BY_SIZE_DIFF);
    assert_int_equal(diff_sort_find("Size", &sort), -EINVAL);
    for (int i = 0; i < SNAPSHOT_ALL_COUNTERS; i++) {
        assert_int_equal(diff_sort_counters((enum diff_sort)(DIFF_BY_COUNTER + i)), 1u << i);
        assert_int_equal(diff_sort_counters((enum diff_sort)(DIFF_BY_COUNTER_DIFF + i)), 1u << i);
    }
    assert_int_equal(diff_sort_counters(DIFF_BY_NAME), 0);
    assert_int_equal(diff_sort_find("peak_blocks_diff", &sort), 0);
    assert_int_equal(sort, DIFF_BY_COUNTER_DIFF + SNAPSHOT_PEAK_BLOCKS);
    assert_true(diff_sort_compares(sort));
    assert_false(diff_sort_compares(DIFF_BY_COUNTER + SNAPSHOT_PEAK_BLOCKS));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(order_is_that_of_tracemalloc),
        cmocka_unit_test(other_orders_fall_back_on_it),
        cmocka_unit_test(what_a_sample_has_none_of_is_not_gone_for_certain),
        cmocka_unit_test(numbers_beyond_32_bits_keep_their_order),
        cmocka_unit_test(one_list_is_compared_with_nothing),
        cmocka_unit_test(all_values_of_a_series_are_kept),
        cmocka_unit_test(counters_are_compared),
        cmocka_unit_test(empty_lists_make_an_empty_diff),
        cmocka_unit_test(sort_names_are_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
