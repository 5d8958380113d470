/* diff.h - the groups of one heap or of several, side by side.
 *
 * Groups are the same if their keys are: names, lines, or, for stacks, modules
 * and offsets. Addresses play no part, so the heaps may be of one run, of two, or
 * of two machines. A group that a heap lacks has 0 bytes in 0 blocks there; what
 * did not change is a row, too. The difference is the last heap's value minus the
 * first one's; of a single heap it is the value itself.
 *
 * A diff points into the group lists it was made from.
 */
#ifndef MODEL_DIFF_H
#define MODEL_DIFF_H

#include "format/snapshot.h"
#include "model/group.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum diff_sort {
    /* As tracemalloc has it: size of the change, size, change of the count, count
     * and key, all descending. The others fall back on it for ties. */
    DIFF_BY_CHANGE,
    DIFF_BY_SIZE,
    DIFF_BY_COUNT,
    DIFF_BY_SIZE_DIFF, /* growth first, shrinkage last */
    DIFF_BY_COUNT_DIFF,
    DIFF_BY_AVERAGE, /* bytes per block */
    DIFF_BY_NAME,    /* ascending */
    DIFF_BY_RETAINED,
    DIFF_BY_COUNTER, /* the first of the snapshot_counters, and then the others */
    DIFF_BY_COUNTER_DIFF = DIFF_BY_COUNTER + SNAPSHOT_ALL_COUNTERS, /* growth first */
    DIFF_SORTS = DIFF_BY_COUNTER_DIFF + SNAPSHOT_ALL_COUNTERS,      /* how many there are */
};

/* The names of the counters, as a list for the user. */
#define DIFF_COUNTERS \
    "allocations, allocated_bytes, frees, freed_bytes, reallocations, temporary, peak_bytes, " \
    "peak_blocks"

struct diff_row {
    const struct group *group; /* of the last heap that has it */
    size_t list;               /* that heap's list */
    const struct group *const *groups; /* per heap; NULL: it has none */
    const uint64_t *sizes;     /* per heap; the last is the size */
    const uint64_t *counts;
    uint64_t size, count;
    int64_t size_diff, count_diff;
};

struct diff {
    enum group_key key;
    size_t list_count;
    struct diff_row *rows;
    size_t row_count;
    struct diff_row total; /* without a group */
    const struct group_list **lists;
    const struct group **groups; /* where those of the rows lie, */
    uint64_t *numbers;           /* and their sizes and counts */
};

/* Put the COUNT lists at LISTS, at least one, oldest first and all by the same key,
 * side by side, in the order DIFF_BY_CHANGE. The caller frees the diff with
 * diff_destroy() before the lists. NULL for lack of memory. */
struct diff *diff_create(const struct group_list *const *lists, size_t count);

/* Free DIFF, which may be NULL. */
void diff_destroy(struct diff *diff);

/* Sort the rows of DIFF. */
void diff_sort(struct diff *diff, enum diff_sort sort);

/* Drop the rows that are the same in all heaps, also in COUNTERS (1 << enum snapshot_counter).
 * Returns how many there were. */
size_t diff_drop_unchanged(struct diff *diff, unsigned counters);

/* COUNTER of the blocks of ROW, of DIFF or its total, in the heap of LIST. */
uint64_t diff_counter(const struct diff *diff, const struct diff_row *row, size_t list,
                      enum snapshot_counter counter);

/* How much larger it is in the last heap than in the first; of a single heap the value itself. */
int64_t diff_counter_change(const struct diff *diff, const struct diff_row *row,
                            enum snapshot_counter counter);

/* How far off the size of ROW may be in the heap of LIST, and its difference between the last heap
 * and the first one, where sizes are estimates: estimate_error(). */
uint64_t diff_size_error(const struct diff *diff, const struct diff_row *row, size_t list);
uint64_t diff_size_diff_error(const struct diff *diff, const struct diff_row *row);

/* The counters that SORT goes by: 1 << enum snapshot_counter, 0 if it goes by none. */
unsigned diff_sort_counters(enum diff_sort sort);

/* Does SORT go by differences? */
bool diff_sort_compares(enum diff_sort sort);

/* Find the order that the user calls NAME ("size_diff"). Returns 0 or -EINVAL. */
int diff_sort_find(const char *name, enum diff_sort *out_sort);

#endif
