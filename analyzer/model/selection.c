#include "model/selection.h"

#include "model/estimate.h"
#include "model/site.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

/* What the filter does with blocks of a stack and a type. */
struct selection_verdict {
    uint64_t key; /* the type's number above the stack's */
    bool kept;
    UT_hash_handle hh;
};

const struct symbol *selection_newest(const struct selection *selection, uint32_t stack,
                                      bool skip_standard, uint32_t *out_frame)
{
    return site_newest(selection->heap, selection->symbols, selection->filter, stack,
                       skip_standard && !selection->options->follows_tracemalloc, out_frame);
}

int selection_keeps(struct selection *selection, uint32_t stack, const char *type)
{
    const struct heap_stack *from = &selection->heap->stacks[stack];
    struct filter_owner owner = {.domain = from->domain, .type = type};
    bool wants_threads = filter_wants_threads(selection->filter);
    const struct symbol *newest;
    uint32_t frame;

    if (!filter_has_patterns(selection->filter))
        return 1;
    newest = selection_newest(selection, stack, true, &frame);
    if (!wants_threads && !filter_wants_all_frames(selection->filter))
        return filter_keeps(selection->filter, &owner, newest, &newest, 1);
    if (traceback_collect(&selection->traceback, selection->heap, selection->symbols, stack) < 0)
        return -ENOMEM;
    if (wants_threads)
        owner.thread_start = traceback_thread_start(&selection->traceback, selection->heap, stack);
    if (from->thread) {
        owner.tid = selection->heap->threads[from->thread - 1].tid;
        owner.thread_name = selection->heap->threads[from->thread - 1].name;
    }
    return filter_keeps(selection->filter, &owner, newest, selection->traceback.symbols,
                        selection->traceback.count);
}

uint32_t selection_type(const struct selection *selection, const struct heap_block *block)
{
    const struct heap *heap = selection->heap;

    if (!selection->options->types || block < heap->blocks ||
        block >= heap->blocks + heap->block_count)
        return 0;
    return selection->options->types->of_block[block - heap->blocks];
}

int selection_counts(struct selection *selection, const struct heap_block *block)
{
    uint32_t type = selection_type(selection, block);
    uint64_t key = (uint64_t)type << 32 | block->stack;
    struct selection_verdict *verdict;
    int kept;

    if (block->epoch < selection->options->since)
        return 0;
    if (!filter_wants_types(selection->filter))
        return 1;
    HASH_FIND(hh, selection->verdicts, &key, sizeof(key), verdict);
    if (verdict)
        return verdict->kept;
    kept =
        selection_keeps(selection, block->stack,
                        selection->options->types ? selection->options->types->names[type] : NULL);
    verdict = kept < 0 ? NULL : calloc(1, sizeof(*verdict));
    if (!verdict)
        return -ENOMEM;
    verdict->key = key;
    verdict->kept = kept;
    HASH_ADD(hh, selection->verdicts, key, sizeof(key), verdict);
    if (verdict->hh.tbl)
        return kept;
    free(verdict);
    return -ENOMEM;
}

int selection_init(struct selection *selection, const struct heap *heap, struct symbols *symbols,
                   const struct group_options *options)
{
    struct filter *plain = options->filter ? NULL : filter_create();

    *selection = (struct selection){
        .heap = heap,
        .symbols = symbols,
        .options = options,
        .filter = options->filter ? options->filter : plain,
        .plain = plain,
    };
    return selection->filter ? 0 : -ENOMEM;
}

void selection_finish(struct selection *selection)
{
    struct selection_verdict *verdict, *next;

    HASH_ITER(hh, selection->verdicts, verdict, next)
    {
        HASH_DEL(selection->verdicts, verdict);
        free(verdict);
    }
    traceback_finish(&selection->traceback);
    filter_destroy(selection->plain);
}

/* Add what counts of the COUNT blocks at BLOCKS to OUT_HELD, by stack. */
static int add_held(struct selection *selection, const struct heap_block *blocks, size_t count,
                    struct group_held *out_held)
{
    for (size_t i = 0; i < count; i++) {
        struct group_held *held = &out_held[blocks[i].stack];
        int counted = selection_counts(selection, &blocks[i]);
        uint64_t weight;

        if (counted < 0)
            return counted;
        if (counted == 0)
            continue;
        weight = estimate_weight(selection->heap, &blocks[i]);
        held->bytes += weight * blocks[i].size;
        held->blocks += weight;
        held->variance += estimate_variance(blocks[i].size, weight);
    }
    return 0;
}

int selection_find_held(struct selection *selection, struct group_held *out_held)
{
    const struct heap *heap = selection->heap;

    if (selection->options->since || filter_wants_types(selection->filter)) {
        int result = add_held(selection, heap->blocks, heap->block_count, out_held);

        return result < 0 ? result
                          : add_held(selection, heap->tracked, heap->tracked_count, out_held);
    }
    for (size_t i = 0; i < heap->stack_count; i++)
        out_held[i] = (struct group_held){heap->stacks[i].live_bytes, heap->stacks[i].live_blocks,
                                          heap->stacks[i].live_variance, false};
    return 0;
}
