#include "model/graph.h"

#include "format/snapshot.h"
#include "model/progress.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Blocks that were met and whose own edges are to be followed. */
struct work {
    uint32_t *blocks; /* has room for all */
    size_t count;
};

/* How often blocks of STACK are pointed at INSIDE bytes from their start. */
struct habit {
    uint32_t stack; /* plus 1; 0: free */
    uint64_t inside;
    uint64_t edges;
};

struct habits {
    struct habit *slots;
    size_t capacity; /* a power of two */
    size_t count;
};

static struct habit *habit_slot(const struct habits *habits, uint32_t stack, uint64_t inside)
{
    uint64_t hash = (inside * 0x9e3779b97f4a7c15u) ^ ((stack + 1) * 0xc2b2ae3d27d4eb4fu);
    size_t at = (size_t)(hash ^ hash >> 29) & (habits->capacity - 1);

    while (habits->slots[at].stack != 0 &&
           (habits->slots[at].stack != stack + 1 || habits->slots[at].inside != inside))
        at = (at + 1) & (habits->capacity - 1);
    return &habits->slots[at];
}

/* Find the habit of STACK and INSIDE, or add it. NULL for lack of memory. */
static struct habit *habit_get(struct habits *habits, uint32_t stack, uint64_t inside)
{
    struct habit *slot;

    if (2 * habits->count >= habits->capacity) {
        struct habits larger = {.capacity = habits->capacity ? 2 * habits->capacity : 256,
                                .count = habits->count};

        larger.slots = calloc(larger.capacity, sizeof(*larger.slots));
        if (!larger.slots)
            return NULL;
        for (size_t i = 0; i < habits->capacity; i++) {
            struct habit *old = &habits->slots[i];

            if (old->stack != 0)
                *habit_slot(&larger, old->stack - 1, old->inside) = *old;
        }
        free(habits->slots);
        *habits = larger;
    }
    slot = habit_slot(habits, stack, inside);
    if (slot->stack == 0) {
        *slot = (struct habit){.stack = stack + 1, .inside = inside};
        habits->count++;
    }
    return slot;
}

static uint32_t stack_of_target(const struct heap *heap, size_t edge)
{
    return heap->blocks[heap->edges.target[edge]].stack;
}

/* Where blocks of a stack are pointed at most often, but for their start. */
struct favourite {
    uint64_t inside; /* 0: nowhere */
    uint64_t edges;
    uint32_t blocks; /* that are pointed at there */
    uint32_t pointed_at; /* anywhere */
};

enum { MARK_ANYWHERE = 1, MARK_FAVOURITE = 2 };

static uint64_t bytes_inside(const struct heap_edges *edges, size_t edge)
{
    return heap_edges_inside(edges, edge) >> SNAPSHOT_INSIDE_SHIFT;
}

/* Find the FAVOURITES, zeroed, of each stack. */
static int find_favourites(const struct heap *heap, struct favourite *favourites)
{
    const struct heap_edges *edges = &heap->edges;
    struct habits habits = {0};
    int result = 0;

    for (size_t i = 0; result == 0 && i < edges->count; i++) {
        struct habit *habit;

        if (bytes_inside(edges, i) == 0)
            continue;
        habit = habit_get(&habits, stack_of_target(heap, i), bytes_inside(edges, i));
        if (habit)
            habit->edges++;
        else
            result = -ENOMEM;
    }
    for (size_t i = 0; i < habits.capacity; i++) {
        const struct habit *habit = &habits.slots[i];
        struct favourite *favourite;

        if (habit->stack == 0)
            continue;
        favourite = &favourites[habit->stack - 1];
        if (habit->edges > favourite->edges ||
            (habit->edges == favourite->edges && habit->inside < favourite->inside)) {
            favourite->inside = habit->inside;
            favourite->edges = habit->edges;
        }
    }
    free(habits.slots);
    return result;
}

/* Call an edge one to the start of its block if most blocks of its stack are pointed at there. Not most
 * pointers: the collector of a language may point at the starts of those that it knows. */
