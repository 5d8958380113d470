/* merge.h - several snapshots become one.
 *
 * What a stack held in each is counted for itself, so that the sum over the parts is
 * exact by whatever it is grouped. Modules are united if path and build-id (without
 * one, path alone) are the same, and moved where another one already lies; frames are
 * united if they lie at the same offset of a united module and are called alike.
 * Addresses of blocks are moved, a multiple of 2^48 bytes for each part, so that
 * none is there twice; the lower 48 bits stay what they were. Accounts are added up;
 * timelines and series, whose clocks began at different moments, are left out.
 */
#ifndef MODEL_MERGE_H
#define MODEL_MERGE_H

#include "model/error.h"
#include "model/heap.h"

#include <stddef.h>

enum merge_detail {
    MERGE_ALL,
    MERGE_SUMS, /* what stacks hold and have held: no blocks */
    MERGE_LIVE, /* only what stacks hold: no blocks, no stack that holds nothing, no past */
};

struct merge;

/* Begin a merge; NULL for lack of memory. */
struct merge *merge_create(enum merge_detail detail);

/* Free MERGE, which may be NULL. */
void merge_destroy(struct merge *merge);

/* Add what is in HEAP, which may be destroyed then; if it has been merged itself, its
 * parts. Returns 0; -EEXIST if a part is of a run that has been added already: what
 * both hold would count twice; -ERANGE if sums or addresses do not fit in 64 bits;
 * -ENOMEM. Then ERROR says so, and MERGE can only be destroyed. */
int merge_add(struct merge *merge, const struct heap *heap, struct error *error);

/* The bytes of the snapshot of all that was added, at least one heap; to be freed with
 * free(). Returns 0 or -ENOMEM and ERROR. */
int merge_finish(struct merge *merge, void **out_data, size_t *out_size, struct error *error);

#endif
