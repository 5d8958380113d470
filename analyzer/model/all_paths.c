#include "model/all_paths.h"

#include "model/all_paths_finding.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Where it is given up, besides all_paths_is_tired(): places that ways were followed to, ways
 * found. */
#define STATES_MAX     2000
#define PATHS_MAX      500
#define WORK_BACKWARDS 10 /* steps that it takes to follow a pointer backwards */
#define DEPTH_MAX      62 /* places are bits of a number */

int all_paths_list_add(struct all_paths_list *list, uint32_t number)
{
    if (list->count == list->room) {
        size_t room = list->room ? 2 * list->room : 8;
        uint32_t *numbers = reallocarray(list->numbers, room, sizeof(*numbers));

        if (!numbers)
            return -ENOMEM;
        list->numbers = numbers;
        list->room = room;
    }
    list->numbers[list->count++] = number;
    return 0;
}

/* Sort the edges by their targets. */
static void turn_edges(struct all_paths_finding *finding)
{
    const struct heap_edges *edges = &finding->heap->edges;
    uint32_t *first = finding->in_first;

    /* Counted two further on and put one further on, all are where they belong in the end. */
    for (size_t i = 0; i < edges->count; i++)
        first[edges->target[i] + 2]++;
    for (size_t i = 2; i < finding->heap->block_count + 2; i++)
        first[i] += first[i - 1];
    for (uint32_t i = 0; i < edges->count; i++)
        finding->in_edge[first[edges->target[i] + 1]++] = i;
}

/* The node that EDGE comes from. */
static uint32_t source_of(const struct all_paths_finding *finding, uint32_t edge)
{
    const uint32_t *first = finding->heap->edges.first;
    size_t low = 0, high = finding->graph->node_count; /* first[low] <= edge < first[high] */

    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;

        if (first[middle] <= edge)
            low = middle;
        else
            high = middle;
    }
    return (uint32_t)low;
}

/* Add a state; its blocks are to be added. NULL for lack of memory. */
static struct all_paths_state *add_state(struct all_paths_finding *finding, uint32_t before,
                                         uint32_t site, bool is_lost)
{
    if (finding->state_count == finding->state_room) {
        size_t room = finding->state_room ? 2 * finding->state_room : 64;
        struct all_paths_state *states = reallocarray(finding->states, room, sizeof(*states));

        if (!states)
            return NULL;
        finding->states = states;
        finding->state_room = room;
    }
    finding->states[finding->state_count] = (struct all_paths_state){
        .before = before,
        .site = site,
        .is_lost = is_lost,
        .depth = before == ALL_PATHS_NONE ? 0 : finding->states[before].depth + 1,
    };
    return &finding->states[finding->state_count++];
}

/* Is SITE that of a place on the way of STATE? */
static bool is_on_way(const struct all_paths_finding *finding, uint32_t state, uint32_t site)
{
    for (; state != ALL_PATHS_NONE; state = finding->states[state].before) {
        if (finding->states[state].site == site)
            return true;
    }
    return false;
}

/* Let the blocks of STATE be marked as VALUE. */
static void mark_state(struct all_paths_finding *finding, uint32_t state, uint8_t value)
{
    const struct all_paths_state *at = &finding->states[state];

    for (size_t i = 0; i < at->blocks.count; i++)
        finding->on_way[at->blocks.numbers[i]] = value;
    for (size_t i = 0; i < at->extra.count; i++)
        finding->on_way[at->extra.numbers[i]] = value;
}

/* Note that NAME points at BLOCK. */
static int add_beginning(struct all_paths_finding *finding, uint32_t name, uint32_t block)
{
    if (finding->beginning_count == finding->beginning_room) {
        size_t room = finding->beginning_room ? 2 * finding->beginning_room : 64;
        struct all_paths_beginning *larger =
            reallocarray(finding->beginnings, room, sizeof(*larger));

        if (!larger)
            return -ENOMEM;
        finding->beginnings = larger;
        finding->beginning_room = room;
    }
    finding->beginnings[finding->beginning_count++] =
        (struct all_paths_beginning){name, all_paths_site_of(finding, block), block};
    return 0;
}

/* Note that EDGE of ROOT points at BLOCK. */
static int find_name(struct all_paths_finding *finding, uint32_t root, uint32_t edge,
                     uint32_t block)
{
    if (finding->name_of[edge] == 0) {
        uint32_t name =
            root_names_find(finding->names, root, heap_edges_offset(&finding->heap->edges, edge));

        if (name == ROOT_NAMES_NONE)
            return -ENOMEM;
        finding->name_of[edge] = name + 1;
    }
    return add_beginning(finding, finding->name_of[edge] - 1, block);
}

