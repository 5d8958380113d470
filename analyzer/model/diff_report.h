/* diff_report.h - a diff, or with one heap its groups, as the rows of a report. */
#ifndef MODEL_DIFF_REPORT_H
#define MODEL_DIFF_REPORT_H

#include "format/snapshot.h"
#include "model/diff.h"
#include "model/report.h"
#include "model/source_lines.h"
#include "model/symbols.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Columns besides the usual ones, from left to right: of an enum snapshot_counter, or … */
#define DIFF_COLUMN_RETAINED SNAPSHOT_ALL_COUNTERS /* of the one list it is known: group_retained.h */

struct diff_columns {
    uint8_t list[SNAPSHOT_ALL_COUNTERS + 1];
    size_t count;
};

/* Let COLUMN be the last one, unless it is there. */
void diff_columns_add(struct diff_columns *columns, unsigned column);

struct diff_report_options {
    size_t limit;                 /* rows; 0: all */
    bool sampled; /* sizes are estimates, whose error is shown: estimate.h */
    struct diff_columns columns;
    struct source_lines *sources; /* for the frames of tracebacks; NULL: none */
};

/* Find the counter that the user calls NAME ("allocations"). Returns 0 or -EINVAL. */
int diff_report_find_counter(const char *name, enum snapshot_counter *out_counter);

/* Add the fact "group_by" and the table "rows" of DIFF to REPORT. SYMBOLS has those of each
 * heap, for the tracebacks. */
void diff_report(const struct diff *diff, struct symbols *const *symbols,
                 const struct diff_report_options *options, struct report *report);

#endif
