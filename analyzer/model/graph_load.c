#include "model/graph_load.h"

#include "model/loader.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const enum snapshot_kind of_graph[] = {
    SNAPSHOT_ROOTS,      SNAPSHOT_ROOT_FRAMES, SNAPSHOT_ROOT_EDGES,
    SNAPSHOT_EDGES,      SNAPSHOT_MODULE_WORDS,
};

static int load_graph(struct loader *loader)
{
    const struct snapshot_payload *payload = &loader->sections->kinds[SNAPSHOT_GRAPH];
    struct snapshot_graph *graph = &loader->owned->graph;

    if (!payload->present) {
        for (size_t i = 0; i < sizeof(of_graph) / sizeof(*of_graph); i++) {
            if (loader->sections->kinds[of_graph[i]].present)
                return DAMAGE(loader, of_graph[i], 0, "there is no section GRAPH");
        }
        return 0;
    }
    if (payload->count != 1)
        return DAMAGE(loader, SNAPSHOT_GRAPH, 0, "%zu graphs, not one", payload->count);
    memcpy(graph, payload->data, sizeof(*graph));
    if (graph->scanned_blocks > loader->heap->block_count)
        return DAMAGE(loader, SNAPSHOT_GRAPH, offsetof(struct snapshot_graph, scanned_blocks),
                      "%" PRIu64 " blocks were looked at, there are %zu", graph->scanned_blocks,
                      loader->heap->block_count);
    loader->heap->graph = graph;
    return 0;
}

static int load_roots(struct loader *loader)
{
    const struct snapshot_payload *payload = &loader->sections->kinds[SNAPSHOT_ROOTS];
    struct heap *heap = loader->heap;
    int result;

    if (payload->count >= UINT32_MAX - heap->block_count)
        return DAMAGE(loader, SNAPSHOT_ROOTS, 0, "too many roots: %zu", payload->count);
    result = loader_allocate(loader, payload->count, sizeof(*heap->roots), &heap->roots);
    for (size_t i = 0; result == 0 && i < payload->count; i++) {
        size_t at = i * sizeof(struct snapshot_root);
        struct snapshot_root record;

        memcpy(&record, payload->data + at, sizeof(record));
        if (record.kind < SNAPSHOT_ROOT_MODULE || record.kind > SNAPSHOT_ROOT_LIBC)
            return DAMAGE(loader, SNAPSHOT_ROOTS, at, "root %zu is of kind %" PRIu32, i,
                          record.kind);
        if (record.module > heap->module_count)
            return DAMAGE(loader, SNAPSHOT_ROOTS, at, "root %zu lies in module %" PRIu32 " of %zu",
                          i, record.module, heap->module_count);
        if (record.start + record.size < record.start)
            return DAMAGE(loader, SNAPSHOT_ROOTS, at, "root %zu ends before it begins", i);
        heap->roots[i] = (struct heap_root){
            .start = record.start,
            .size = record.size,
            .kind = record.kind,
            .thread = record.thread,
            .module = record.module,
        };
        result = loader_string(loader, SNAPSHOT_ROOTS, at, record.name, &heap->roots[i].name);
    }
    heap->root_count = payload->count;
    return result;
}

