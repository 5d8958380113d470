#include "model/holders.h"

#include "format/snapshot.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

/* How far up a chain is looked for the same site. */
#define LOOK_UP_MAX 64

struct entry {
    struct key {
        uint32_t above, name, site;
    } key;
    uint32_t step;
    UT_hash_handle hh;
};

struct search {
    const struct graph *graph;
    const struct sites *sites;
    struct root_names *names;
    struct holders *holders;
    struct entry *table;
    size_t step_capacity;
    uint32_t *queue; /* blocks that were reached, in this order */
    size_t queued;
};

/* The step KEY is of, made if it is new. HOLDERS_NONE for lack of memory. */
static uint32_t find_step(struct search *search, struct key key)
{
    struct holders *holders = search->holders;
    struct entry *entry;

    HASH_FIND(hh, search->table, &key, sizeof(key), entry);
    if (entry)
        return entry->step;
    if (holders->step_count == search->step_capacity) {
        size_t capacity = search->step_capacity ? 2 * search->step_capacity : 256;
        struct holders_step *steps = reallocarray(holders->steps, capacity, sizeof(*steps));

        if (!steps)
            return HOLDERS_NONE;
        holders->steps = steps;
        search->step_capacity = capacity;
    }
    entry = calloc(1, sizeof(*entry));
    if (!entry)
        return HOLDERS_NONE;
    entry->key = key;
    entry->step = (uint32_t)holders->step_count;
    HASH_ADD(hh, search->table, key, sizeof(key), entry);
    if (!entry->hh.tbl) {
        free(entry);
        return HOLDERS_NONE;
    }
    holders->steps[holders->step_count] =
        (struct holders_step){.above = key.above, .name = key.name, .site = key.site};
    return (uint32_t)holders->step_count++;
}

/* The step that a block of SITE belongs to which is reached from one of the step ABOVE: behind it,
 * or, if the way there came over SITE before, that. */
static uint32_t step_behind(struct search *search, uint32_t above, uint32_t site)
{
    struct holders_step *steps = search->holders->steps;
    uint32_t at = above;

    for (size_t i = 0; i < LOOK_UP_MAX && steps[at].above != HOLDERS_NONE; i++) {
        if (steps[at].site == site) {
            steps[at].repeats = true;
            return at;
        }
        at = steps[at].above;
    }
    return find_step(search, (struct key){.above = above, .name = HOLDERS_NONE, .site = site});
}

/* Note that BLOCK is reached by EDGE from NODE, whose step is ABOVE. */
static int reach(struct search *search, uint32_t block, uint32_t edge, uint32_t node,
                 uint32_t above)
{
    struct holders *holders = search->holders;
    uint32_t stack = search->graph->heap->blocks[block].stack;
    uint32_t step = step_behind(search, above, search->sites->of_stack[stack]);

    if (step == HOLDERS_NONE)
        return -ENOMEM;
    holders->step_of[block] = step;
    holders->edge_to[block] = edge;
    holders->from[block] = node;
    search->queue[search->queued++] = block;
    return 0;
}

/* Reach the targets of NODE's edges that were not reached yet; of a root if ABOVE is
 * HOLDERS_NONE, and then, if ONLY_NAMED, only those whose places in it have a name. */
static int follow(struct search *search, uint32_t node, uint32_t above, bool only_starts,
                  bool only_named)
{
    const struct graph *graph = search->graph;
    const struct heap_edges *edges = &graph->heap->edges;
    bool is_root = above == HOLDERS_NONE;

    for (uint32_t i = edges->first[node]; i < edges->first[node + 1]; i++) {
        if (search->holders->step_of[edges->target[i]] != HOLDERS_NONE ||
            (only_starts && !graph->is_start[i]))
            continue;
        if (is_root) {
            uint32_t name = root_names_find(search->names, node, heap_edges_offset(edges, i));

            if (name == ROOT_NAMES_NONE)
                return -ENOMEM;
            if (only_named && !root_names_get(search->names, name)->name)
                continue;
            above = find_step(
                search, (struct key){.above = HOLDERS_NONE, .name = name, .site = HOLDERS_NONE});
        }
        if (above == HOLDERS_NONE || reach(search, edges->target[i], i, node, above) < 0)
            return -ENOMEM;
    }
    return 0;
}

