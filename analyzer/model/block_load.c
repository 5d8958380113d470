#include "model/block_load.h"

#include "format/varint.h"
#include "model/block_sort.h"
#include "model/estimate.h"
#include "model/loader.h"

#include <inttypes.h>
#include <stdlib.h>

/* Without blocks, what is alive is what was allocated and not freed. */
static int count_live(const struct loader *loader)
{
    const struct snapshot_account *account = loader->heap->account;
    struct heap *heap = loader->heap;
    uint64_t bytes = 0, blocks = 0;

    for (size_t i = 0; i < 2; i++) {
        enum snapshot_kind kind = i ? SNAPSHOT_TRACKED : SNAPSHOT_BLOCKS;

        if (loader->sections->kinds[kind].present)
            return DAMAGE(loader, kind, 0, "the process says that there are no blocks");
    }
    for (size_t i = 0; i < heap->stack_count; i++) {
        struct heap_stack *stack = &heap->stacks[i];

        if (__builtin_sub_overflow(stack->allocations, stack->frees, &stack->live_blocks) ||
            __builtin_sub_overflow(stack->allocated_bytes, stack->freed_bytes, &stack->live_bytes))
            return DAMAGE(loader, SNAPSHOT_COUNTERS, 0, "stack %zu has freed more than it had", i);
        if (__builtin_add_overflow(blocks, stack->live_blocks, &blocks) ||
            __builtin_add_overflow(bytes, stack->live_bytes, &bytes))
            return DAMAGE(loader, SNAPSHOT_COUNTERS, 0, "stack %zu holds impossibly much", i);
        stack->live_variance = estimate_variance_at_most(heap, stack->live_bytes);
    }
    if (blocks != account->live_blocks || bytes != account->live_bytes)
        return DAMAGE(loader, SNAPSHOT_COUNTERS, 0,
                      "%" PRIu64 " blocks of %" PRIu64 " bytes are alive, the account has %" PRIu64
                      " of %" PRIu64,
                      blocks, bytes, account->live_blocks, account->live_bytes);
    return 0;
}

/* Check that no address is there twice and, with the tracked blocks, that they are what the
 * account says. */
static int check_blocks(const struct loader *loader)
{
    const struct heap *heap = loader->heap;
    uint64_t bytes = 0, count = 0;

    for (size_t i = 0; i < heap->stack_count; i++)
        count += heap->stacks[i].live_blocks; /* at most 2^32 blocks of weights up to 2^32 */
    if (count != heap->account->live_blocks)
        return DAMAGE(loader, SNAPSHOT_BLOCKS, 0, "%" PRIu64 " blocks, the account has %" PRIu64,
                      count, heap->account->live_blocks);
    for (size_t i = 0; i < heap->stack_count; i++) {
        if (__builtin_add_overflow(bytes, heap->stacks[i].live_bytes, &bytes))
            return DAMAGE(loader, SNAPSHOT_BLOCKS, 0, "the blocks are impossibly large");
    }
    if (bytes != heap->account->live_bytes)
        return DAMAGE(loader, SNAPSHOT_BLOCKS, 0,
                      "blocks of %" PRIu64 " bytes, the account has %" PRIu64, bytes,
                      heap->account->live_bytes);
    for (size_t i = 1; i < heap->block_count; i++) {
        if (heap->blocks[i].address == heap->blocks[i - 1].address)
            return DAMAGE(loader, SNAPSHOT_BLOCKS, 0, "two blocks at address %#" PRIx64,
                          heap->blocks[i].address);
    }
    return 0;
}

/* Read how many the next block stands for. */
static int read_weight(struct loader *loader, struct cursor *cursor, uint64_t *out_weight)
{
    int result = cursor_next(loader, cursor, 1, out_weight);

    if (result == 0 && (*out_weight == 0 || *out_weight > UINT32_MAX))
        return DAMAGE(loader, SNAPSHOT_WEIGHTS, cursor_offset(cursor),
                      "a block stands for %" PRIu64, *out_weight);
    return result;
}

/* Read the blocks in the section KIND into an array for OUT_BLOCKS. Unless it is NULL, WEIGHTS is
 * where the weights are read, into an array for OUT_WEIGHTS. */
static int read_blocks(struct loader *loader, enum snapshot_kind kind, struct cursor *weights,
                       struct heap_block **out_blocks, uint32_t **out_weights)
{
    size_t count = loader->sections->kinds[kind].count;
    struct cursor cursor = cursor_at(loader, kind);
    struct heap *heap = loader->heap;
    uint64_t address = 0;
    int result = loader_allocate(loader, count, sizeof(**out_blocks), out_blocks);

