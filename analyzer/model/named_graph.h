/* named_graph.h - the heap graph with what has a name as its roots.
 *
 *   root 3, data of app:  0x10 ──▶ array      becomes      `handlers` ──▶ array
 *                         0x18 ──▶ node                     `first`    ──▶ node
 *
 * The roots of a heap are ranges of memory: all the data of a module is one. Here each variable,
 * frame of a stack, register and the like that points at a block is a root of its own, by its
 * number in root_names.h, so that dominators tell what one variable holds.
 */
#ifndef MODEL_NAMED_GRAPH_H
#define MODEL_NAMED_GRAPH_H

#include "model/graph.h"
#include "model/heap.h"
#include "model/root_names.h"

struct named_graph {
    struct graph graph; /* for dominators: without is_start */
    struct heap heap;   /* that it is of: as the real one, but for the roots, which are only counted */
};

/* Create it from GRAPH, which must outlive it, with NAMES of the same heap. Returns 0 or -ENOMEM. */
int named_graph_create(const struct graph *graph, struct root_names *names,
                       struct named_graph **out_named);

/* Free NAMED, which may be NULL. */
void named_graph_destroy(struct named_graph *named);

#endif
