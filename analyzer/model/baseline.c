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

/* Add up those of the COUNT ENTRIES that have the same key. Returns how many are left, sorted by it. */
static size_t unite(struct entry *entries, size_t count)
{
    size_t kept = 0;

    if (count == 0)
        return 0;
    qsort(entries, count, sizeof(*entries), compare_keys);
    for (size_t i = 1; i < count; i++) {
        if (entries[i].key == entries[kept].key) {
            entries[kept].lost += entries[i].lost;
            entries[kept].held += entries[i].held;
            entries[kept].lost_blocks += entries[i].lost_blocks;
            entries[kept].held_blocks += entries[i].held_blocks;
        } else {
            entries[++kept] = entries[i];
        }
    }
    return kept + 1;
}

/* What HEAP has, by key: COUNT entries, to be freed. NULL for lack of memory. */
static struct entry *find_entries(const struct heap *heap, const struct graph *graph,
                                  struct symbols *symbols, size_t *out_count)
{
    struct entry *of_stack = calloc(heap->stack_count + 1, sizeof(*of_stack));
    size_t count = 0;

    if (!of_stack)
        return NULL;
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
        of_stack[count++] = of_stack[i];
    }
    *out_count = unite(of_stack, count);
    return of_stack;
}

static uint64_t max(uint64_t one, uint64_t other)
{
    return one > other ? one : other;
}

/* Let BASELINE allow what the COUNT ENTRIES, sorted by key, have, too. Returns 0 or -ENOMEM. */
static int allow(struct baseline *baseline, const struct entry *entries, size_t count)
{
    struct entry *both = malloc((baseline->count + count + 1) * sizeof(*both));
    size_t i = 0, j = 0, kept = 0;

    if (!both)
        return -ENOMEM;
    while (i < baseline->count || j < count) {
        const struct entry *old = i < baseline->count ? &baseline->entries[i] : NULL;
        const struct entry *new = j < count ? &entries[j] : NULL;

        if (old && (!new || old->key < new->key)) {
            both[kept++] = *old;
            i++;
        } else if (!old || new->key < old->key) {
            both[kept++] = *new;
            j++;
        } else {
            both[kept++] = (struct entry){
                .key = old->key,
                .lost = max(old->lost, new->lost),
                .held = max(old->held, new->held),
                .lost_blocks = max(old->lost_blocks, new->lost_blocks),
                .held_blocks = max(old->held_blocks, new->held_blocks),
            };
            i++;
            j++;
        }
    }
    free(baseline->entries);
    baseline->entries = both;
    baseline->count = kept;
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

struct baseline *baseline_create(void)
{
    return calloc(1, sizeof(struct baseline));
}

int baseline_add(struct baseline *baseline, const char *path, struct error *error)
{
    struct entry *entries = NULL;
    struct symbols *symbols = NULL;
    struct graph *graph = NULL;
    struct heap *heap = NULL;
    size_t count = 0;
    int result;

    result = heap_load_with_edges(path, &heap, error);
    if (result < 0)
        return result;
    if (!heap->has_edges) {
        heap_destroy(heap);
        return error_set(error, -ENODATA, "%s: has no heap graph: take the snapshot at exit", path);
    }
    symbols = symbols_create(heap);
    result = symbols ? graph_create(heap, 0, &graph) : -ENOMEM;
    if (result == 0) {
        entries = find_entries(heap, graph, symbols, &count);
        result = entries ? allow(baseline, entries, count) : -ENOMEM;
    }
    if (result == 0)
        result = find_nameless(baseline, heap, symbols);
    if (result < 0)
        error_set(error, result, "out of memory");
    free(entries);
    graph_destroy(graph);
    symbols_destroy(symbols);
    heap_destroy(heap);
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