    if (result == 0 && weights)
        result = loader_allocate(loader, count, sizeof(**out_weights), out_weights);
    for (size_t i = 0; result == 0 && i < count; i++) {
        uint64_t values[4], weight = 1, bytes;
        struct heap_stack *stack;

        progress_to(loader->progress, i);
        result = cursor_next(loader, &cursor, 4, values);
        if (result != 0)
            return result;
        if (values[2] >= heap->stack_count)
            return DAMAGE(loader, kind, cursor_offset(&cursor),
                          "block %zu has stack %" PRIu64 " of %zu", i, values[2],
                          heap->stack_count);
        stack = &heap->stacks[values[2]];
        if ((stack->domain == 0) != (kind == SNAPSHOT_BLOCKS))
            return DAMAGE(loader, kind, cursor_offset(&cursor),
                          "block %zu has a stack of domain %" PRIu32, i, stack->domain);
        if (values[3] == 0 || values[3] > heap->process->epoch)
            return DAMAGE(loader, kind, cursor_offset(&cursor),
                          "block %zu has epoch %" PRIu64 " of %" PRIu32, i, values[3],
                          heap->process->epoch);
        if (weights) {
            result = read_weight(loader, weights, &weight);
            if (result != 0)
                return result;
            (*out_weights)[i] = (uint32_t)weight;
            stack->live_variance += estimate_variance(values[1], weight);
        }
        if (__builtin_mul_overflow(values[1], weight, &bytes) ||
            __builtin_add_overflow(stack->live_bytes, bytes, &stack->live_bytes))
            return DAMAGE(loader, kind, cursor_offset(&cursor),
                          "block %zu is impossibly large: %" PRIu64 " bytes", i, values[1]);
        stack->live_blocks += weight;
        address = varint_undelta(values[0], address);
        (*out_blocks)[i] = (struct heap_block){
            .address = address,
            .size = values[1],
            .stack = (uint32_t)values[2],
            .epoch = (uint32_t)values[3],
        };
    }
    return result != 0 ? result : cursor_end(loader, &cursor);
}

struct weighted {
    struct heap_block block; /* first, so that what compares blocks compares these */
    uint32_t weight;
};

/* Sort COUNT blocks with their WEIGHTS. */
static int sort_weighted(struct loader *loader, struct heap_block *blocks, uint32_t *weights,
                         size_t count, int (*compare)(const void *, const void *, void *))
{
    struct weighted *both;
    int result = loader_allocate(loader, count, sizeof(*both), &both);

    if (result != 0)
        return result;
    for (size_t i = 0; i < count; i++)
        both[i] = (struct weighted){blocks[i], weights[i]};
    qsort_r(both, count, sizeof(*both), compare, loader->heap->stacks);
    for (size_t i = 0; i < count; i++) {
        blocks[i] = both[i].block;
        weights[i] = both[i].weight;
    }
    free(both);
    return 0;
}

static int compare_addresses(const void *a, const void *b, void *unused)
{
    const struct heap_block *left = a, *right = b;

    (void)unused;
    return (left->address > right->address) - (left->address < right->address);
}

static int compare_tracked(const void *a, const void *b, void *stacks)
{
    const struct heap_block *left = a, *right = b;
    uint32_t left_domain = ((const struct heap_stack *)stacks)[left->stack].domain;
    uint32_t right_domain = ((const struct heap_stack *)stacks)[right->stack].domain;

    if (left_domain != right_domain)
        return left_domain < right_domain ? -1 : 1;
    return (left->address > right->address) - (left->address < right->address);
}

/* Put the tracked blocks in order: by domain, then by address. */
static int sort_tracked(struct loader *loader)
{
    struct heap *heap = loader->heap;

    if (heap->tracked_weights) {
        int result = sort_weighted(loader, heap->tracked, heap->tracked_weights,
                                   heap->tracked_count, compare_tracked);

        if (result != 0)
            return result;
    } else {
        qsort_r(heap->tracked, heap->tracked_count, sizeof(*heap->tracked), compare_tracked,
                heap->stacks);
    }
    for (size_t i = 1; i < heap->tracked_count; i++) {
        if (compare_tracked(&heap->tracked[i - 1], &heap->tracked[i], heap->stacks) == 0)
            return DAMAGE(loader, SNAPSHOT_TRACKED, 0,
                          "two blocks of domain %" PRIu32 " at address %#" PRIx64,
                          heap->stacks[heap->tracked[i].stack].domain, heap->tracked[i].address);
    }
    return 0;
}

int block_load(struct loader *loader)
{
    const struct snapshot_payload *payload = &loader->sections->kinds[SNAPSHOT_WEIGHTS];
    struct heap *heap = loader->heap;
    bool weighted = heap->sampling && heap->sampling->mean && heap->has_blocks;
    struct cursor cursor = cursor_at(loader, SNAPSHOT_WEIGHTS),
                  *weights = weighted ? &cursor : NULL;
    int result;

    if (weighted ? payload->count != loader->sections->kinds[SNAPSHOT_BLOCKS].count +
                                         loader->sections->kinds[SNAPSHOT_TRACKED].count
                 : payload->present)
        return DAMAGE(loader, SNAPSHOT_WEIGHTS, 0, "%zu weights, for which there are no blocks",
                      payload->count);
    if (!heap->has_blocks)
        return count_live(loader);
    result = read_blocks(loader, SNAPSHOT_BLOCKS, weights, &heap->blocks, &heap->weights);
    if (result != 0)
        return result;
    heap->block_count = loader->sections->kinds[SNAPSHOT_BLOCKS].count;
    if (weighted)
        result = sort_weighted(loader, heap->blocks, heap->weights, heap->block_count,
                               compare_addresses);
    else if (!block_sort(heap->blocks, heap->block_count))
        result = loader_no_memory(loader);
    if (result == 0)
        result =
            read_blocks(loader, SNAPSHOT_TRACKED, weights, &heap->tracked, &heap->tracked_weights);
    if (result == 0 && weighted)
        result = cursor_end(loader, &cursor);
    if (result != 0)
        return result;
    heap->tracked_count = loader->sections->kinds[SNAPSHOT_TRACKED].count;
    result = check_blocks(loader);
    return result != 0 ? result : sort_tracked(loader);
}