/* Find what points at BLOCK, which is in STATE. */
static int look_at(struct all_paths_finding *finding, uint32_t state, uint32_t block)
{
    uint32_t root_count = (uint32_t)finding->graph->root_count;
    int result = 0;

    for (uint32_t i = finding->in_first[block]; result == 0 && i < finding->in_first[block + 1];
         i++) {
        uint32_t edge = finding->in_edge[i], node = source_of(finding, edge), from;

        finding->work += WORK_BACKWARDS;
        if (node < root_count) {
            result = find_name(finding, node, edge, block);
            continue;
        }
        from = node - root_count;
        if (finding->on_way[from] ||
            graph_is_lost(finding->graph, from) != finding->states[state].is_lost)
            continue;
        finding->on_way[from] = 1;
        if (is_on_way(finding, state, all_paths_site_of(finding, from))) {
            result = all_paths_list_add(&finding->states[state].extra, from);
        } else {
            result = all_paths_list_add(&finding->found_blocks, from);
        }
    }
    if (result == 0 && finding->graph->classes[block] == GRAPH_DEFINITELY_LOST)
        result = add_beginning(finding, ROOT_NAMES_NONE, block);
    return result;
}

/* Make states of the blocks that were found behind STATE, one for each place. */
static int branch(struct all_paths_finding *finding, uint32_t state)
{
    size_t first = finding->state_count;

    if (finding->found_blocks.count > 0 && finding->states[state].depth >= finding->depth) {
        finding->paths->is_cut = true;
        return 0;
    }
    if (finding->found_blocks.count > 0 && finding->state_count > STATES_MAX) {
        finding->paths->gave_up = true;
        return 0;
    }
    for (size_t i = 0; i < finding->found_blocks.count; i++) {
        uint32_t block = finding->found_blocks.numbers[i], site = all_paths_site_of(finding, block);
        struct all_paths_state *next = NULL;

        for (size_t j = first; j < finding->state_count && !next; j++, finding->work++) {
            if (finding->states[j].site == site)
                next = &finding->states[j];
        }
        if (!next)
            next = add_state(finding, state, site, finding->states[state].is_lost);
        if (!next || all_paths_list_add(&next->blocks, block) < 0)
            return -ENOMEM;
    }
    return 0;
}

void all_paths_finish_path(struct all_path *path)
{
    for (size_t i = 0; i < path->length; i++)
        free(path->steps[i].blocks);
    free(path->steps);
    free(path->blocks);
}

/* Add the way of STATE that begins with the COUNT BEGINNINGS, all of one name and site: from the
 * place on that has the site. What lies further out is only a detour from there and back, as
 * between the nodes of a tree. */
static int add_path(struct all_paths_finding *finding, uint32_t state,
                    const struct all_paths_beginning *beginnings, size_t count)
{
    struct all_paths *paths = finding->paths;
    struct all_path *path;
    uint32_t at = state;

    if (paths->count == finding->path_room) {
        size_t room = finding->path_room ? 2 * finding->path_room : 16;
        struct all_path *larger = reallocarray(paths->paths, room, sizeof(*larger));

        if (!larger)
            return -ENOMEM;
        paths->paths = larger;
        finding->path_room = room;
    }
    while (finding->states[at].site != beginnings[0].site)
        at = finding->states[at].before;
    path = &paths->paths[paths->count];
    *path = (struct all_path){.name = beginnings[0].name, .length = finding->states[at].depth + 1};
    path->steps = calloc(path->length, sizeof(*path->steps));
    if (!path->steps)
        return -ENOMEM;
    paths->count++;
    for (size_t i = 0; i < path->length; i++, at = finding->states[at].before)
        path->steps[i].site = finding->states[at].site;
    return all_paths_fill(finding, state, beginnings, count, path);
}

static int compare_beginnings(const void *left, const void *right)
{
    const struct all_paths_beginning *a = left, *b = right;

    if (a->name != b->name)
        return a->name < b->name ? -1 : 1;
    if (a->site != b->site)
        return a->site < b->site ? -1 : 1;
    return a->block < b->block ? -1 : a->block > b->block;
}

