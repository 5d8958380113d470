/* retained - are the retained sizes that dominators tell those that brute force finds?
 *
 *     retained SEED COUNT SNAPSHOT
 *
 * Of COUNT nodes of the heap graph, half of them chosen by chance and half among those that retain
 * something, each is taken away, and what was reached and is no more is summed up. The same for
 * COUNT/4 stacks: what their blocks retain one by one (group_retained.h), and for as many sets of
 * blocks together (graph_retained()). Says what was compared, or what differs, with status 1.
 */
#include "model/dominators.h"
#include "model/graph.h"
#include "model/group_retained.h"
#include "model/heap.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MEMBERS_MAX 40 /* of a stack whose blocks are taken away one by one */

static const struct heap *heap;
static const struct graph *graph;
static uint8_t *reached;  /* per node */
static uint8_t *without;  /* per node: taken away */
static uint8_t *all;      /* per node: reached as it is */
static uint32_t *queue;
static uint64_t state;

static void *make(size_t count, size_t size)
{
    void *memory = calloc(count + 1, size);

    if (!memory) {
        fputs("retained: out of memory\n", stderr);
        exit(2);
    }
    return memory;
}

static uint64_t below(uint64_t limit)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state % limit;
}

/* Mark in REACHED what can be reached from the roots and what is definitely lost, but not over or
 * from what is marked in `without`. */
static void reach(uint8_t *out)
{
    const struct heap_edges *edges = &heap->edges;
    size_t queued = 0;

    memset(out, 0, graph->node_count);
    for (uint32_t i = 0; i < graph->node_count; i++) {
        if (!without[i] && (i < heap->root_count ||
                            graph->classes[i - heap->root_count] == GRAPH_DEFINITELY_LOST)) {
            out[i] = 1;
            queue[queued++] = i;
        }
    }
    for (size_t at = 0; at < queued; at++) {
        for (uint32_t i = edges->first[queue[at]]; i < edges->first[queue[at] + 1]; i++) {
            uint32_t target = (uint32_t)heap->root_count + edges->target[i];

            if (out[target] || without[target])
                continue;
            out[target] = 1;
            queue[queued++] = target;
        }
    }
}

/* Add to GONE, a byte for each node, the blocks that are reached no more. */
static void add_gone(uint8_t *gone)
{
    reach(reached);
    for (size_t i = heap->root_count; i < graph->node_count; i++)
        gone[i] |= all[i] && !reached[i];
}

static uint64_t sum(const uint8_t *gone, uint64_t *out_count)
{
    uint64_t bytes = 0;

    *out_count = 0;
    for (size_t i = heap->root_count; i < graph->node_count; i++) {
        bytes += gone[i] ? heap->blocks[i - heap->root_count].size : 0;
        *out_count += gone[i];
    }
    return bytes;
}

static void check(const char *what, size_t number, uint64_t bytes, uint64_t expected)
{
    if (bytes == expected)
        return;
    printf("%s %zu retains %" PRIu64 ", by brute force %" PRIu64 "\n", what, number, bytes,
           expected);
    exit(1);
}

/* Compare COUNT nodes. Returns how many retain more than themselves. */
static size_t check_nodes(size_t count)
{
    uint8_t *gone = make(graph->node_count, 1);
    struct dominators *dominators = NULL;
    size_t more = 0;

    if (dominators_create(graph, &dominators) != 0)
        exit(2);
    for (size_t i = 0; i < count; i++) {
        uint32_t node = (uint32_t)below(graph->node_count);
        uint64_t bytes, blocks;

        for (size_t tries = 0; i % 2 && dominators->retained_blocks[node] < 2 && tries < 10000; tries++)
            node = (uint32_t)below(graph->node_count);
        memset(gone, 0, graph->node_count);
        without[node] = 1;
        add_gone(gone);
        without[node] = 0;
        bytes = sum(gone, &blocks);
        check("node", node, dominators->retained_bytes[node], bytes);
        check("node (blocks)", node, dominators->retained_blocks[node], blocks);
        more += blocks > 1;
    }
    dominators_destroy(dominators);
    free(gone);
    return more;
}

