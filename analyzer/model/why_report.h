/* why_report.h - who holds some blocks and what they hold, as a report. */
#ifndef MODEL_WHY_REPORT_H
#define MODEL_WHY_REPORT_H

#include "model/graph.h"
#include "model/holder_path.h"
#include "model/report.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct why_options {
    size_t limit;   /* rows, 0: all */
    bool all_paths; /* not only the shortest way to each block (holders.h), but all_paths.h, */
    size_t depth;   /* over so many other places at most; 0: any number */
};

/* Add to REPORT a table of who holds the blocks marked in MEMBERS, a byte for each block of
 * GRAPH, of which PATHS are: a row for each kind of path, largest first; of all paths the shortest
 * first. A report that runs out of memory says so itself; returns 0, or -ENOMEM. */
int why_report(const struct graph *graph, struct holder_paths *paths, const uint8_t *members,
               const struct why_options *options, struct report *report);

#endif
