#include "model/held_profile.h"

#include "format/snapshot.h"
#include "model/dominators.h"
#include "model/filter.h"
#include "model/named_graph.h"
#include "model/root_names.h"
#include "model/site.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define DEPTH_MAX 64 /* of different places; what is deeper is counted to the last */
#define UNKNOWN   UINT32_MAX

static const char *const kinds[] = {
    [SNAPSHOT_ROOT_MODULE] = "global", [SNAPSHOT_ROOT_STACK] = "stack of",
    [SNAPSHOT_ROOT_TLS] = "thread-local", [SNAPSHOT_ROOT_REGISTERS] = "register",
    [SNAPSHOT_ROOT_KEYS] = "pthread key", [SNAPSHOT_ROOT_MAPPING] = "mapping",
    [SNAPSHOT_ROOT_LIBC] = "the C library",
};

struct holding {
    const struct heap *heap;
    const uint8_t *classes; /* per block */
    uint32_t roots;         /* nodes below are roots: their numbers in names */
    struct profile *profile;
    struct sites *sites;
    struct root_names *names;
    struct dominators *dominators;
    uint32_t *node_of; /* per block; UNKNOWN: not yet */
    uint32_t *depth;   /* per node of the profile */
    size_t depth_room;
};

/* What NAME is of, in a few words. NULL for lack of memory. */
static char *describe(const struct holding *holding, const struct root_name *name)
{
    const struct heap_root *root = &holding->heap->roots[name->root];
    const char *text = root->kind == SNAPSHOT_ROOT_STACK     ? name->function
                       : root->kind == SNAPSHOT_ROOT_MAPPING ? root->name
                       : root->kind == SNAPSHOT_ROOT_LIBC    ? ""
                       : name->name                          ? name->name
                                                             : name->module;
    const char *variable = root->kind == SNAPSHOT_ROOT_STACK && name->name ? name->name : NULL;
    char *both = NULL;

    if (!text || (!*text && root->kind != SNAPSHOT_ROOT_LIBC))
        text = "(unknown)";
    if (asprintf(&both, "%s%s%s%s%s", kinds[root->kind], *text ? " " : "", text,
                 variable ? ": " : "", variable ? variable : "") < 0)
        return NULL;
    return both;
}

/* The node of what alone holds BLOCK, which no block does: the root NAME; or several, or nobody
 * (DOMINATORS_NONE). */
static int add_root(struct holding *holding, uint32_t block, uint32_t number, uint32_t *out_node)
{
    struct profile_frame frame = {.name = "several together"};
    const struct root_name *name;
    char *text = NULL;
    int result;

    if (number != DOMINATORS_NONE) {
        name = root_names_get(holding->names, number);
        text = describe(holding, name);
        if (!text)
            return -ENOMEM;
        frame = (struct profile_frame){.name = text, .file = name->file, .module = name->module};
    } else if (holding->classes[block] <= GRAPH_INDIRECTLY_LOST) {
        frame.name = "nobody: lost";
    }
    result = profile_put(holding->profile, 0, &frame, out_node);
    free(text);
    return result;
}

/* The node of BLOCK, where that of the block above it, or UNKNOWN: there is none, is known. */
static int add_block(struct holding *holding, uint32_t block, uint32_t above)
{
    const struct heap *heap = holding->heap;
    uint32_t site = holding->sites->of_stack[heap->blocks[block].stack], parent, node;
    const struct symbol *symbol = holding->sites->sites[site].symbol;
    struct profile_frame frame = {
        .name = symbol->function ? symbol->function : symbol->place,
        .file = symbol->file,
        .line = symbol->file ? symbol->line : 0,
        .module = symbol->module,
    };
    int result = 0;

    if (above == UNKNOWN)
        result = add_root(holding, block, holding->dominators->immediate[holding->roots + block],
                          &parent);
    else
        parent = holding->node_of[above];
    if (result != 0)
        return result;
    if (above != UNKNOWN && (holding->sites->of_stack[heap->blocks[above].stack] == site ||
                             (parent < holding->depth_room &&
                              holding->depth[parent] >= DEPTH_MAX))) {
        node = parent;
    } else {
        result = profile_put(holding->profile, parent, &frame, &node);
        if (result != 0)
            return result;
        if (node >= holding->depth_room) {
            size_t room = 2 * (size_t)node + 64;
            uint32_t *grown = realloc(holding->depth, room * sizeof(*grown));

            if (!grown)
                return -ENOMEM;
            for (size_t i = holding->depth_room; i < room; i++)
                grown[i] = 0;
            holding->depth = grown;
            holding->depth_room = room;
        }
        holding->depth[node] = holding->depth[parent] + 1;
    }
    holding->node_of[block] = node;
    holding->profile->own[node * PROFILE_VALUES + PROFILE_BYTES] += heap->blocks[block].size;
    holding->profile->own[node * PROFILE_VALUES + PROFILE_BLOCKS]++;
    return 0;
}

/* Every block, after the one that dominates it; `way` has room for all. */
static int add_blocks(struct holding *holding, uint32_t *way)
{
    const uint32_t roots = holding->roots;

    for (uint32_t i = 0; i < holding->heap->block_count; i++) {
        size_t length = 0;
        uint32_t block = i;

        while (block != UNKNOWN && holding->node_of[block] == UNKNOWN) {
            uint32_t above = holding->dominators->immediate[roots + block];

            way[length++] = block;
            block = above == DOMINATORS_NONE || above < roots ? UNKNOWN : above - roots;
        }
        while (length > 0) {
            if (add_block(holding, way[length - 1], block) < 0)
                return -ENOMEM;
            block = way[--length];
        }
    }
    return 0;
}

int held_profile_create(const struct graph *graph, struct symbols *symbols,
                        struct profile **out_profile)
{
    size_t count = graph->heap->block_count;
    struct filter *filter = filter_create();
    uint32_t *way = calloc(count + 1, sizeof(*way));
    struct holding holding = {
        .heap = graph->heap,
        .classes = graph->classes,
        .profile = profile_create(1),
        .names = root_names_create(graph->heap, symbols),
        .node_of = calloc(count + 1, sizeof(uint32_t)),
    };
    struct named_graph *named = NULL;
    int result = -ENOMEM;

    if (filter && way && holding.profile && holding.names && holding.node_of)
        result = sites_create(graph->heap, symbols, filter, &holding.sites);
    if (result == 0)
        result = named_graph_create(graph, holding.names, &named);
    if (result == 0)
        result = dominators_create(&named->graph, &holding.dominators);
    if (result == 0)
        holding.roots = (uint32_t)named->graph.root_count;
    for (size_t i = 0; i < count && result == 0; i++)
        holding.node_of[i] = UNKNOWN;
    if (result == 0)
        result = add_blocks(&holding, way);
    filter_destroy(filter);
    free(way);
    sites_destroy(holding.sites);
    root_names_destroy(holding.names);
    named_graph_destroy(named);
    dominators_destroy(holding.dominators);
    free(holding.node_of);
    free(holding.depth);
    if (result == 0)
        *out_profile = holding.profile;
    else
        profile_destroy(holding.profile);
    return result;
}
