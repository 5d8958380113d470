/* graph_diff.h - who holds the blocks of two snapshots, side by side: what became lost, what is newly
 * held, and by whom.
 *
 *   handler_new (app.c:72)   held by global registry    10 → 1000 blocks
 *   handler_new (app.c:72)   definitely lost             0 → 3
 *
 * A row is the blocks of a group that are of one class (graph.h) and, unless they are lost, begin to be
 * held by a root of one name (holders.h). Names are compared, so the two may be of one run or not;
 * a row that grows does not tell whether its blocks are new or were held by somebody else before.
 */
#ifndef MODEL_GRAPH_DIFF_H
#define MODEL_GRAPH_DIFF_H

#include "model/diff.h"
#include "model/graph.h"
#include "model/holder_path.h"
#include "model/report.h"
#include "model/symbols.h"

#include <stdbool.h>
#include <stddef.h>

struct graph_diff_side {
    const struct group_list *list; /* with the map of its blocks */
    const struct graph *graph;
    const struct holder_paths *paths; /* of the graph */
    struct symbols *symbols;          /* for the tracebacks */
};

struct graph_diff_options {
    size_t limit;       /* rows, 0: all */
    bool with_unchanged; /* also rows that are the same in both */
};

/* Add to REPORT the fact "group_by" and the table "rows" of DIFF, which is of the lists of OLD and
 * NEW: those of what is lost first, of each class what there is
 * more of, then the largest change. Returns 0 or -ENOMEM. */
int graph_diff_report(const struct diff *diff, const struct graph_diff_side *old,
                      const struct graph_diff_side *new, const struct graph_diff_options *options,
                      struct report *report);

#endif
