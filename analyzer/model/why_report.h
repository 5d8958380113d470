/* why_report.h - who holds some blocks and what they hold, as a report. */
#ifndef MODEL_WHY_REPORT_H
#define MODEL_WHY_REPORT_H

#include "model/graph.h"
#include "model/report.h"
#include "model/symbols.h"

#include <stddef.h>
#include <stdint.h>

/* Add to REPORT a table of who holds the blocks marked in MEMBERS, a byte for each block of
 * GRAPH: a row for each kind of path, largest first, at most LIMIT (0: all). A report that
 * runs out of memory says so itself; returns 0, or -ENOMEM. */
int why_report(const struct graph *graph, struct symbols *symbols, const uint8_t *members,
               size_t limit, struct report *report);

#endif
