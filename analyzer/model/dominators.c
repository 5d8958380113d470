#include "model/dominators.h"

#include "model/progress.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Nodes have two numbers: their own, and the order in which a depth-first search met them. The
 * arrays of the algorithm go by the latter; 0 is the whole, which points at all roots
 * and all blocks that are definitely lost. */
struct search {
    const struct graph *graph;
    size_t count;         /* nodes met, with the whole */
    uint32_t *order;      /* per node: when it was met; 0: not at all */
    uint32_t *node;       /* per order */
    uint32_t *parent;     /* per order: from where it was met; shortened later on */
    uint32_t *label;      /* per order: the one of least semi-dominator on the way up */
    uint32_t *semi;       /* per order: its semi-dominator */
    uint32_t *immediate;  /* per order: its immediate dominator */
    uint32_t *stack;      /* room for all nodes */
    uint32_t *in_first;   /* per block, and one more: its edges in in_source */
    uint32_t *in_source;  /* per edge: the node it comes from, by target */
};

/* Make the array at ARRAY of COUNT numbers, and OK false if there is no memory. */
static uint32_t *make(size_t count, bool *ok)
{
    uint32_t *array = calloc(count, sizeof(*array));

    *ok &= array != NULL;
    return array;
}

/* Free what is needed no more once the immediate dominators are known. */
static void search_finish_early(struct search *search)
{
    free(search->parent);
    free(search->label);
    free(search->semi);
    free(search->stack);
    free(search->in_first);
    free(search->in_source);
    search->parent = search->label = search->semi = search->stack = NULL;
    search->in_first = search->in_source = NULL;
}

static void search_finish(struct search *search)
{
    search_finish_early(search);
    free(search->order);
    free(search->node);
    free(search->immediate);
}

static int search_init(struct search *search, const struct graph *graph)
{
    size_t count = graph->node_count + 1;
    bool ok = true;

    *search = (struct search){.graph = graph};
    search->order = make(count, &ok);
    search->node = make(count, &ok);
    search->parent = make(count, &ok);
    search->label = make(count, &ok);
    search->semi = make(count, &ok);
    search->immediate = make(count, &ok);
    search->stack = make(count, &ok);
    search->in_first = make(graph->heap->block_count + 2, &ok);
    search->in_source = make(graph->heap->edges.count + 1, &ok);
    return ok ? 0 : -ENOMEM;
}

/* Sort the edges by their targets. */
static void turn_edges(struct search *search)
{
    const struct heap_edges *edges = &search->graph->heap->edges;
    size_t block_count = search->graph->heap->block_count;
    uint32_t *first = search->in_first;

    /* Counted two further on and put one further on, all are where they belong in the end. */
    for (size_t i = 0; i < edges->count; i++)
        first[edges->target[i] + 2]++;
    for (size_t i = 2; i < block_count + 2; i++)
        first[i] += first[i - 1];
    for (size_t node = 0; node < search->graph->node_count; node++) {
        for (size_t i = edges->first[node]; i < edges->first[node + 1]; i++)
            search->in_source[first[edges->target[i] + 1]++] = (uint32_t)node;
    }
}

static void meet(struct search *search, uint32_t node, uint32_t parent)
{
    uint32_t order = (uint32_t)search->count++;

    search->order[node] = order;
    search->node[order] = node;
    search->parent[order] = parent;
}

/* Number all that can be reached from NODE, which the whole points at. */
static void number_from(struct search *search, uint32_t node)
{
    const struct heap_edges *edges = &search->graph->heap->edges;
    uint32_t root_count = (uint32_t)search->graph->root_count;
    uint32_t *next = search->label; /* per order: the edge to be followed next */
    uint32_t at;

    if (search->order[node] != 0)
        return;
    at = (uint32_t)search->count;
    meet(search, node, 0);
    next[at] = edges->first[node];
    while (at != 0) {
        uint32_t target;

        if (next[at] == edges->first[search->node[at] + 1]) {
            at = search->parent[at];
            continue;
        }
        target = root_count + edges->target[next[at]++];
        if (search->order[target] != 0)
            continue;
        meet(search, target, at);
        at = search->order[target];
        next[at] = edges->first[target];
    }
}

static bool is_top(const struct graph *graph, size_t node)
{
    return node < graph->root_count ||
           graph->classes[node - graph->root_count] == GRAPH_DEFINITELY_LOST;
}

