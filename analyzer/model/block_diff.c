#include "model/block_diff.h"

#include "format/snapshot.h"

#include <stddef.h>
#include <string.h>

typedef void (*each_block)(void *context, enum block_fate fate, const struct heap_block *before,
                           const struct heap_block *after);

const char *block_fate_name(enum block_fate fate)
{
    static const char *const names[BLOCK_FATES] = {
        [BLOCK_NEW] = "new",
        [BLOCK_RESIZED] = "resized",
        [BLOCK_GONE] = "gone",
        [BLOCK_KEPT] = "kept",
    };

    return names[fate];
}

bool block_diff_possible(const struct heap *old, const struct heap *new)
{
    return !old->is_merged && !new->is_merged && old->has_blocks && new->has_blocks &&
           heap_same_tracing(old, new);
}

/* Order of the blocks A of OLD and B of NEW as both heaps have them: by domain, then address. */
static int compare_places(const struct heap *old, const struct heap_block *a,
                          const struct heap *new, const struct heap_block *b)
{
    uint32_t old_domain = old->stacks[a->stack].domain, new_domain = new->stacks[b->stack].domain;

    if (old_domain != new_domain)
        return old_domain < new_domain ? -1 : 1;
    return (a->address > b->address) - (a->address < b->address);
}

static void walk(const struct heap *old, const struct heap_block *before,
                 const struct heap_block *before_end, const struct heap *new,
                 const struct heap_block *after, const struct heap_block *after_end,
                 each_block each, void *context)
{
    while (before < before_end || after < after_end) {
        int order = before == before_end  ? 1
                    : after == after_end ? -1
                                         : compare_places(old, before, new, after);

        if (order == 0 && before->epoch == after->epoch) {
            each(context, before->size == after->size ? BLOCK_KEPT : BLOCK_RESIZED, before, after);
            before++;
            after++;
            continue;
        }
        if (order <= 0)
            each(context, BLOCK_GONE, before++, NULL);
        if (order >= 0)
            each(context, BLOCK_NEW, NULL, after++);
    }
}

void block_diff_walk(const struct heap *old, const struct heap *new, each_block each, void *context)
{
    walk(old, old->blocks, old->blocks + old->block_count, new, new->blocks,
         new->blocks + new->block_count, each, context);
    walk(old, old->tracked, old->tracked + old->tracked_count, new, new->tracked,
         new->tracked + new->tracked_count, each, context);
}
