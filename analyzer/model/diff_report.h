/* diff_report.h - a diff, or with one heap its groups, as the rows of a report. */
#ifndef MODEL_DIFF_REPORT_H
#define MODEL_DIFF_REPORT_H

#include "model/diff.h"
#include "model/report.h"
#include "model/source_lines.h"
#include "model/symbols.h"

#include <stddef.h>

struct diff_report_options {
    size_t limit;                 /* rows; 0: all */
    struct source_lines *sources; /* for the frames of tracebacks; NULL: none */
};

/* Add the fact "group_by" and the table "rows" of DIFF to REPORT. SYMBOLS has those of each
 * heap, for the tracebacks. */
void diff_report(const struct diff *diff, struct symbols *const *symbols,
                 const struct diff_report_options *options, struct report *report);

#endif
