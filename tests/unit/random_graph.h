/* random_graph.h - small heaps of random shape, as files and as matrices for the oracles. */
#ifndef RANDOM_GRAPH_H
#define RANDOM_GRAPH_H

#include "built_heap.h"

#include "model/graph.h"

#define RANDOM_NODES_MAX 24

/* Nodes are numbered as in heap.h; matrix[A][B]: A points at B, 2 if to its start. */
struct random_graph {
    struct heap *heap;
    size_t roots, nodes;
    uint8_t matrix[RANDOM_NODES_MAX][RANDOM_NODES_MAX];
};

static uint64_t random_state = 88172645463325252u;

static uint64_t random_below(uint64_t limit)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state % limit;
}

/* Describe blocks of 256 bytes, of two stacks in turn, at 0x1000, 0x1100, …; roots at 0x100,
 * 0x200 … */
static struct snapshot_builder *describe_nodes(size_t roots, size_t blocks)
{
    struct snapshot_builder *builder = snapshot_builder_create();

    snapshot_builder_graph(builder);
    for (uint32_t i = 0; i < 2; i++)
        snapshot_builder_stack(builder, snapshot_builder_frame(builder, 0, 0x90000 + i, 0), 0);
    for (size_t i = 0; i < roots; i++) {
        struct snapshot_root root = {
            .kind = SNAPSHOT_ROOT_MAPPING, .start = 0x100 * (i + 1), .size = 0x100};

        snapshot_builder_root(builder, &root);
    }
    for (size_t i = 0; i < blocks; i++)
        snapshot_builder_block(builder, 0x100000 + 0x100 * i, 0x100, i % 2, 1);
    return builder;
}

/* At most three roots, and blocks to the sum of RANDOM_NODES_MAX. */
static inline void random_graph_make(struct random_graph *graph)
{
    struct snapshot_builder *builder;
    size_t blocks = 1 + random_below(RANDOM_NODES_MAX - 3);
    size_t edges;

    *graph = (struct random_graph){.roots = random_below(4)};
    graph->nodes = graph->roots + blocks;
    builder = describe_nodes(graph->roots, blocks);
    edges = random_below(3 * graph->nodes);
    for (size_t i = 0; i < edges; i++) {
        size_t from = random_below(graph->nodes), to = random_below(blocks);
        uint64_t at = from < graph->roots ? 0x100 * (from + 1)
                                          : 0x100000 + 0x100 * (from - graph->roots);
        bool is_start = random_below(4) != 0;

        /* A word of its own for each target, or two edges might lie at one place. */
        if (graph->matrix[from][graph->roots + to] != 0)
            continue;
        graph->matrix[from][graph->roots + to] = is_start ? 2 : 1;
        snapshot_builder_pointer(builder, at + 8 * to, 0x100000 + 0x100 * to + (is_start ? 0 : 40),
                                 0);
    }
    graph->heap = built_heap(builder);
}

/* Mark in REACHED what can be reached from the nodes marked there over edges of at least
 * WEIGHT, never through node WITHOUT. */
static inline void naive_reach(const struct random_graph *graph, uint8_t weight, size_t without,
                               bool *reached)
{
    for (bool more = true; more;) {
        more = false;
        for (size_t a = 0; a < graph->nodes; a++) {
            for (size_t b = 0; b < graph->nodes && reached[a] && a != without; b++) {
                if (graph->matrix[a][b] >= weight && !reached[b] && b != without)
                    more = reached[b] = true;
            }
        }
    }
}

#endif
