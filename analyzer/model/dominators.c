#include "model/dominators.h"

#include "model/progress.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

/* Nodes have two numbers: their own, and the order in which a depth-first search met them. The
 * arrays of the algorithm go by the latter; 0 is the whole, which points at all roots
 * and all blocks that are definitely lost. */

/* What is known of the node of an order: in one place, for the wait is for memory. */
struct link {
    uint32_t parent;    /* from where it was met; shortened later on */
    uint32_t label;     /* the one of least semi-dominator on the way up */
    uint32_t semi;      /* its semi-dominator */
    uint32_t immediate; /* its immediate dominator */
};

struct search {
    const struct graph *graph;
    size_t count;        /* nodes met, with the whole */
    uint32_t *order;     /* per node: when it was met; 0: not at all */
    uint32_t *node;      /* per order */
    struct link *links;  /* per order */
    uint32_t *in_first;  /* per order, and one more: the edges to it in in_source */
    uint32_t *in_source; /* the orders that these come from */
    uint32_t *immediate; /* per order: what is left of links in the end */
};

/* How many edges ahead memory is asked for that will be needed. */
#define AHEAD 16

static void search_finish(struct search *search)
{
    free(search->order);
    free(search->node);
    free(search->links);
    free(search->in_first);
    free(search->in_source);
    free(search->immediate);
}

static int search_init(struct search *search, const struct graph *graph)
{
    size_t count = graph->node_count + 1;

    *search = (struct search){
        .graph = graph,
        .count = 1,
        .order = calloc(count, sizeof(*search->order)),
        .node = malloc(count * sizeof(*search->node)),
        .links = malloc(count * sizeof(*search->links)),
        .in_first = calloc(count + 2, sizeof(*search->in_first)),
    };
    return search->order && search->node && search->links && search->in_first ? 0 : -ENOMEM;
}

static void meet(struct search *search, uint32_t node, uint32_t parent)
{
    uint32_t order = (uint32_t)search->count++;

    search->order[node] = order;
    search->node[order] = node;
    search->links[order].parent = parent;
    search->links[order].label = search->graph->heap->edges.first[node];
}

/* Number all that can be reached from NODE, which the whole points at, and count the edges by the
 * order of their targets, two further on. */
static void number_from(struct search *search, uint32_t node)
{
    const struct heap_edges *edges = &search->graph->heap->edges;
    uint32_t root_count = (uint32_t)search->graph->root_count;
    struct link *links = search->links; /* label: the edge to be followed next */
    uint32_t at;

    if (search->order[node] != 0)
        return;
    at = (uint32_t)search->count;
    meet(search, node, 0);
    while (at != 0) {
        uint32_t target, order;

        if (links[at].label == edges->first[search->node[at] + 1]) {
            at = links[at].parent;
            continue;
        }
        target = root_count + edges->target[links[at].label++];
        order = search->order[target];
        if (order == 0) {
            order = (uint32_t)search->count;
            meet(search, target, at);
            at = order;
        }
        search->in_first[order + 2]++;
    }
}

/* Sort the edges by the order of their targets: counted two further on and put one further on,
 * all are where they belong in the end. */
static bool turn_edges(struct search *search)
{
    const struct heap_edges *edges = &search->graph->heap->edges;
    const uint32_t *order = search->order + search->graph->root_count;
    uint32_t *first = search->in_first;

    search->in_source = malloc((edges->count + 1) * sizeof(*search->in_source));
    if (!search->in_source)
        return false;
    for (size_t i = 2; i < search->count + 2; i++)
        first[i] += first[i - 1];
    for (size_t node = 0; node < search->graph->node_count; node++) {
        if (search->order[node] == 0)
            continue; /* no graph has such */
        for (size_t i = edges->first[node]; i < edges->first[node + 1]; i++) {
            if (i + 2 * AHEAD < edges->count)
                __builtin_prefetch(&order[edges->target[i + 2 * AHEAD]]);
            if (i + AHEAD < edges->count)
                __builtin_prefetch(&first[order[edges->target[i + AHEAD]] + 1], 1);
            search->in_source[first[order[edges->target[i]] + 1]++] = search->order[node];
        }
    }
    free(search->order);
    search->order = NULL;
    return true;
}

