#include "model/group_retained.h"

#include "model/dominators.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The dominator tree, downwards; it is used up on the way. */
struct walk {
    struct group_list *list;
    const struct graph *graph;
    const struct dominators *dominators;
    uint32_t *below; /* per node: the next child to go to, or DOMINATORS_NONE */
    uint32_t *next;  /* per node: the next one below the same */
    uint32_t *above; /* per group: how many blocks of it are on the way down to here, */
    uint32_t any;    /* and of any group */
};

/* The group of NODE. */
static uint32_t group_of(const struct walk *walk, uint32_t node)
{
    if (node < walk->graph->root_count)
        return GROUP_NONE;
    return walk->list->of_block[node - walk->graph->root_count];
}

/* Only what is not below another block of the group adds to it. */
static void enter(struct walk *walk, uint32_t node)
{
    uint32_t group = group_of(walk, node);

    if (group == GROUP_NONE)
        return;
    if (walk->above[group]++ == 0)
        walk->list->groups[group].retained += walk->dominators->retained_bytes[node];
    if (walk->any++ == 0)
        walk->list->retained += walk->dominators->retained_bytes[node];
}

static void leave(struct walk *walk, uint32_t node)
{
    uint32_t group = group_of(walk, node);

    if (group == GROUP_NONE)
        return;
    walk->above[group]--;
    walk->any--;
}

/* Walk over TOP and all that it dominates. */
static void walk_from(struct walk *walk, uint32_t top)
{
    uint32_t at = top;

    enter(walk, at);
    for (;;) {
        uint32_t child = walk->below[at];

        if (child != DOMINATORS_NONE) {
            walk->below[at] = walk->next[child];
            at = child;
            enter(walk, at);
            continue;
        }
        leave(walk, at);
        if (at == top)
            return;
        at = walk->dominators->immediate[at];
    }
}

/* Blocks that are not in the graph are in the sizes of the groups only. */
static void add_unknown(struct walk *walk)
{
    const struct heap *heap = walk->graph->heap;
    struct group_list *list = walk->list;
    uint64_t known = 0;

    for (size_t i = 0; i < list->count; i++)
        list->groups[i].retained += list->groups[i].size;
    for (size_t i = 0; i < heap->block_count; i++) {
        if (list->of_block[i] == GROUP_NONE)
            continue;
        list->groups[list->of_block[i]].retained -= heap->blocks[i].size;
        known += heap->blocks[i].size;
    }
    list->retained = list->size - known;
}

int group_retained(struct group_list *list, const struct graph *graph)
{
    struct dominators *dominators = NULL;
    struct walk walk = {.list = list, .graph = graph};
    size_t room = (graph->node_count + 1) * sizeof(uint32_t);
    int result = dominators_create(graph, &dominators);

    if (result != 0)
        return result;
    walk.dominators = dominators;
    walk.below = malloc(room);
    walk.next = malloc(room);
    walk.above = calloc(list->count + 1, sizeof(*walk.above));
    if (walk.below && walk.next && walk.above) {
        add_unknown(&walk);
        memset(walk.below, 0xff, room);
        for (uint32_t i = 0; i < graph->node_count; i++) {
            uint32_t above = dominators->immediate[i];

            if (above == DOMINATORS_NONE)
                continue;
            walk.next[i] = walk.below[above];
            walk.below[above] = i;
        }
        for (uint32_t i = 0; i < graph->node_count; i++) {
            if (dominators->immediate[i] == DOMINATORS_NONE)
                walk_from(&walk, i);
        }
    } else {
        result = -ENOMEM;
    }
    dominators_destroy(dominators);
    free(walk.below);
    free(walk.next);
    free(walk.above);
    return result;
}
