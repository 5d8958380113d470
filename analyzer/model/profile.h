/* profile.h - what the stacks of one or several heaps hold, as a tree of named frames.
 *
 *   nodes[0] ──▶ main (app.c:40) ──▶ load (load.c:7) ──▶ parse (load.c:31)   own: 96 bytes in 2
 *                              └───▶ f (app.c:12)                            own: 16 bytes in 1
 *
 * A node is a frame, called from the node above it. Frames of which all texts and the line are
 * equal are one frame, and under one caller one node. What a stack holds is its node's own;
 * what it holds with all that is below is profile_totals().
 *
 * Frames newer than the one that `stats` counts a block to (site.h: operator new, strdup, the
 * workings of std::) are left out, so sums by function or line are those of `stats`.
 *
 * Made for outputs: the texts are the profile's own, so it outlives heaps and symbols.
 */
#ifndef MODEL_PROFILE_H
#define MODEL_PROFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct filter;
struct graph;
struct group_held;
struct heap;
struct symbols;

/* What is known of each node, per heap. */
enum profile_value {
    PROFILE_BYTES,  /* alive */
    PROFILE_BLOCKS, /* … */
    PROFILE_ALLOCATED_BYTES, /* since tracing began */
    PROFILE_ALLOCATIONS,
    PROFILE_TEMPORARY,  /* allocations that were freed at once: SNAPSHOT_TEMPORARY */
    PROFILE_PEAK_BYTES, /* alive when most was */
    PROFILE_PEAK_BLOCKS,
    PROFILE_LOST_BYTES, /* definitely or indirectly; 0 without a graph */
    PROFILE_HELD_BYTES, /* of its blocks that no single block holds, and of what these hold alone */
    PROFILE_VALUES      /* how many there are */
};

struct profile_frame {
    const char *name; /* of the function, or of the place: MODULE+0xOFFSET; never NULL */
    const char *file; /* NULL: unknown */
    uint32_t line;    /* 0: unknown */
    const char *module; /* NULL: none */
    bool inlined;       /* into the frame above */
    bool is_place;      /* NAME is that of a place */
    uint64_t offset;    /* in the file of MODULE, of the first that was added: not what tells frames
                           apart */
};

struct profile_node {
    uint32_t parent; /* less than its own index */
    uint32_t frame;  /* index in frames */
};

struct profile {
    struct profile_frame *frames;
    size_t frame_count;
    struct profile_node *nodes; /* nodes[0] stands for all; it is no frame */
    size_t node_count;
    size_t heap_count;
    uint64_t *own; /* heap_count * PROFILE_VALUES numbers per node: use profile_own() */
    /* Of some heap it is known what was allocated, was alive at its peak, is lost. */
    bool has_allocations, has_peak, has_lost;
    struct profile_index *index;
};

/* Create an empty profile of HEAP_COUNT heaps. NULL for lack of memory. */
struct profile *profile_create(size_t heap_count);

/* Free PROFILE, which may be NULL. */
void profile_destroy(struct profile *profile);

/* Add what HEAP holds, as heap number AT. Of the stacks, those with the frames that FILTER skips
 * are shortened. GRAPH, of HEAP, may be NULL. Returns 0 or -ENOMEM. */
int profile_add(struct profile *profile, size_t at, const struct heap *heap,
                struct symbols *symbols, const struct filter *filter, const struct graph *graph);

/* The same of the blocks in HELD alone (group.h: per stack, those that are kept); of the other
 * values, what is known of the stacks that are kept. */
int profile_add_held(struct profile *profile, size_t at, const struct heap *heap,
                     struct symbols *symbols, const struct filter *filter,
                     const struct graph *graph, const struct group_held *held);

/* Find or make the node of FRAME, whose texts are copied, below PARENT: for profiles of something
 * else. Returns 0 and OUT_NODE, or -ENOMEM. */
int profile_put(struct profile *profile, uint32_t parent, const struct profile_frame *frame,
                uint32_t *out_node);

/* The same profile from the newest frames outwards: the nodes below nodes[0] are those that
 * allocated, below them are their callers; where a stack ends is its own. NULL for lack of memory. */
struct profile *profile_invert(const struct profile *profile);

/* What NODE itself holds for heap AT. */
static inline uint64_t profile_own(const struct profile *profile, size_t node, size_t at,
                                   enum profile_value value)
{
    return profile->own[(node * profile->heap_count + at) * PROFILE_VALUES + value];
}

/* What each node holds together with those below it, of VALUE for heap AT, into an array of
 * node_count that the caller frees. NULL for lack of memory. */
uint64_t *profile_totals(const struct profile *profile, size_t at, enum profile_value value);

/* The nodes below each, largest first: those below NODE are children[first[NODE]] up to
 * children[first[NODE + 1]]. */
struct profile_children {
    uint32_t *first, *children;
};

/* Find the children of all nodes, in the order of TOTALS. Returns 0 or -ENOMEM; free with
 * profile_children_finish(). */
int profile_children_init(struct profile_children *out_children, const struct profile *profile,
                          const uint64_t *totals);
void profile_children_finish(struct profile_children *children);

/* The name that the user types for VALUE ("bytes"), and what its numbers are: "bytes" or "count". */
const char *profile_value_name(enum profile_value value);
const char *profile_value_unit(enum profile_value value);

/* Find the value named NAME. Returns 0 or -EINVAL. */
int profile_value_find(const char *name, enum profile_value *out_value);

#endif
