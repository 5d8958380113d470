/* group.h - the live blocks of a heap, put together by what they have in common.
 *
 * A block belongs to the group of its newest frame that the filter does not skip
 * (the innermost inlined function of it, if it has inlined ones), or, with
 * `cumulative`, once to the group of each frame of its stack. A block whose stack
 * has no frame belongs to the group `<unknown>`, line 0.
 *
 * The texts in a group belong to the symbols, so a list must not outlive the
 * symbols and the heap it was made from.
 *
 * The five largest holders by line:
 *
 *     struct group_options options = {.key = GROUP_LINENO};
 *     struct group_list *list = group_create(heap, symbols, &options);
 *     for (size_t i = 0; i < list->count && i < 5; i++)
 *         … group_name(list->key, &list->groups[i], …), list->groups[i].size …
 *     group_destroy(list);
 */
#ifndef MODEL_GROUP_H
#define MODEL_GROUP_H

#include "model/filter.h"
#include "model/group_key.h"
#include "model/heap.h"
#include "model/symbols.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GROUP_NONE UINT32_MAX

/* What a stack holds of the blocks that count. */
struct group_held {
    uint64_t bytes, blocks;
    double variance; /* of the bytes, where they are an estimate: estimate.h */
    bool kept; /* by the filter: set by group_create(), group_find_held() */
};

struct group_options {
    enum group_key key;
    bool cumulative;             /* only with keys that are about frames: group_key_of_frames() */
    /* In the manner of tracemalloc: inlined functions are frames like others, and a stack has
     * the names of its frames as its key. Cumulative, it counts its blocks to each of its
     * frames, also if they are of one group. FILTER is to work in its manner, too. */
    bool follows_tracemalloc;
    bool maps_blocks; /* fill in group_list.of_block; not if cumulative */
    uint32_t since; /* only blocks of this epoch or a later one */
    bool past;      /* also stacks that hold nothing, but did, for the sake of their counters */
    /* What counts, per stack, instead of all that is alive; not with keys and filters of
     * single blocks. NULL: all. */
    struct group_held *held;
    /* Filled with the first stack of the group that each stack belongs to, plus 1; 0: it belongs to
     * none. Not with keys of single blocks, nor cumulative. NULL: nobody wants to know. */
    uint32_t *first_stacks;
    const struct types *types;   /* of the blocks, where key or filter are about types */
    const struct filter *filter; /* NULL: every block, and the skipping of filter_create() */
};

struct group_list {
    enum group_key key;
    struct group *groups; /* largest first: by size, count, key, all descending */
    size_t count;
    struct group_frame *frames; /* those of all groups */
    uint32_t *of_block; /* per block (not: tracked one) of the heap: index in groups, or GROUP_NONE */
    uint64_t size, blocks; /* sums over the blocks, each counted once */
    double variance;       /* of the size, where that is an estimate: estimate.h, */
    uint64_t sample_mean;  /* … from one block in so many bytes; 0: all blocks were recorded */
    uint64_t counters[SNAPSHOT_ALL_COUNTERS]; /* of the stacks that count */
    uint64_t retained; /* bytes, of all groups together: see group_retained.h */
};

/* Group the blocks of HEAP that are kept by OPTIONS. The caller frees the list
 * with group_destroy(). NULL for lack of memory. */
struct group_list *group_create(const struct heap *heap, struct symbols *symbols,
                                const struct group_options *options);

/* Find what each stack of HEAP holds of the blocks that OPTIONS keep, whatever their key, into
 * OUT_HELD, which has room for all stacks. Returns 0 or -ENOMEM. */
int group_find_held(const struct heap *heap, struct symbols *symbols,
                    const struct group_options *options, struct group_held *out_held);

/* Do OPTIONS ask for what only single blocks tell, and not the sums of each stack? */
bool group_needs_blocks(const struct group_options *options);

/* Do they ask for types? Then they are to be given. */
bool group_needs_types(const struct group_options *options);

/* Free LIST, which may be NULL. */
void group_destroy(struct group_list *list);

#endif