/* Follow the edges of the blocks that were queued from the one FROM on, and of those that are
 * reached by it. */
static int work_off(struct search *search, size_t from, bool only_starts)
{
    int result = 0;

    for (size_t i = from; result == 0 && i < search->queued; i++) {
        uint32_t block = search->queue[i];

        result = follow(search, (uint32_t)search->graph->root_count + block,
                        search->holders->step_of[block], only_starts, false);
    }
    return result;
}

#define RANK_STACK 2u
#define RANK_MAX   5u

/* How telling a root is; 0 the most. On a stack, variables that have a name come before what else lies
 * there, as in a place where a function has kept its caller's register. */
static unsigned rank(const struct heap *heap, const struct heap_root *root)
{
    bool is_main = root->module > 0 &&
                   heap->modules[root->module - 1].flags & SNAPSHOT_MODULE_MAIN;

    switch (root->kind) {
    case SNAPSHOT_ROOT_MODULE:
        return is_main ? 0 : 1;
    case SNAPSHOT_ROOT_TLS:
        return 1;
    case SNAPSHOT_ROOT_STACK:
    case SNAPSHOT_ROOT_KEYS:
        return RANK_STACK;
    case SNAPSHOT_ROOT_REGISTERS:
        return RANK_MAX;
    default:
        return 4;
    }
}

static int reach_from_roots(struct search *search, bool only_starts)
{
    const struct heap *heap = search->graph->heap;
    int result = 0;

    if (!only_starts) /* on from where only starts led to */
        result = work_off(search, 0, false);
    for (unsigned r = 0; result == 0 && r <= RANK_MAX; r++) {
        unsigned of_roots = r == RANK_STACK + 1 ? RANK_STACK : r; /* these twice */
        size_t begin = search->queued;

        for (uint32_t i = 0; result == 0 && i < heap->root_count; i++) {
            if (rank(heap, &heap->roots[i]) == of_roots)
                result = follow(search, i, HOLDERS_NONE, only_starts, r == RANK_STACK);
        }
        if (result == 0)
            result = work_off(search, begin, only_starts);
    }
    return result;
}

static int reach_lost(struct search *search)
{
    const struct graph *graph = search->graph;
    size_t begin = search->queued;
    int result = 0;

    for (uint32_t i = 0; result == 0 && i < graph->heap->block_count; i++) {
        uint32_t nobody;

        if (graph->classes[i] != GRAPH_DEFINITELY_LOST)
            continue;
        nobody = find_step(search, (struct key){HOLDERS_NONE, HOLDERS_NONE, HOLDERS_NONE});
        result = nobody == HOLDERS_NONE
                     ? -ENOMEM
                     : reach(search, i, HOLDERS_NONE, HOLDERS_NONE, nobody);
    }
    return result != 0 ? result : work_off(search, begin, false);
}

int holders_create(const struct graph *graph, const struct sites *sites, struct root_names *names,
                   struct holders **out_holders)
{
    size_t block_count = graph->heap->block_count;
    struct search search = {.graph = graph, .sites = sites, .names = names};
    struct holders *holders = calloc(1, sizeof(*holders));
    struct entry *entry, *next;
    int result = -ENOMEM;

    if (!holders)
        return -ENOMEM;
    search.holders = holders;
    holders->step_of = malloc((block_count + 1) * sizeof(*holders->step_of));
    holders->edge_to = malloc((block_count + 1) * sizeof(*holders->edge_to));
    holders->from = malloc((block_count + 1) * sizeof(*holders->from));
    search.queue = malloc((block_count + 1) * sizeof(*search.queue));
    if (holders->step_of && holders->edge_to && holders->from && search.queue) {
        memset(holders->step_of, 0xff, block_count * sizeof(*holders->step_of));
        result = reach_from_roots(&search, true);
        if (result == 0)
            result = reach_from_roots(&search, false);
        if (result == 0)
            result = reach_lost(&search);
    }
    HASH_ITER(hh, search.table, entry, next) {
        HASH_DEL(search.table, entry);
        free(entry);
    }
    free(search.queue);
    if (result == 0)
        *out_holders = holders;
    else
        holders_destroy(holders);
    return result;
}

void holders_destroy(struct holders *holders)
{
    if (!holders)
        return;
    free(holders->steps);
    free(holders->step_of);
    free(holders->edge_to);
    free(holders->from);
    free(holders);
}
