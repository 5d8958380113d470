#include "model/diff.h"

#include "model/estimate.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char *const sort_names[DIFF_SORTS] = {
    [DIFF_BY_CHANGE] = "change",
    [DIFF_BY_SIZE] = "size",
    [DIFF_BY_COUNT] = "count",
    [DIFF_BY_SIZE_DIFF] = "size_diff",
    [DIFF_BY_COUNT_DIFF] = "count_diff",
    [DIFF_BY_AVERAGE] = "average",
    [DIFF_BY_NAME] = "name",
    [DIFF_BY_RETAINED] = "retained",
    [DIFF_BY_COUNTER + SNAPSHOT_ALLOCATIONS] = "allocations",
    [DIFF_BY_COUNTER + SNAPSHOT_ALLOCATED_BYTES] = "allocated_bytes",
    [DIFF_BY_COUNTER + SNAPSHOT_FREES] = "frees",
    [DIFF_BY_COUNTER + SNAPSHOT_FREED_BYTES] = "freed_bytes",
    [DIFF_BY_COUNTER + SNAPSHOT_REALLOCATIONS] = "reallocations",
    [DIFF_BY_COUNTER + SNAPSHOT_TEMPORARY] = "temporary",
    [DIFF_BY_COUNTER + SNAPSHOT_PEAK_BYTES] = "peak_bytes",
    [DIFF_BY_COUNTER + SNAPSHOT_PEAK_BLOCKS] = "peak_blocks",
    [DIFF_BY_COUNTER_DIFF + SNAPSHOT_ALLOCATIONS] = "allocations_diff",
    [DIFF_BY_COUNTER_DIFF + SNAPSHOT_ALLOCATED_BYTES] = "allocated_bytes_diff",
    [DIFF_BY_COUNTER_DIFF + SNAPSHOT_FREES] = "frees_diff",
    [DIFF_BY_COUNTER_DIFF + SNAPSHOT_FREED_BYTES] = "freed_bytes_diff",
    [DIFF_BY_COUNTER_DIFF + SNAPSHOT_REALLOCATIONS] = "reallocations_diff",
    [DIFF_BY_COUNTER_DIFF + SNAPSHOT_TEMPORARY] = "temporary_diff",
    [DIFF_BY_COUNTER_DIFF + SNAPSHOT_PEAK_BYTES] = "peak_bytes_diff",
    [DIFF_BY_COUNTER_DIFF + SNAPSHOT_PEAK_BLOCKS] = "peak_blocks_diff",
};

/* A group and the number of the list it is in. */
struct member {
    const struct group *group;
    size_t list;
};

/* Same keys together, in the order of the lists. Stacks are told apart by their ids,
 * which is cheaper than by their frames. */
static int compare_members(const void *a, const void *b, void *key)
{
    const struct member *left = a, *right = b;
    int order;

    if (*(enum group_key *)key == GROUP_TRACEBACK)
        order = memcmp(&left->group->id, &right->group->id, sizeof(left->group->id));
    else
        order = group_compare(*(enum group_key *)key, left->group, right->group);
    return order ? order : (left->list > right->list) - (left->list < right->list);
}

static bool same_key(enum group_key key, const struct group *a, const struct group *b)
{
    if (key == GROUP_TRACEBACK)
        return memcmp(&a->id, &b->id, sizeof(a->id)) == 0;
    return group_compare(key, a, b) == 0;
}

static void set_differences(struct diff_row *row, size_t list_count)
{
    size_t last = list_count - 1;

    row->size = row->sizes[last];
    row->count = row->counts[last];
    row->size_diff = (int64_t)(row->size - (last ? row->sizes[0] : 0));
    row->count_diff = (int64_t)(row->count - (last ? row->counts[0] : 0));
}

static uint64_t magnitude(int64_t difference)
{
    return difference < 0 ? 0 - (uint64_t)difference : (uint64_t)difference;
}

/* The larger first. */
static int descending(uint64_t a, uint64_t b)
{
    return (a < b) - (a > b);
}

static int descending_signed(int64_t a, int64_t b)
{
    return (a < b) - (a > b);
}

/* Larger averages first, exactly: a/b < c/d if a*d < c*b. */
static int compare_averages(const struct diff_row *a, const struct diff_row *b)
{
    if (!a->count || !b->count)
        return descending(a->count != 0, b->count != 0);
    __uint128_t left = (__uint128_t)a->size * b->count;
    __uint128_t right = (__uint128_t)b->size * a->count;

    return (left < right) - (left > right);
}