static int find_habits(struct graph *graph)
{
    const struct heap *heap = graph->heap;
    const struct heap_edges *edges = &heap->edges;
    struct favourite *favourites = calloc(heap->stack_count + 1, sizeof(*favourites));
    uint8_t *marks = calloc(heap->block_count + 1, sizeof(*marks));
    int result = favourites && marks ? find_favourites(heap, favourites) : -ENOMEM;

    for (size_t i = 0; result == 0 && i < edges->count; i++) {
        struct favourite *favourite = &favourites[stack_of_target(heap, i)];
        uint8_t *mark = &marks[edges->target[i]];

        favourite->pointed_at += !(*mark & MARK_ANYWHERE);
        *mark |= MARK_ANYWHERE;
        if (favourite->inside == 0 || bytes_inside(edges, i) != favourite->inside)
            continue;
        favourite->blocks += !(*mark & MARK_FAVOURITE);
        *mark |= MARK_FAVOURITE;
    }
    for (size_t i = 0; result == 0 && i < edges->count; i++) {
        const struct favourite *favourite;

        if (bytes_inside(edges, i) == 0)
            continue;
        favourite = &favourites[stack_of_target(heap, i)];
        graph->is_start[i] |= bytes_inside(edges, i) == favourite->inside &&
                              favourite->blocks >= GRAPH_HABIT_BLOCKS &&
                              2 * (uint64_t)favourite->blocks > favourite->pointed_at;
    }
    free(favourites);
    free(marks);
    return result;
}

/* Does BLOCK have its own start in the word OFFSET bytes into it? */
static bool has_own_start(const struct graph *graph, uint32_t block, uint64_t offset)
{
    const struct heap_edges *edges = &graph->heap->edges;
    size_t node = graph->root_count + block;
    size_t low = edges->first[node], high = edges->first[node + 1];

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (heap_edges_offset(edges, middle) < offset)
            low = middle + 1;
        else
            high = middle;
    }
    return low < edges->first[node + 1] && heap_edges_offset(edges, low) == offset &&
           edges->target[low] == block && heap_edges_inside(edges, low) == 0;
}

/* Does the block that EDGE points into keep its start in the word before that place, or in the
 * second one from there? */
static bool is_aligned_by_hand(const struct graph *graph, size_t edge)
{
    uint32_t block = graph->heap->edges.target[edge];
    uint64_t inside = heap_edges_inside(&graph->heap->edges, edge) >> SNAPSHOT_INSIDE_SHIFT;

    return inside >= 8 && (has_own_start(graph, block, inside - 8) ||
                           has_own_start(graph, block, inside + 8));
}

static int find_starts(struct graph *graph, unsigned flags)
{
    const struct heap_edges *edges = &graph->heap->edges;
    bool any_inside = false;

    for (size_t i = 0; i < edges->count; i++) {
        uint64_t seen = heap_edges_inside(edges, i) & ((1u << SNAPSHOT_INSIDE_SHIFT) - 1);

        graph->is_start[i] = heap_edges_inside(edges, i) == 0 ||
                             (!(flags & GRAPH_STRICT) && (seen != 0 || is_aligned_by_hand(graph, i)));
        any_inside |= !graph->is_start[i];
    }
    return any_inside && !(flags & GRAPH_STRICT) ? find_habits(graph) : 0;
}

/* Let the targets of NODE's edges be of CLASS, if that is more than they were, and be worked
 * at: all of them, or only ONLY_STARTS. */
static void follow(struct graph *graph, size_t node, enum graph_class class, bool only_starts,
                   struct work *work)
{
    const struct heap_edges *edges = &graph->heap->edges;

    for (size_t i = edges->first[node]; i < edges->first[node + 1]; i++) {
        uint32_t target = edges->target[i];

        if (graph->classes[target] >= class || (only_starts && !graph->is_start[i]))
            continue;
        graph->classes[target] = class;
        work->blocks[work->count++] = target;
    }
}

static void work_off(struct graph *graph, enum graph_class class, bool only_starts,
                     struct work *work)
{
    while (work->count > 0)
        follow(graph, graph->root_count + work->blocks[--work->count], class, only_starts, work);
}

/* Mark what can be reached from the lost block FROM, itself included, in VISITED, where it is
 * not yet marked, and call all of it but FROM indirectly lost. */
static void visit_lost(struct graph *graph, size_t from, bool *visited, struct work *work)
{
    const struct heap_edges *edges = &graph->heap->edges;

    visited[from] = true;
    work->blocks[work->count++] = (uint32_t)from;
    while (work->count > 0) {
        size_t node = graph->root_count + work->blocks[--work->count];

        for (size_t i = edges->first[node]; i < edges->first[node + 1]; i++) {
            uint32_t target = edges->target[i];

            if (visited[target] || !graph_is_lost(graph, target))
                continue;
            visited[target] = true;
            graph->classes[target] = GRAPH_INDIRECTLY_LOST;
            work->blocks[work->count++] = target;
        }
    }
}

