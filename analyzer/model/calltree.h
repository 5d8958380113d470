/* calltree.h - a profile as people read it: who calls whom, and how much that comes to.
 *
 *     main ─▶ walk ─▶ walk ─▶ walk ─▶ add        main ─▶ walk ─▶ add
 *
 * A recursion is folded: a frame that is below itself is the one above, and what lay between is
 * left out. So a block counts once to each frame, and a tree is no deeper than there are frames.
 *
 * Everything here makes of one profile another, or a report, and knows nothing of heaps: what the
 * numbers mean is the profile's matter.
 */
#ifndef MODEL_CALLTREE_H
#define MODEL_CALLTREE_H

#include "model/profile.h"
#include "model/report.h"

#include <stdbool.h>
#include <stddef.h>

struct filter;

/* PROFILE with recursions folded (FOLDS), and with the lines of a function put together
 * (BY_FUNCTION). NULL for lack of memory. */
struct profile *calltree_fold(const struct profile *profile, bool folds, bool by_function);

/* What passes through the frames that FILTER keeps, from these to their callers: below nodes[0]
 * are these frames, below them who called them. A stack with several of them counts once, from the
 * outermost. NULL for lack of memory. */
struct profile *calltree_callers(const struct profile *profile, const struct filter *filter);

struct calltree_options {
    enum profile_value value; /* that orders the tree, and is pruned by */
    double min_share;         /* nodes with less than this part of the total are left out */
    size_t limit;             /* nodes below one node, 0: all */
    size_t depth;             /* nodes below each other, 0: all */
    bool shows_self;          /* to people, too: what each node holds itself */
};

/* Add the tree of heap 0 of PROFILE to REPORT: a REPORT_TREE with `size`, `count`, and VALUE if that is
 * another, each with those below it, and of itself; a total. PROFILE must outlive REPORT. Returns
 * 0 or -ENOMEM. */
int calltree_report(const struct profile *profile, const struct calltree_options *options,
                    struct report *report);

#endif
