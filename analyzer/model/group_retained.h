/* group_retained.h - what would go with each group, or at least with its blocks one by one.
 *
 * A group's retained size is that of its blocks and of all that a single one of them holds
 * alone: what can be reached only through it (dominators.h). What only several of them together
 * hold is not in it, so the exact size, which graph_retained() finds for one group at a time, is
 * never less. This is what heap analysers for Java call the minimum retained size; it takes one
 * walk over the dominator tree for all groups.
 *
 *   array ──▶ handler 1 ──▶ name 1     of the handlers: both, and their names, not `shared`,
 *        └──▶ handler 2 ──▶ name 2     which is held by the two of them
 *   handlers 1 and 2 ──▶ shared        of the array: everything
 *
 * Blocks that the heap graph does not know, those that the program tracks itself, hold nothing
 * but themselves.
 */
#ifndef MODEL_GROUP_RETAINED_H
#define MODEL_GROUP_RETAINED_H

#include "model/graph.h"
#include "model/group.h"

/* Fill in what is retained by the groups of LIST and by all of them together; it has the map of
 * the blocks of GRAPH. Returns 0 or -ENOMEM. */
int group_retained(struct group_list *list, const struct graph *graph);

#endif