/* Compare the blocks of COUNT stacks, one by one. */
static size_t check_stacks(size_t count)
{
    struct group_list list = {.count = heap->stack_count};
    uint8_t *gone = make(graph->node_count, 1);
    size_t checked = 0;

    list.groups = make(heap->stack_count, sizeof(*list.groups));
    list.of_block = make(heap->block_count, sizeof(*list.of_block));
    for (size_t i = 0; i < heap->block_count; i++) {
        struct group *group = &list.groups[heap->blocks[i].stack];

        list.of_block[i] = heap->blocks[i].stack;
        group->count++;
        group->size += heap->blocks[i].size;
        list.size += heap->blocks[i].size;
    }
    if (group_retained(&list, graph) != 0)
        exit(2);
    check("everything", 0, list.retained, list.size);
    for (size_t tries = 0; checked < count && tries < 100000; tries++) {
        uint32_t stack = (uint32_t)below(heap->stack_count);
        const struct group *group = &list.groups[stack];
        uint64_t blocks;

        /* Those of which some hold others, rather than single ones. */
        if (group->count < 2 || group->count > MEMBERS_MAX || group->retained == group->size)
            continue;
        memset(gone, 0, graph->node_count);
        for (size_t i = 0; i < heap->block_count; i++) {
            if (heap->blocks[i].stack != stack)
                continue;
            without[heap->root_count + i] = 1;
            add_gone(gone);
            without[heap->root_count + i] = 0;
        }
        check("stack", stack, group->retained, sum(gone, &blocks));
        checked++;
    }
    free(list.groups);
    free(list.of_block);
    free(gone);
    return checked;
}

/* Compare COUNT sets of blocks, each taken away together. */
static void check_sets(size_t count)
{
    uint8_t *members = make(heap->block_count, 1), *goes = make(heap->block_count, 1);
    uint8_t *gone = make(graph->node_count, 1);

    for (size_t i = 0; i < count; i++) {
        uint32_t stack = heap->blocks[below(heap->block_count)].stack;

        memset(gone, 0, graph->node_count);
        memset(goes, 0, heap->block_count);
        for (size_t j = 0; j < heap->block_count; j++)
            members[j] = without[heap->root_count + j] = heap->blocks[j].stack == stack;
        if (graph_retained(graph, members, goes) != 0)
            exit(2);
        add_gone(gone);
        memset(without, 0, graph->node_count);
        for (size_t j = 0; j < heap->block_count; j++)
            check("block that goes with all of a stack", j, goes[j], gone[heap->root_count + j]);
    }
    free(members);
    free(goes);
    free(gone);
}

int main(int argc, char **argv)
{
    struct heap *loaded = NULL;
    struct graph *made = NULL;
    struct error error = {0};
    size_t count, more, stacks;

    if (argc != 4) {
        fputs("usage: retained SEED COUNT SNAPSHOT\n", stderr);
        return 2;
    }
    state = strtoull(argv[1], NULL, 0) * 2654435761u + 88172645463325252u;
    count = strtoull(argv[2], NULL, 0);
    if (heap_load_with_edges(argv[3], &loaded, &error) != 0) {
        fprintf(stderr, "retained: %s\n", error.text);
        return 2;
    }
    if (!loaded->has_edges || loaded->block_count == 0 || graph_create(loaded, 0, &made) != 0) {
        fprintf(stderr, "retained: %s: no heap graph\n", argv[3]);
        return 2;
    }
    heap = loaded;
    graph = made;
    reached = make(graph->node_count, 1);
    without = make(graph->node_count, 1);
    all = make(graph->node_count, 1);
    queue = make(graph->node_count, sizeof(*queue));
    reach(all);
    more = check_nodes(count);
    stacks = check_stacks(count / 4);
    check_sets(count / 4);
    printf("%zu blocks, %zu edges: %zu nodes compared, %zu of them hold others; %zu stacks\n",
           heap->block_count, heap->edges.count, count, more, stacks);
    graph_destroy(made);
    heap_destroy(loaded);
    free(reached);
    free(without);
    free(all);
    free(queue);
    return more < count / 4;
}
