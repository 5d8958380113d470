/* dominators.h - which single node holds which blocks.
 *
 * Node D dominates a block if every chain of pointers that leads to it goes through D. The
 * nearest such node is its immediate dominator; these make a tree:
 *
 *   root handlers ──▶ array ──▶ handler 1 ──▶ name 1        the whole
 *                          └──▶ handler 2 ──▶ name 2        └ roots, blocks definitely lost,
 *   both handlers ──▶ shared                                  blocks that several of them hold
 *                                                               └ …
 *   (shared: immediate dominator is the array)
 *
 * and what would go if D were let go is D's part of the tree: its retained size.
 *
 * Method: Semi-NCA (Georgiadis, "Linear-time algorithms for dominators and related
 * problems", 2005), without recursion. Pointers inside a block count as any other.
 */
#ifndef MODEL_DOMINATORS_H
#define MODEL_DOMINATORS_H

#include "model/graph.h"

#include <stddef.h>
#include <stdint.h>

#define DOMINATORS_NONE UINT32_MAX /* no single node */

struct dominators {
    uint32_t *immediate;       /* per node: the node that dominates it, or DOMINATORS_NONE */
    uint64_t *retained_bytes;  /* per node: of the blocks below it in the tree, itself included */
    uint32_t *retained_blocks; /* … their number */
};

/* Find the dominators in GRAPH. Returns 0 or -ENOMEM. */
int dominators_create(const struct graph *graph, struct dominators **out_dominators);

/* Free DOMINATORS, which may be NULL. */
void dominators_destroy(struct dominators *dominators);

#endif
