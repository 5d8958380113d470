/* held_profile.h - which blocks would go with which, as a profile: the dominator tree by names.
 *
 *   global handlers ──▶ registry_add (app.c:63) ──▶ handler_new (app.c:72) ──▶ …
 *
 * Below nodes[0] is what begins to hold: a variable, a register; several of them together, which
 * none of them and no block does alone; or nobody. Below each are the places that allocated what it
 * alone holds. Blocks of one place that hold each other are one node. A node's total
 * (profile_totals()) is what would go with its blocks.
 */
#ifndef MODEL_HELD_PROFILE_H
#define MODEL_HELD_PROFILE_H

#include "model/graph.h"
#include "model/profile.h"
#include "model/symbols.h"

/* Make the profile of GRAPH, of PROFILE_BYTES and PROFILE_BLOCKS, in OUT_PROFILE. Returns 0 or
 * -ENOMEM. */
int held_profile_create(const struct graph *graph, struct symbols *symbols,
                        struct profile **out_profile);

#endif
