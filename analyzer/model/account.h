/* account.h - where the resident memory of a process went, so that the parts are the whole.
 *
 *   resident  = the allocator's + heapdelta's + modules + stacks + files + shared + other
 *               + unexplained − surplus
 *   allocator = requested + rounding + headers + kept
 *
 * From what a snapshot has; nothing is looked up. No errors, no memory.
 */
#ifndef MODEL_ACCOUNT_H
#define MODEL_ACCOUNT_H

#include "format/snapshot.h"
#include "model/heap.h"

#include <stdbool.h>
#include <stdint.h>

/* Bytes. */
struct account {
    bool has_usable; /* rounding is known: the allocator is glibc's */
    bool has_memory; /* what is below `kept` is known, but for `tracer` and `resident` */

    uint64_t resident;
    uint64_t tracer; /* resident, while the snapshot is written; not has_memory: mapped, before */
    uint64_t requested, rounding;
    uint64_t headers; /* of glibc's blocks, 8 bytes each */
    uint64_t kept;    /* resident memory of the allocator that no block has: freed and not given
                       * back, or not handed out yet. Less what of blocks nobody has touched. */
    uint64_t heap;    /* all resident memory of the allocator */
    uint64_t module, stack, file, shared, other;
    uint64_t unexplained;  /* what is resident beyond all that … */
    uint64_t surplus;      /* … or how much more that is than what was resident */
    uint64_t swapped;      /* not resident */
    uint64_t proportional; /* of the resident, what is shared with others in parts; 0: not known */
};

/* The account of HEAP. */
struct account account_find(const struct heap *heap);

#endif
