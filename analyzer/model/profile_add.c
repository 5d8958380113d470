/* profile_add(), profile_add_held(): the stacks of a heap as a part of a profile. */
#include "model/profile.h"

#include "model/dominators.h"
#include "model/filter.h"
#include "model/graph.h"
#include "model/group.h"
#include "model/heap.h"
#include "model/progress.h"
#include "model/site.h"
#include "model/symbols.h"

#include <errno.h>
#include <stdlib.h>

static int add_symbol(struct profile *profile, uint32_t parent, const struct symbol *symbol,
                      uint32_t *out_node)
{
    struct profile_frame frame = {
        .name = symbol->function ? symbol->function : symbol->place,
        .file = symbol->file,
        .line = symbol->file ? symbol->line : 0,
        .module = symbol->module,
        .inlined = symbol->inlined,
        .is_place = !symbol->function,
        .offset = symbol->offset,
    };

    return profile_put(profile, parent, &frame, out_node);
}

/* A heap while it is added. */
struct adding {
    struct profile *profile;
    const struct heap *heap;
    struct symbols *symbols;
    const struct filter *filter;
    uint32_t *node_of;  /* per frame of the heap, whole; 0: not yet known, or the outermost */
    uint32_t *way;      /* room for a stack */
};

/* The node of the whole FRAME of the heap. */
static int find_node(struct adding *adding, uint32_t frame, uint32_t *out_node)
{
    size_t length = 0;
    uint32_t node;

    for (; frame && !adding->node_of[frame]; frame = adding->heap->frames[frame].parent)
        adding->way[length++] = frame;
    node = frame ? adding->node_of[frame] : 0;
    while (length > 0) {
        struct symbol_list list;

        frame = adding->way[--length];
        list = symbols_frame(adding->symbols, frame);
        for (size_t i = list.count; i > 0; i--) {
            if (add_symbol(adding->profile, node, &list.symbols[i - 1], &node) < 0)
                return -ENOMEM;
        }
        adding->node_of[frame] = node;
    }
    *out_node = node;
    return 0;
}

/* The node that what STACK holds is counted to. */
static int find_stack(struct adding *adding, uint32_t stack, uint32_t *out_node)
{
    uint32_t frame, node;
    const struct symbol *newest = site_newest(adding->heap, adding->symbols, adding->filter, stack,
                                              true, &frame);
    struct symbol_list list = {.symbols = &site_unknown, .count = 1};
    int result;

    if (frame) {
        list = symbols_frame(adding->symbols, frame);
        if (newest == &list.symbols[0])
            return find_node(adding, frame, out_node);
    }
    result = find_node(adding, frame ? adding->heap->frames[frame].parent : 0, &node);
    /* Of inlined functions, those that called the newest that counts. */
    for (size_t i = list.count; i > 0 && result == 0; i--) {
        result = add_symbol(adding->profile, node, &list.symbols[i - 1], &node);
        if (newest == &list.symbols[i - 1])
            break;
    }
    *out_node = node;
    return result;
}

/* The block that no single block holds, and that holds each block, by its index; its own where
 * that is itself. */
static int find_topmost(const struct graph *graph, uint32_t **out_topmost)
{
    const uint32_t roots = (uint32_t)graph->root_count;
    size_t count = graph->heap->block_count;
    uint32_t *topmost = calloc(count + 1, sizeof(*topmost));
    struct dominators *dominators = NULL;

    if (!topmost || dominators_create(graph, &dominators) < 0) {
        free(topmost);
        return -ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        uint32_t above = dominators->immediate[roots + i];

        topmost[i] = above == DOMINATORS_NONE || above < roots ? (uint32_t)i : above - roots;
    }
    dominators_destroy(dominators);
    /* Follow to the top, then shorten the way for those that come later. */
    for (uint32_t i = 0; i < count; i++) {
        uint32_t top = i;

        while (topmost[top] != top)
            top = topmost[top];
        for (uint32_t at = i, next; topmost[at] != top; at = next) {
            next = topmost[at];
            topmost[at] = top;
        }
    }
    *out_topmost = topmost;
    return 0;
}

/* Count to the stacks, in OUT_NUMBERS, two each, what of their blocks is lost, and what these hold. */
static int count_graph(const struct graph *graph, uint64_t *out_numbers)
{
    const struct heap *heap = graph->heap;
    uint32_t *topmost;

    if (find_topmost(graph, &topmost) < 0)
        return -ENOMEM;
    for (size_t i = 0; i < heap->block_count; i++) {
        if (graph_is_lost(graph, i))
            out_numbers[2 * heap->blocks[i].stack] += heap->blocks[i].size;
        out_numbers[2 * heap->blocks[topmost[i]].stack + 1] += heap->blocks[i].size;
    }
    free(topmost);
    return 0;
}

static int add_stacks(struct adding *adding, size_t at, const uint64_t *graph_numbers,
                      const struct group_held *held, struct progress *progress)
{
    struct profile *profile = adding->profile;

    for (uint32_t i = 0; i < adding->heap->stack_count; i++) {
        const struct heap_stack *stack = &adding->heap->stacks[i];
        uint64_t *own;
        uint32_t node;

        progress_to(progress, i);
        if ((stack->live_blocks == 0 && stack->allocations == 0) || (held && !held[i].kept))
            continue;
        if (find_stack(adding, i, &node) < 0)
            return -ENOMEM;
        own = &profile->own[(node * profile->heap_count + at) * PROFILE_VALUES];
        own[PROFILE_BYTES] += held ? held[i].bytes : stack->live_bytes;
        own[PROFILE_BLOCKS] += held ? held[i].blocks : stack->live_blocks;
        own[PROFILE_ALLOCATED_BYTES] += stack->allocated_bytes;
        own[PROFILE_ALLOCATIONS] += stack->allocations;
        own[PROFILE_TEMPORARY] += stack->temporary;
        own[PROFILE_PEAK_BYTES] += stack->peak_bytes;
        own[PROFILE_PEAK_BLOCKS] += stack->peak_blocks;
        own[PROFILE_LOST_BYTES] += graph_numbers[2 * i];
        own[PROFILE_HELD_BYTES] += graph_numbers[2 * i + 1];
        profile->has_allocations |= stack->allocations > 0;
    }
    return 0;
}

int profile_add(struct profile *profile, size_t at, const struct heap *heap,
                struct symbols *symbols, const struct filter *filter, const struct graph *graph)
{
    return profile_add_held(profile, at, heap, symbols, filter, graph, NULL);
}

int profile_add_held(struct profile *profile, size_t at, const struct heap *heap,
                     struct symbols *symbols, const struct filter *filter,
                     const struct graph *graph, const struct group_held *held)
{
    struct adding adding = {
        .profile = profile,
        .heap = heap,
        .symbols = symbols,
        .filter = filter,
        .node_of = calloc(heap->frame_count + 1, sizeof(uint32_t)),
        .way = calloc(heap->frame_count + 1, sizeof(uint32_t)),
    };
    uint64_t *graph_numbers = calloc(2 * heap->stack_count + 1, sizeof(*graph_numbers));
    struct progress *progress =
        progress_begin(heap->stack_count, "naming %zu stacks", heap->stack_count);
    int result = -ENOMEM;

    if (adding.node_of && adding.way && graph_numbers &&
        (!graph || count_graph(graph, graph_numbers) == 0))
        result = add_stacks(&adding, at, graph_numbers, held, progress);
    progress_end(progress);
    profile->has_peak |= heap->has_more_counters;
    profile->has_lost |= graph != NULL;
    free(graph_numbers);
    free(adding.node_of);
    free(adding.way);
    return result;
}