static int load_root_frames(struct loader *loader)
{
    size_t count = loader->sections->kinds[SNAPSHOT_ROOT_FRAMES].count;
    struct cursor cursor = cursor_at(loader, SNAPSHOT_ROOT_FRAMES);
    struct heap *heap = loader->heap;
    uint64_t end = 0, address = 0;
    int result = loader_allocate(loader, count, sizeof(*heap->root_frames), &heap->root_frames);

    for (size_t i = 0; result == 0 && i < count; i++) {
        const struct heap_root_frame *before = i > 0 ? &heap->root_frames[i - 1] : NULL;
        uint64_t values[4];

        result = cursor_next(loader, &cursor, 4, values);
        if (result != 0)
            return result;
        if (values[0] >= heap->root_count ||
            heap->roots[values[0]].kind != SNAPSHOT_ROOT_STACK)
            return DAMAGE(loader, SNAPSHOT_ROOT_FRAMES, cursor_offset(&cursor),
                          "root %" PRIu64 ", of which frame %zu is, is no stack", values[0], i);
        if (values[3] > heap->module_count)
            return DAMAGE(loader, SNAPSHOT_ROOT_FRAMES, cursor_offset(&cursor),
                          "frame %zu lies in module %" PRIu64 " of %zu", i, values[3],
                          heap->module_count);
        end = varint_undelta(values[1], end);
        address = varint_undelta(values[2], address);
        if (before && (values[0] < before->root || (values[0] == before->root && end < before->end)))
            return DAMAGE(loader, SNAPSHOT_ROOT_FRAMES, cursor_offset(&cursor),
                          "frame %zu is out of order", i);
        heap->root_frames[i] = (struct heap_root_frame){
            .root = (uint32_t)values[0],
            .end = end,
            .address = address,
            .module = (uint32_t)values[3],
        };
    }
    heap->root_frame_count = count;
    return result != 0 ? result : cursor_end(loader, &cursor);
}

int graph_load_roots(struct loader *loader)
{
    int result = load_graph(loader);

    if (result == 0)
        result = load_roots(loader);
    return result != 0 ? result : load_root_frames(loader);
}

/* The size of NODE: of a root or of a block. */
static uint64_t node_size(const struct heap *heap, size_t node)
{
    return node < heap->root_count ? heap->roots[node].size
                                   : heap->blocks[node - heap->root_count].size;
}

/* Put OFFSET and INSIDE to EDGE, the last one so far. */
static int put_edge(struct loader *loader, uint32_t edge, uint64_t offset, uint64_t inside)
{
    struct heap_edges *edges = &loader->heap->edges;
    struct heap_wide_edge *wide = edges->wide;

    if (offset < HEAP_EDGES_WIDE && inside < HEAP_EDGES_WIDE) {
        edges->offset[edge] = (uint32_t)offset;
        edges->inside[edge] = (uint32_t)inside;
        return 0;
    }
    /* The room is a power of two. */
    if ((edges->wide_count & (edges->wide_count - 1)) == 0) {
        wide = reallocarray(wide, edges->wide_count ? 2 * edges->wide_count : 1, sizeof(*wide));
        if (!wide)
            return loader_no_memory(loader);
        edges->wide = wide;
    }
    wide[edges->wide_count++] = (struct heap_wide_edge){edge, offset, inside};
    edges->offset[edge] = edges->inside[edge] = HEAP_EDGES_WIDE;
    return 0;
}

const struct heap_wide_edge *heap_edges_wide(const struct heap_edges *edges, size_t edge)
{
    size_t low = 0, high = edges->wide_count - 1;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (edges->wide[middle].edge < edge)
            low = middle + 1;
        else
            high = middle;
    }
    return &edges->wide[low];
}

/* Load the section KIND, whose edges come from the COUNT nodes from FIRST on. */
static int load_edges(struct loader *loader, enum snapshot_kind kind, size_t first, size_t count)
{
    const char *source = kind == SNAPSHOT_EDGES ? "block" : "root";
    size_t edge_count = loader->sections->kinds[kind].count;
    struct cursor cursor = cursor_at(loader, kind);
    struct heap *heap = loader->heap;
    struct heap_edges *edges = &heap->edges;
    uint64_t node = 0, offset = 0, target = 0;
    size_t next = first; /* the node whose first edge was not met yet */

    for (size_t i = 0; i < edge_count; i++) {
        uint64_t values[4], before = node;
        uint32_t edge = (uint32_t)edges->count;
        const struct heap_block *block;
        int result = cursor_next(loader, &cursor, 4, values);

        if (result != 0)
            return result;
        progress_to(loader->progress, heap->block_count + edges->count);
        node = varint_undelta(values[0], node);
        target = varint_undelta(values[2], target);
        if (node >= count || node < before || target >= heap->block_count)
            return DAMAGE(loader, kind, cursor_offset(&cursor),
                          "edge %zu leads from %s %" PRIu64 " of %zu, behind %" PRIu64
                          ", to block %" PRIu64 " of %zu",
                          i, source, node, count, before, target, heap->block_count);
        if (values[1] >= node_size(heap, first + node) ||
            (i > 0 && node == before && values[1] <= offset))
            return DAMAGE(loader, kind, cursor_offset(&cursor),
                          "edge %zu lies %" PRIu64 " bytes into %s %" PRIu64 " of %" PRIu64
                          " bytes, or behind a later one",
                          i, values[1], source, node, node_size(heap, first + node));
        offset = values[1];
        block = &heap->blocks[target];
        if (values[3] != 0 && values[3] >> SNAPSHOT_INSIDE_SHIFT >= block->size)
            return DAMAGE(loader, kind, cursor_offset(&cursor),
                          "edge %zu points %" PRIu64 " bytes into block %" PRIu64 " of %" PRIu64
                          " bytes",
                          i, values[3] >> SNAPSHOT_INSIDE_SHIFT, target, block->size);
        while (next <= first + node)
            edges->first[next++] = edge;
        edges->target[edge] = (uint32_t)target;
        result = put_edge(loader, edge, offset, values[3]);
        if (result != 0)
            return result;
        edges->count++;
    }
    while (next < first + count)
        edges->first[next++] = (uint32_t)edges->count;
    return cursor_end(loader, &cursor);
}

