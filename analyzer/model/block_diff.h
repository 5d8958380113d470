/* block_diff.h - what became of each block between two snapshots of one run.
 *
 * A block is known by its address and its epoch, those that the program tracks itself also by
 * their domain. Between two snapshots a new epoch begins, so this is exact, also where an
 * address was used again. A block that realloc made larger or smaller in place is the same
 * one; one that it moved is gone, and another is new.
 */
#ifndef MODEL_BLOCK_DIFF_H
#define MODEL_BLOCK_DIFF_H

#include "model/heap.h"

#include <stdbool.h>

enum block_fate {
    BLOCK_NEW,     /* allocated since, and alive */
    BLOCK_RESIZED, /* in place */
    BLOCK_GONE,
    BLOCK_KEPT,
    BLOCK_FATES, /* how many there are */
};

/* The name of FATE for the user and for programs: "new". */
const char *block_fate_name(enum block_fate fate);

/* Are both of one run, without tracing begun anew in between, so that blocks can be told? */
bool block_diff_possible(const struct heap *old, const struct heap *new);

/* Call EACH with CONTEXT for every block of OLD and NEW: BEFORE is the block in OLD, NULL if it
 * is new, AFTER the one in NEW, NULL if it is gone. Both heaps have blocks. */
void block_diff_walk(const struct heap *old, const struct heap *new,
                     void (*each)(void *context, enum block_fate fate,
                                  const struct heap_block *before, const struct heap_block *after),
                     void *context);

#endif
