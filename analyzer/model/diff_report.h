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

struct diff_report_options {
    size_t limit;                 /* rows; 0: all */
    bool retained; /* a column: of the one list it is known (group_retained.h) */
    bool sampled; /* sizes are estimates, whose error is shown: estimate.h */
    unsigned counters;            /* columns: 1 << enum snapshot_counter */
    struct source_lines *sources; /* for the frames of tracebacks; NULL: none */
};

/* Find the counter that the user calls NAME ("allocations"). Returns 0 or -EINVAL. */
int diff_report_find_counter(const char *name, enum snapshot_counter *out_counter);

/* Add the fact "group_by" and the table "rows" of DIFF to REPORT. SYMBOLS has those of each
 * heap, for the tracebacks. */
void diff_report(const struct diff *diff, struct symbols *const *symbols,
                 const struct diff_report_options *options, struct report *report);

#endif
