/* graph.h - what can still be reached of a heap, and what is lost.
 *
 * The classes are memcheck's. A block is
 *
 *   still reachable   if a chain of pointers leads to it from a root, each to the start
 *                     of a block
 *   possibly lost     if only chains lead there that somewhere point inside a block
 *   definitely lost   if none does, and no other lost block points at it; of blocks in a
 *                     circle that nobody else points at, the one with the lowest address
 *   indirectly lost   if none does, but a lost block points at it
 *
 * A pointer inside a block counts as one to its start if it is there on purpose: if the
 * process has seen one of memcheck's four heuristics (format/snapshot.h); if the block keeps
 * its own start beside that place, to free it by (memory that is aligned by hand: Eigen, OpenCV,
 * glibc's loader); or if it is how the blocks of its stack are held: at least GRAPH_HABIT_BLOCKS
 * of them are pointed at there, and so are most that are pointed at anywhere (an intrusive
 * list, an object after a header, as Python's are). GRAPH_STRICT switches all of these off.
 *
 * A graph reads the heap, which must outlive it and have edges. A node is a root or
 * a block, numbered as in heap.h. Nothing here recurses: chains are as long as the heap.
 */
#ifndef MODEL_GRAPH_H
#define MODEL_GRAPH_H

#include "model/heap.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GRAPH_HABIT_BLOCKS 4

enum graph_class {
    GRAPH_DEFINITELY_LOST,
    GRAPH_INDIRECTLY_LOST,
    GRAPH_POSSIBLY_LOST,
    GRAPH_STILL_REACHABLE,
};
#define GRAPH_CLASS_COUNT (GRAPH_STILL_REACHABLE + 1)

enum graph_flags {
    GRAPH_STRICT = 1, /* no pointer inside a block is there on purpose */
};

struct graph {
    const struct heap *heap;
    size_t node_count;
    size_t root_count;      /* nodes below are roots */
    uint8_t *classes;       /* per block: enum graph_class */
    bool *is_start;         /* per edge: to the start of its block, or as good as that */
};

/* Create the graph of HEAP. Returns 0, or -ENOMEM. */
int graph_create(const struct heap *heap, unsigned flags, struct graph **out_graph);

/* Free GRAPH, which may be NULL. */
void graph_destroy(struct graph *graph);

/* Is BLOCK, by its index, lost, definitely or indirectly? */
static inline bool graph_is_lost(const struct graph *graph, size_t block)
{
    return graph->classes[block] <= GRAPH_INDIRECTLY_LOST;
}

/* What would go if the blocks that are marked in MEMBERS, a byte for each block, were let go:
 * the blocks that can be reached now (those of lost ones: from them) but no more without them,
 * themselves included. Marked in OUT_GOES, a zeroed byte for each block. Returns 0 or -ENOMEM. */
int graph_retained(const struct graph *graph, const uint8_t *members, uint8_t *out_goes);

#endif