/* Follow STATE one place further. */
static int expand(struct all_paths_finding *finding, uint32_t number)
{
    struct all_paths_state *state = &finding->states[number];
    int result = 0;

    finding->beginning_count = finding->found_blocks.count = 0;
    mark_state(finding, number, 1);
    for (size_t i = 0; result == 0 && i < state->blocks.count; i++)
        result = look_at(finding, number, state->blocks.numbers[i]);
    /* What is added on the way is looked at as well. */
    for (size_t i = 0; result == 0 && i < state->extra.count; i++)
        result = look_at(finding, number, state->extra.numbers[i]);
    for (size_t i = 0; i < finding->found_blocks.count; i++)
        finding->on_way[finding->found_blocks.numbers[i]] = 0;
    mark_state(finding, number, 0);
    if (finding->beginning_count > 0)
        qsort(finding->beginnings, finding->beginning_count, sizeof(struct all_paths_beginning),
              compare_beginnings);
    for (size_t i = 0, end; result == 0 && i < finding->beginning_count; i = end) {
        for (end = i + 1; end < finding->beginning_count &&
                          finding->beginnings[end].name == finding->beginnings[i].name &&
                          finding->beginnings[end].site == finding->beginnings[i].site;)
            end++;
        if (finding->paths->count == PATHS_MAX || all_paths_is_tired(finding)) {
            finding->paths->gave_up = true;
            return 0;
        }
        result = add_path(finding, number, &finding->beginnings[i], end - i);
    }
    return result == 0 ? branch(finding, number) : result;
}

/* Begin at the members, those of each place apart, and the lost ones apart. */
static int start(struct all_paths_finding *finding)
{
    for (uint32_t i = 0; i < finding->heap->block_count; i++) {
        bool is_lost = graph_is_lost(finding->graph, i);
        struct all_paths_state *state = NULL;

        if (!finding->members[i])
            continue;
        for (size_t j = 0; j < finding->state_count && !state; j++) {
            if (finding->states[j].site == all_paths_site_of(finding, i) &&
                finding->states[j].is_lost == is_lost)
                state = &finding->states[j];
        }
        if (!state)
            state = add_state(finding, ALL_PATHS_NONE, all_paths_site_of(finding, i), is_lost);
        if (!state || all_paths_list_add(&state->blocks, i) < 0)
            return -ENOMEM;
    }
    return 0;
}

static int find(struct all_paths_finding *finding)
{
    int result = start(finding);

    for (uint32_t i = 0; result == 0 && i < finding->state_count; i++) {
        if (all_paths_is_tired(finding) || finding->paths->count == PATHS_MAX) {
            finding->paths->gave_up = true;
            break;
        }
        result = expand(finding, i);
    }
    finding->paths->gave_up |= all_paths_is_tired(finding);
    return result;
}

int all_paths_create(const struct graph *graph, const struct sites *sites, struct root_names *names,
                     const uint8_t *members, size_t depth, struct all_paths **out_paths)
{
    const struct heap *heap = graph->heap;
    struct all_paths_finding finding = {
        .graph = graph,
        .heap = heap,
        .sites = sites,
        .names = names,
        .members = members,
        .depth = depth && depth < DEPTH_MAX ? depth : DEPTH_MAX,
        .in_first = calloc(heap->block_count + 2, sizeof(uint32_t)),
        .in_edge = calloc(heap->edges.count + 1, sizeof(uint32_t)),
        .name_of = calloc(heap->edges.first[graph->root_count] + (size_t)1, sizeof(uint32_t)),
        .on_way = calloc(heap->block_count + 1, 1),
        .places = calloc(heap->block_count + 1, sizeof(uint64_t)),
        .arrived = calloc(heap->block_count + 1, sizeof(uint64_t)),
        .late = calloc(heap->block_count + 1, 1),
        .paths = calloc(1, sizeof(struct all_paths)),
    };
    int result = -ENOMEM;

    if (finding.in_first && finding.in_edge && finding.name_of && finding.on_way &&
        finding.places && finding.arrived && finding.late && finding.paths) {
        turn_edges(&finding);
        result = find(&finding);
        if (result == 0)
            result = all_paths_tidy(heap, finding.paths);
    }
    for (size_t i = 0; i < finding.state_count; i++) {
        free(finding.states[i].blocks.numbers);
        free(finding.states[i].extra.numbers);
    }
    free(finding.states);
    free(finding.beginnings);
    free(finding.name_of);
    free(finding.found_blocks.numbers);
    free(finding.in_first);
    free(finding.in_edge);
    free(finding.on_way);
    free(finding.places);
    free(finding.arrived);
    free(finding.late);
    if (result != 0) {
        all_paths_destroy(finding.paths);
        return result;
    }
    *out_paths = finding.paths;
    return 0;
}

void all_paths_destroy(struct all_paths *paths)
{
    if (!paths)
        return;
    for (size_t i = 0; i < paths->count; i++)
        all_paths_finish_path(&paths->paths[i]);
    free(paths->paths);
    free(paths);
}