/* Find what is lost: all that was not met. From low to high addresses, take each block that none
 * before it leads to as a leader; a leader may then lead to those before it, but not the
 * other way round. So from the last to the first, one that no later leader leads to is
 * definitely lost. (memcheck stops after the first half, and counts more as definitely lost.) */
static void find_lost(struct graph *graph, bool *visited, uint32_t *leaders, struct work *work)
{
    size_t block_count = graph->heap->block_count, count = 0;

    for (size_t i = 0; i < block_count; i++) {
        if (!graph_is_lost(graph, i) || visited[i])
            continue;
        leaders[count++] = (uint32_t)i;
        visit_lost(graph, i, visited, work);
    }
    memset(visited, 0, block_count);
    while (count > 0) {
        size_t leader = leaders[--count];

        if (visited[leader])
            continue;
        visit_lost(graph, leader, visited, work);
        graph->classes[leader] = GRAPH_DEFINITELY_LOST;
    }
}

static int find_classes(struct graph *graph)
{
    size_t block_count = graph->heap->block_count;
    struct work work = {.blocks = malloc((block_count + 1) * sizeof(*work.blocks))};
    uint32_t *leaders = malloc((block_count + 1) * sizeof(*leaders));
    bool *visited = calloc(block_count + 1, sizeof(*visited));
    int result = work.blocks && leaders && visited ? 0 : -ENOMEM;

    if (result == 0) {
        for (size_t i = 0; i < graph->root_count; i++)
            follow(graph, i, GRAPH_STILL_REACHABLE, true, &work);
        work_off(graph, GRAPH_STILL_REACHABLE, true, &work);
        for (size_t i = 0; i < graph->node_count; i++) {
            if (i < graph->root_count ||
                graph->classes[i - graph->root_count] == GRAPH_STILL_REACHABLE)
                follow(graph, i, GRAPH_POSSIBLY_LOST, false, &work);
        }
        work_off(graph, GRAPH_POSSIBLY_LOST, false, &work);
        find_lost(graph, visited, leaders, &work);
    }
    free(work.blocks);
    free(leaders);
    free(visited);
    return result;
}

int graph_create(const struct heap *heap, unsigned flags, struct graph **out_graph)
{
    struct graph *graph = calloc(1, sizeof(*graph));
    struct progress *progress;
    int result = -ENOMEM;

    if (!graph)
        return -ENOMEM;
    progress = progress_begin(0, "following %zu pointers", heap->edges.count);
    graph->heap = heap;
    graph->root_count = heap->root_count;
    graph->node_count = heap->root_count + heap->block_count;
    graph->classes = calloc(heap->block_count + 1, sizeof(*graph->classes));
    graph->is_start = calloc(heap->edges.count + 1, sizeof(*graph->is_start));
    if (graph->classes && graph->is_start)
        result = find_starts(graph, flags);
    if (result == 0)
        result = find_classes(graph);
    progress_end(progress);
    if (result != 0) {
        graph_destroy(graph);
        return result;
    }
    *out_graph = graph;
    return 0;
}

void graph_destroy(struct graph *graph)
{
    if (!graph)
        return;
    free(graph->classes);
    free(graph->is_start);
    free(graph);
}

/* Put the targets of NODE's edges that are still in GOES to WORK, and take them out there. */
static void keep_targets(const struct graph *graph, size_t node, const uint8_t *members,
                         uint8_t *goes, struct work *work)
{
    const struct heap_edges *edges = &graph->heap->edges;

    for (size_t i = edges->first[node]; i < edges->first[node + 1]; i++) {
        uint32_t target = edges->target[i];

        if (!goes[target] || members[target])
            continue;
        goes[target] = false;
        work->blocks[work->count++] = target;
    }
}

int graph_retained(const struct graph *graph, const uint8_t *members, uint8_t *out_goes)
{
    size_t block_count = graph->heap->block_count;
    struct work work = {.blocks = malloc((block_count + 1) * sizeof(*work.blocks))};

    if (!work.blocks)
        return -ENOMEM;
    memset(out_goes, true, block_count);
    for (size_t i = 0; i < graph->root_count; i++)
        keep_targets(graph, i, members, out_goes, &work);
    for (size_t i = 0; i < block_count; i++) {
        if (graph->classes[i] == GRAPH_DEFINITELY_LOST && out_goes[i] && !members[i]) {
            out_goes[i] = false;
            work.blocks[work.count++] = (uint32_t)i;
        }
    }
    while (work.count > 0)
        keep_targets(graph, graph->root_count + work.blocks[--work.count], members, out_goes,
                     &work);
    free(work.blocks);
    return 0;
}
