/* diff_report.h - a diff, or with one heap its groups, as the rows of a report. */
#ifndef MODEL_DIFF_REPORT_H
#define MODEL_DIFF_REPORT_H

#include "model/diff.h"
#include "model/report.h"
#include "model/symbols.h"

#include <stddef.h>

/* Add the fact "group_by" and the table "rows" of the first LIMIT rows of DIFF (0: of
 * all) to REPORT. SYMBOLS has those of each heap, for the tracebacks. */
void diff_report(const struct diff *diff, struct symbols *const *symbols, size_t limit,
                 struct report *report);

#endif