/* The one of least semi-dominator on the way from AT up to, but without, what was not linked
 * yet: those before LINKED. Shortens the way. */
static uint32_t evaluate(struct search *search, uint32_t at, uint32_t linked)
{
    uint32_t *parent = search->parent, *label = search->label, *semi = search->semi;
    size_t depth = 0;
    uint32_t above;

    if (parent[at] < linked)
        return label[at];
    do {
        search->stack[depth++] = at;
        at = parent[at];
    } while (parent[at] >= linked);
    above = at;
    while (depth > 0) {
        at = search->stack[--depth];
        parent[at] = parent[above];
        if (semi[label[above]] < semi[label[at]])
            label[at] = label[above];
        above = at;
    }
    return label[at];
}

static void find_semi_dominators(struct search *search)
{
    const struct graph *graph = search->graph;

    for (uint32_t i = 0; i < search->count; i++) {
        search->immediate[i] = search->parent[i];
        search->label[i] = i;
        search->semi[i] = i;
    }
    for (uint32_t i = (uint32_t)search->count - 1; i > 0; i--) {
        uint32_t node = search->node[i];
        uint32_t best = search->parent[i];
        size_t block;

        if (is_top(graph, node)) {
            search->semi[i] = 0;
            continue;
        }
        block = node - graph->root_count;
        for (size_t j = search->in_first[block]; j < search->in_first[block + 1]; j++) {
            uint32_t from = search->order[search->in_source[j]];
            uint32_t semi = search->semi[evaluate(search, from, i + 1)];

            if (semi < best)
                best = semi;
        }
        search->semi[i] = best;
    }
}

static void find_immediate_dominators(struct search *search)
{
    for (uint32_t i = 1; i < search->count; i++) {
        uint32_t above = search->immediate[i];

        while (above > search->semi[i])
            above = search->immediate[above];
        search->immediate[i] = above;
    }
}

/* What is known by order becomes what is known by node. */
static void fill(const struct search *search, struct dominators *dominators)
{
    const struct graph *graph = search->graph;

    for (size_t i = 0; i < graph->node_count; i++) {
        dominators->immediate[i] = DOMINATORS_NONE;
        if (i >= graph->root_count) {
            dominators->retained_bytes[i] = graph->heap->blocks[i - graph->root_count].size;
            dominators->retained_blocks[i] = 1;
        }
    }
    /* A dominator is met before what it dominates. */
    for (size_t i = search->count - 1; i > 0; i--) {
        uint32_t node = search->node[i], above = search->immediate[i];

        if (above == 0)
            continue;
        above = search->node[above];
        dominators->immediate[node] = above;
        dominators->retained_bytes[above] += dominators->retained_bytes[node];
        dominators->retained_blocks[above] += dominators->retained_blocks[node];
    }
}

int dominators_create(const struct graph *graph, struct dominators **out_dominators)
{
    struct dominators *dominators = calloc(1, sizeof(*dominators));
    struct search search = {0};
    bool ok = dominators != NULL;
    struct progress *progress;
    int result;

    if (!dominators)
        return -ENOMEM;
    progress = progress_begin(0, "finding what goes with whom");
    result = search_init(&search, graph);
    if (result == 0) {
        search.count = 1;
        turn_edges(&search);
        for (uint32_t i = 0; i < graph->node_count; i++) {
            if (is_top(graph, i))
                number_from(&search, i);
        }
        find_semi_dominators(&search);
        find_immediate_dominators(&search);
        search_finish_early(&search); /* makes room for the result */
        dominators->immediate = make(graph->node_count + 1, &ok);
        dominators->retained_blocks = make(graph->node_count + 1, &ok);
        dominators->retained_bytes =
            calloc(graph->node_count + 1, sizeof(*dominators->retained_bytes));
        if (ok && dominators->retained_bytes)
            fill(&search, dominators);
        else
            result = -ENOMEM;
    }
    search_finish(&search);
    progress_end(progress);
    if (result != 0) {
        dominators_destroy(dominators);
        return result;
    }
    *out_dominators = dominators;
    return 0;
}

void dominators_destroy(struct dominators *dominators)
{
    if (!dominators)
        return;
    free(dominators->immediate);
    free(dominators->retained_bytes);
    free(dominators->retained_blocks);
    free(dominators);
}