uint64_t diff_counter(const struct diff *diff, const struct diff_row *row, size_t list,
                      enum snapshot_counter counter)
{
    if (row == &diff->total)
        return diff->lists[list]->counters[counter];
    return row->groups[list] ? row->groups[list]->counters[counter] : 0;
}

int64_t diff_counter_change(const struct diff *diff, const struct diff_row *row,
                            enum snapshot_counter counter)
{
    size_t last = diff->list_count - 1;

    return (int64_t)(diff_counter(diff, row, last, counter) -
                     (last ? diff_counter(diff, row, 0, counter) : 0));
}

static double variance(const struct diff *diff, const struct diff_row *row, size_t list)
{
    if (row == &diff->total)
        return diff->lists[list]->variance;
    return row->groups[list] ? row->groups[list]->variance : 0;
}

/* The same of LIST if it is a sample, and OTHER knows all blocks: what a sample has none of may
 * be there all the same. So it is at least what the variance would be if as much were there as
 * in OTHER. */
static double variance_beside(const struct diff *diff, const struct diff_row *row, size_t list,
                              size_t other)
{
    double known = variance(diff, row, list), expected;

    if (diff->lists[list]->sample_mean == 0 || diff->lists[other]->sample_mean != 0)
        return known;
    expected = (double)row->sizes[other] * (double)diff->lists[list]->sample_mean;
    return known > expected ? known : expected;
}

uint64_t diff_size_error(const struct diff *diff, const struct diff_row *row, size_t list)
{
    size_t other = list > 0 ? 0 : diff->list_count - 1;
    double known = variance(diff, row, list), beside = variance_beside(diff, row, list, other);

    return estimate_error(row->sizes[list] + (beside > known ? row->sizes[other] : 0), beside);
}

uint64_t diff_size_diff_error(const struct diff *diff, const struct diff_row *row)
{
    size_t last = diff->list_count - 1;

    return estimate_error(row->sizes[0] + row->sizes[last],
                          variance_beside(diff, row, 0, last) + variance_beside(diff, row, last, 0));
}

struct order {
    const struct diff *diff;
    enum diff_sort sort;
};

/* By the counter that the order BY names. */
static int compare_counters(const struct order *by, const struct diff_row *a,
                            const struct diff_row *b)
{
    const struct diff *diff = by->diff;
    size_t last = diff->list_count - 1;
    enum snapshot_counter counter;

    if (by->sort < DIFF_BY_COUNTER_DIFF) {
        counter = (enum snapshot_counter)(by->sort - DIFF_BY_COUNTER);
        return descending(diff_counter(diff, a, last, counter),
                          diff_counter(diff, b, last, counter));
    }
    counter = (enum snapshot_counter)(by->sort - DIFF_BY_COUNTER_DIFF);
    return descending_signed(diff_counter_change(diff, a, counter),
                             diff_counter_change(diff, b, counter));
}

static int compare_rows(const void *a, const void *b, void *argument)
{
    const struct diff_row *left = a, *right = b;
    const struct order *by = argument;
    enum group_key key = by->diff->key;
    int order = 0;

    switch (by->sort) {
    case DIFF_BY_SIZE:
        order = descending(left->size, right->size);
        break;
    case DIFF_BY_COUNT:
        order = descending(left->count, right->count);
        break;
    case DIFF_BY_SIZE_DIFF:
        order = descending_signed(left->size_diff, right->size_diff);
        break;
    case DIFF_BY_COUNT_DIFF:
        order = descending_signed(left->count_diff, right->count_diff);
        break;
    case DIFF_BY_AVERAGE:
        order = compare_averages(left, right);
        break;
    case DIFF_BY_NAME:
        return group_compare(key, left->group, right->group);
    case DIFF_BY_RETAINED:
        order = descending(left->group->retained, right->group->retained);
        break;
    case DIFF_BY_CHANGE:
        break;
    default:
        order = compare_counters(by, left, right);
    }
    if (!order)
        order = descending(magnitude(left->size_diff), magnitude(right->size_diff));
    if (!order)
        order = descending(left->size, right->size);
    if (!order)
        order = descending(magnitude(left->count_diff), magnitude(right->count_diff));
    if (!order)
        order = descending(left->count, right->count);
    return order ? order : -group_compare(key, left->group, right->group);
}

struct diff *diff_create(const struct group_list *const *lists, size_t count)
{
    struct diff *diff = calloc(1, sizeof(*diff));
    struct member *members = NULL;
    size_t member_count = 0;
    uint64_t *next;

