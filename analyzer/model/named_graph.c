#include "model/named_graph.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Find the name of each edge of a root into NAME_OF, and how many names there are. */
static int find_names(const struct graph *graph, struct root_names *names, uint32_t *name_of,
                      uint32_t *out_count)
{
    const struct heap_edges *edges = &graph->heap->edges;
    uint32_t count = 0;

    for (uint32_t root = 0; root < graph->root_count; root++) {
        for (uint32_t i = edges->first[root]; i < edges->first[root + 1]; i++) {
            uint32_t name = root_names_find(names, root, heap_edges_offset(edges, i));

            if (name == ROOT_NAMES_NONE)
                return -ENOMEM;
            name_of[i] = name;
            if (count <= name)
                count = name + 1;
        }
    }
    *out_count = count;
    return 0;
}

/* Put the COUNT first edges, whose names are in NAME_OF, in the order of these NAME_COUNT names;
 * those of the blocks stay where they are. */
static void sort_edges(const struct heap_edges *edges, const uint32_t *name_of, uint32_t count,
                       uint32_t name_count, struct heap_edges *out)
{
    uint32_t *first = out->first;

    /* Counted two further on and put one further on, all are where they belong in the end. */
    for (uint32_t i = 0; i < count; i++)
        first[name_of[i] + 2]++;
    for (uint32_t i = 2; i < name_count + 2; i++)
        first[i] += first[i - 1];
    for (uint32_t i = 0; i < count; i++)
        out->target[first[name_of[i] + 1]++] = edges->target[i];
}

int named_graph_create(const struct graph *graph, struct root_names *names,
                       struct named_graph **out_named)
{
    const struct heap_edges *edges = &graph->heap->edges;
    size_t block_count = graph->heap->block_count;
    uint32_t of_roots = edges->first[graph->root_count], count;
    uint32_t *name_of = calloc((size_t)of_roots + 1, sizeof(*name_of));
    struct named_graph *named = calloc(1, sizeof(*named));
    int result = named && name_of ? find_names(graph, names, name_of, &count) : -ENOMEM;

    if (result != 0)
        goto out;
    named->heap = *graph->heap;
    named->heap.root_count = count;
    named->heap.roots = NULL;
    named->heap.edges = (struct heap_edges){
        .first = calloc(count + block_count + 2, sizeof(uint32_t)),
        .target = malloc((edges->count + 1) * sizeof(uint32_t)),
        .count = edges->count,
    };
    named->graph = (struct graph){
        .heap = &named->heap,
        .node_count = count + block_count,
        .root_count = count,
        .classes = graph->classes,
    };
    if (!named->heap.edges.first || !named->heap.edges.target) {
        result = -ENOMEM;
        goto out;
    }
    sort_edges(edges, name_of, of_roots, count, &named->heap.edges);
    memcpy(named->heap.edges.target + of_roots, edges->target + of_roots,
           (edges->count - of_roots) * sizeof(uint32_t));
    memcpy(named->heap.edges.first + count, edges->first + graph->root_count,
           (block_count + 1) * sizeof(uint32_t));
out:
    free(name_of);
    if (result == 0)
        *out_named = named;
    else
        named_graph_destroy(named);
    return result;
}

void named_graph_destroy(struct named_graph *named)
{
    if (!named)
        return;
    free(named->heap.edges.first);
    free(named->heap.edges.target);
    free(named);
}
