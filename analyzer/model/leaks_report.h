/* leaks_report.h - what is lost, by who allocated it, as a report. */
#ifndef MODEL_LEAKS_REPORT_H
#define MODEL_LEAKS_REPORT_H

#include "model/graph.h"
#include "model/report.h"
#include "model/symbols.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Add to REPORT the sums of each class of GRAPH's blocks, and a table with a row for each stack
 * and class, worst first, at most LIMIT (0: all): of what is lost, or of ALL. The bytes that are
 * definitely and indirectly lost are put in OUT_LOST. A report that runs out of memory says so
 * itself; returns 0, or -ENOMEM. */
int leaks_report(const struct graph *graph, struct symbols *symbols, bool all, size_t limit,
                 struct report *report, uint64_t *out_lost);

#endif