static int load_module_words(struct loader *loader)
{
    size_t count = loader->sections->kinds[SNAPSHOT_MODULE_WORDS].count;
    struct cursor cursor = cursor_at(loader, SNAPSHOT_MODULE_WORDS);
    struct heap *heap = loader->heap;
    uint64_t block = 0, offset = 0, address = 0;
    int result = loader_allocate(loader, count, sizeof(*heap->module_words), &heap->module_words);

    for (size_t i = 0; result == 0 && i < count; i++) {
        uint64_t values[3], before = block;

        result = cursor_next(loader, &cursor, 3, values);
        if (result != 0)
            return result;
        block = varint_undelta(values[0], block);
        address = varint_undelta(values[2], address);
        if (block >= heap->block_count || block < before ||
            values[1] >= heap->blocks[block].size ||
            (i > 0 && block == before && values[1] <= offset))
            return DAMAGE(loader, SNAPSHOT_MODULE_WORDS, cursor_offset(&cursor),
                          "word %zu lies %" PRIu64 " bytes into block %" PRIu64
                          ", which has not so many, or is out of order",
                          i, values[1], block);
        offset = values[1];
        heap->module_words[i] = (struct heap_module_word){
            .block = (uint32_t)block,
            .offset = offset,
            .address = address,
        };
    }
    heap->module_word_count = count;
    return result != 0 ? result : cursor_end(loader, &cursor);
}

int graph_load_edges(struct loader *loader)
{
    const struct snapshot_payload *kinds = loader->sections->kinds;
    struct heap *heap = loader->heap;
    struct heap_edges *edges = &heap->edges;
    size_t nodes = heap->root_count + heap->block_count;
    size_t count = kinds[SNAPSHOT_ROOT_EDGES].count + kinds[SNAPSHOT_EDGES].count;
    int result;

    if (nodes >= UINT32_MAX || count >= UINT32_MAX)
        return DAMAGE(loader, SNAPSHOT_EDGES, 0, "too many edges or blocks: %zu, %zu", count,
                      heap->block_count);
    result = loader_allocate(loader, nodes + 1, sizeof(*edges->first), &edges->first);
    if (result == 0)
        result = loader_allocate(loader, count, sizeof(*edges->target), &edges->target);
    if (result == 0)
        result = loader_allocate(loader, count, sizeof(*edges->offset), &edges->offset);
    if (result == 0)
        result = loader_allocate(loader, count, sizeof(*edges->inside), &edges->inside);
    if (result == 0)
        result = load_edges(loader, SNAPSHOT_ROOT_EDGES, 0, heap->root_count);
    if (result == 0)
        result = load_edges(loader, SNAPSHOT_EDGES, heap->root_count, heap->block_count);
    if (result != 0)
        return result;
    edges->first[nodes] = (uint32_t)edges->count;
    heap->has_edges = heap->graph != NULL;
    return load_module_words(loader);
}