    for (size_t i = 0; i < count; i++)
        member_count += lists[i]->count;
    if (!diff)
        return NULL;
    diff->key = lists[0]->key;
    diff->list_count = count;
    members = calloc(member_count + 1, sizeof(*members));
    diff->rows = calloc(member_count + 1, sizeof(*diff->rows));
    diff->lists = calloc(count, sizeof(*diff->lists));
    diff->groups = calloc(member_count + 1, count * sizeof(*diff->groups));
    diff->numbers = calloc((member_count + 1) * 2, count * sizeof(*diff->numbers));
    if (!members || !diff->rows || !diff->lists || !diff->groups || !diff->numbers) {
        free(members);
        diff_destroy(diff);
        return NULL;
    }

    member_count = 0;
    for (size_t i = 0; i < count; i++) {
        diff->lists[i] = lists[i];
        for (size_t j = 0; j < lists[i]->count; j++)
            members[member_count++] = (struct member){&lists[i]->groups[j], i};
    }
    qsort_r(members, member_count, sizeof(*members), compare_members, &diff->key);

    next = diff->numbers;
    for (size_t i = 0; i < member_count; diff->row_count++) {
        struct diff_row *row = &diff->rows[diff->row_count];
        const struct group *first = members[i].group;
        uint64_t *sizes = next, *counts = next + count;
        const struct group **groups = diff->groups + diff->row_count * count;

        for (; i < member_count && same_key(diff->key, first, members[i].group); i++) {
            sizes[members[i].list] = members[i].group->size;
            counts[members[i].list] = members[i].group->count;
            groups[members[i].list] = members[i].group;
            row->group = members[i].group;
            row->list = members[i].list;
        }
        row->sizes = sizes;
        row->counts = counts;
        row->groups = groups;
        set_differences(row, count);
        next += 2 * count;
    }
    diff->total.sizes = next;
    diff->total.counts = next + count;
    for (size_t i = 0; i < count; i++) {
        next[i] = lists[i]->size;
        next[count + i] = lists[i]->blocks;
    }
    set_differences(&diff->total, count);
    free(members);
    diff_sort(diff, DIFF_BY_CHANGE);
    return diff;
}

void diff_destroy(struct diff *diff)
{
    if (!diff)
        return;
    free(diff->rows);
    free(diff->lists);
    free(diff->groups);
    free(diff->numbers);
    free(diff);
}

void diff_sort(struct diff *diff, enum diff_sort sort)
{
    struct order order = {diff, sort};

    qsort_r(diff->rows, diff->row_count, sizeof(*diff->rows), compare_rows, &order);
}

/* Are some of COUNTERS of ROW others in LIST than in the first? */
static bool counters_differ(const struct diff *diff, const struct diff_row *row, size_t list,
                            unsigned counters)
{
    for (int i = 0; i < SNAPSHOT_ALL_COUNTERS; i++) {
        enum snapshot_counter counter = (enum snapshot_counter)i;

        if (counters & 1u << i &&
            diff_counter(diff, row, list, counter) != diff_counter(diff, row, 0, counter))
            return true;
    }
    return false;
}

size_t diff_drop_unchanged(struct diff *diff, unsigned counters)
{
    size_t kept = 0, before = diff->row_count;

    for (size_t i = 0; i < before; i++) {
        const struct diff_row *row = &diff->rows[i];
        bool changed = false;

        for (size_t j = 1; j < diff->list_count; j++)
            changed |= row->sizes[j] != row->sizes[0] || row->counts[j] != row->counts[0] ||
                       counters_differ(diff, row, j, counters);
        if (changed)
            diff->rows[kept++] = *row;
    }
    diff->row_count = kept;
    return before - kept;
}

unsigned diff_sort_counters(enum diff_sort sort)
{
    if (sort < DIFF_BY_COUNTER)
        return 0;
    return 1u << (sort - DIFF_BY_COUNTER) % SNAPSHOT_ALL_COUNTERS;
}

bool diff_sort_compares(enum diff_sort sort)
{
    return sort == DIFF_BY_SIZE_DIFF || sort == DIFF_BY_COUNT_DIFF || sort >= DIFF_BY_COUNTER_DIFF;
}

int diff_sort_find(const char *name, enum diff_sort *out_sort)
{
    for (int i = 0; i < DIFF_SORTS; i++) {
        if (strcmp(name, sort_names[i]) == 0) {
            *out_sort = (enum diff_sort)i;
            return 0;
        }
    }
    return -EINVAL;
}
