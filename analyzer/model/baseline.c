#include "model/baseline.h"

#include "model/graph.h"
#include "model/hash.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Stacks by a hash of their names; two with the same, and there are hardly any, are one. */
struct entry {
    uint64_t key;
    uint64_t lost, held; /* bytes, … */
    uint64_t lost_blocks, held_blocks; /* … of these, which may have none */
};

struct baseline {
    struct entry *entries; /* by key */
    size_t count;
    char *nameless;
};

/* What STACK is called, frame by frame. */
static uint64_t key_of(const struct heap *heap, struct symbols *symbols, uint32_t stack)
{
    uint64_t hash = HASH_BEGIN;

    for (uint32_t frame = heap->stacks[stack].frame; frame; frame = heap->frames[frame].parent) {
        struct symbol_list list = symbols_frame(symbols, frame);

        for (size_t i = 0; i < list.count; i++) {
            const struct symbol *symbol = &list.symbols[i];

            /* A place has its module before the function, or the offset if that has no name. */
            if (symbol->function)
                hash = hash_text(hash, symbol->module ? symbol->module : "");
            hash = hash_text(hash, symbol->function ? symbol->function : symbol->place);
        }
    }
    return hash;
}

static int compare_keys(const void *left, const void *right)
{
    const struct entry *a = left, *b = right;

    return (a->key > b->key) - (a->key < b->key);
}

/* Add up the entries of the same key. */
static void unite(struct baseline *baseline)
{
    size_t kept = 0;

    if (baseline->count == 0)
        return;
    qsort(baseline->entries, baseline->count, sizeof(struct entry), compare_keys);
    for (size_t i = 1; i < baseline->count; i++) {
        if (baseline->entries[i].key == baseline->entries[kept].key) {
            baseline->entries[kept].lost += baseline->entries[i].lost;
            baseline->entries[kept].held += baseline->entries[i].held;
            baseline->entries[kept].lost_blocks += baseline->entries[i].lost_blocks;
            baseline->entries[kept].held_blocks += baseline->entries[i].held_blocks;
        } else {
            baseline->entries[++kept] = baseline->entries[i];
        }
    }
    baseline->count = kept + 1;
}

static int add_stacks(struct baseline *baseline, const struct heap *heap, const struct graph *graph,
                      struct symbols *symbols)
{
    struct entry *of_stack = calloc(heap->stack_count + 1, sizeof(*of_stack));

    if (!of_stack)
        return -ENOMEM;
    for (size_t i = 0; i < heap->block_count; i++) {
        const struct heap_block *block = &heap->blocks[i];

        if (graph->classes[i] <= GRAPH_INDIRECTLY_LOST) {
            of_stack[block->stack].lost += block->size;
            of_stack[block->stack].lost_blocks++;
        } else {
            of_stack[block->stack].held += block->size;
            of_stack[block->stack].held_blocks++;
        }
    }
    for (uint32_t i = 0; i < heap->stack_count; i++) {
        if (of_stack[i].lost_blocks == 0 && of_stack[i].held_blocks == 0)
            continue;
        of_stack[i].key = key_of(heap, symbols, i);
        of_stack[baseline->count++] = of_stack[i];
    }
    baseline->entries = of_stack;
    unite(baseline);
    return 0;
}

static int find_nameless(struct baseline *baseline, const struct heap *heap,
                         struct symbols *symbols)
{
    for (size_t i = 0; i < heap->module_count && !baseline->nameless; i++) {
        enum symbols_source source = symbols_module(symbols, i).source;

        if (source != SYMBOLS_OTHER_BUILD &&
            !(source == SYMBOLS_MISSING && heap->modules[i].path[0] == '/'))
            continue;
        baseline->nameless = strdup(heap->modules[i].path);
        if (!baseline->nameless)
            return -ENOMEM;
    }
    return 0;
}

int baseline_load(const char *path, struct baseline **out_baseline, struct error *error)
{
    struct baseline *baseline = calloc(1, sizeof(*baseline));
    struct symbols *symbols = NULL;
    struct graph *graph = NULL;
    struct heap *heap = NULL;
    int result = -ENOMEM;

    error_set(error, result, "out of memory");
    if (!baseline)
        return result;
    result = heap_load_with_edges(path, &heap, error);
    if (result < 0)
        goto out;
    if (!heap->has_edges) {
        result = error_set(error, -ENODATA, "%s: has no heap graph: take the snapshot at exit", path);
        goto out;
    }
    symbols = symbols_create(heap);
    result = symbols ? graph_create(heap, 0, &graph) : -ENOMEM;
    if (result == 0)
        result = add_stacks(baseline, heap, graph, symbols);
    if (result == 0)
        result = find_nameless(baseline, heap, symbols);
out:
    graph_destroy(graph);
    symbols_destroy(symbols);
    heap_destroy(heap);
    if (result == 0)
        *out_baseline = baseline;
    else
        baseline_destroy(baseline);
    return result;
}

void baseline_destroy(struct baseline *baseline)
{
    if (!baseline)
        return;
    free(baseline->entries);
    free(baseline->nameless);
    free(baseline);
}

bool baseline_has(const struct baseline *baseline, const struct heap *heap,
                  struct symbols *symbols, const struct verdict *verdict)
{
    const struct entry key = {.key = key_of(heap, symbols, verdict->stack)};
    const struct entry *found = NULL;

    if (baseline->count > 0)
        found = bsearch(&key, baseline->entries, baseline->count, sizeof(key), compare_keys);
    if (!found)
        return false;
    if (verdict->size == 0) /* then it is their number that counts */
        return verdict->count <= (verdict->kind == VERDICT_LOST
                                      ? found->lost_blocks
                                      : found->lost_blocks + found->held_blocks);
    return verdict->size <= (verdict->kind == VERDICT_LOST ? found->lost
                                                          : found->lost + found->held);
}

const char *baseline_nameless(const struct baseline *baseline)
{
    return baseline->nameless;
}
