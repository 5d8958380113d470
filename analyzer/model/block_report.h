/* block_report.h - what became of the blocks between two snapshots, as a report: by group, or
 * one by one. */
#ifndef MODEL_BLOCK_REPORT_H
#define MODEL_BLOCK_REPORT_H

#include "model/group.h"
#include "model/report.h"
#include "model/symbols.h"

#include <stddef.h>

/* The two snapshots, of one run: block_diff_possible(). */
struct block_report_input {
    const struct heap *old, *new;
    struct symbols *old_symbols, *new_symbols;
    const struct group_options *options; /* the key: not GROUP_SIZE */
    size_t limit;                        /* rows; 0: all */
};

/* Add the fact "group_by" and the table "rows" to REPORT: of each group what is new, was resized,
 * is gone and was kept, by size of what is new. Returns 0 or -ENOMEM. */
int block_report_groups(const struct block_report_input *input, struct report *report);

/* Add the table "blocks" to REPORT: first the new, then the resized, the gone, the kept ones, of
 * each the largest first. Returns 0 or -ENOMEM. */
int block_report_list(const struct block_report_input *input, struct report *report);

#endif