static bool is_top(const struct graph *graph, size_t node)
{
    return node < graph->root_count ||
           graph->classes[node - graph->root_count] == GRAPH_DEFINITELY_LOST;
}

/* The one of least semi-dominator on the way from AT up to, but without, what was not linked
 * yet: those before LINKED. Shortens the way; meanwhile each of it has the one below as its parent. */
static uint32_t evaluate(struct link *links, uint32_t at, uint32_t linked)
{
    uint32_t below = 0, parent, label;

    if (links[at].parent < linked)
        return links[at].label;
    do {
        uint32_t above = links[at].parent;

        links[at].parent = below;
        below = at;
        at = above;
    } while (links[at].parent >= linked);
    parent = links[at].parent;
    label = links[at].label;
    while (below != 0) {
        at = below;
        below = links[at].parent;
        links[at].parent = parent;
        if (links[label].semi < links[links[at].label].semi)
            links[at].label = label;
        else
            label = links[at].label;
    }
    return label;
}

static void find_semi_dominators(struct search *search)
{
    struct link *links = search->links;
    const uint32_t *source = search->in_source;

    for (uint32_t i = 1; i < search->count; i++) {
        links[i].immediate = links[i].parent;
        links[i].label = links[i].semi = i;
    }
    links[0] = (struct link){0};
    for (uint32_t i = (uint32_t)search->count - 1; i > 0; i--) {
        uint32_t best = links[i].parent; /* 0: it is below the whole at any rate */

        for (uint32_t j = search->in_first[i + 1]; best != 0 && j-- > search->in_first[i];) {
            uint32_t semi;

            if (j >= AHEAD)
                __builtin_prefetch(&links[source[j - AHEAD]]);
            semi = links[evaluate(links, source[j], i + 1)].semi;
            if (semi < best)
                best = semi;
        }
        links[i].semi = best;
    }
}

static bool find_immediate_dominators(struct search *search)
{
    struct link *links = search->links;

    for (uint32_t i = 1; i < search->count; i++) {
        uint32_t above = links[i].immediate;

        while (above > links[i].semi)
            above = links[above].immediate;
        links[i].immediate = above;
    }
    free(search->in_first);
    free(search->in_source);
    search->in_first = search->in_source = NULL;
    search->immediate = malloc(search->count * sizeof(*search->immediate));
    if (!search->immediate)
        return false;
    for (size_t i = 0; i < search->count; i++)
        search->immediate[i] = links[i].immediate;
    free(links);
    search->links = NULL;
    return true;
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
    size_t count = graph->node_count + 1;
    struct search search = {0};
    struct progress *progress = progress_begin(0, "finding what goes with whom");
    int result = dominators ? search_init(&search, graph) : -ENOMEM;

    if (result != 0)
        goto out;
    result = -ENOMEM;
    for (uint32_t i = 0; i < graph->node_count; i++) {
        if (is_top(graph, i))
            number_from(&search, i);
    }
    if (!turn_edges(&search))
        goto out;
    find_semi_dominators(&search);
    if (!find_immediate_dominators(&search))
        goto out;
    dominators->immediate = malloc(count * sizeof(*dominators->immediate));
    dominators->retained_blocks = calloc(count, sizeof(*dominators->retained_blocks));
    dominators->retained_bytes = calloc(count, sizeof(*dominators->retained_bytes));
    if (!dominators->immediate || !dominators->retained_blocks || !dominators->retained_bytes)
        goto out;
    fill(&search, dominators);
    *out_dominators = dominators;
    dominators = NULL;
    result = 0;
out:
    progress_end(progress);
    search_finish(&search);
    dominators_destroy(dominators);
    return result;
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
