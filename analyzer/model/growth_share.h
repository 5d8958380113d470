/* growth_share.h - of what a stack's growth consists, if its blocks are of several kinds.
 *
 * A series tells how much a stack held, not whether that was lost or who held it. So growth belongs
 * to the kind of blocks that it must be, or can be, for the others are too few.
 *
 * Nothing here fails or allocates.
 */
#ifndef MODEL_GROWTH_SHARE_H
#define MODEL_GROWTH_SHARE_H

#include "model/growth.h"

#include <stddef.h>
#include <stdint.h>

#define GROWTH_SHARES_MAX 4u

/* What a stack holds of a kind, at the end. */
struct growth_holding {
    uint64_t bytes, blocks;
};

/* Share GROWTH of a stack among its HOLDINGS, COUNT kinds, into GROWTHS: that of a kind which is
 * not what grows is flat. Of one which grows beside others it has a part, and never more than there
 * is. */
void growth_share(const struct growth *growth, const struct growth_holding *holdings, size_t count,
                  struct growth *growths);

#endif
