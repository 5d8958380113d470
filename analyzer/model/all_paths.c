#include "model/all_paths.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Where it is given up: places that ways were followed to, ways found, and steps, of which a pointer
 * takes one to be followed forwards, and more to be followed backwards. */
#define STATES_MAX     2000
#define PATHS_MAX      500
#define WORK_MAX       200000000
#define WORK_BACKWARDS 10
#define NONE       UINT32_MAX
#define DEPTH_MAX  62 /* places are bits of a number */

/* Numbers, as many as there are. */
struct list {
    uint32_t *numbers;
    size_t count, room;
};

/* A way as far as it was followed: the state before, which is nearer to the blocks in question, and
 * one place more. */
struct state {
    uint32_t before; /* NONE: this is the place of the blocks in question */
    uint32_t site;
    size_t depth;
    bool is_lost;
    struct list blocks; /* of the site, pointing into the blocks before */
    struct list extra;  /* that lead to these, of this place, or of one further in once more */
};

struct finding {
    const struct graph *graph;
    const struct heap *heap;
    const struct sites *sites;
    struct root_names *names;
    const uint8_t *members;
    size_t depth;
    uint32_t *in_first; /* per block, and one more: its edges in in_edge */
    uint32_t *in_edge;  /* by target */
    struct state *states;
    size_t state_count, state_room;
    size_t work;
    uint8_t *on_way; /* per block: it is in the last state, or among what was found next */
    uint64_t *places;  /* per block, while a way is gone: a bit for each of its places where it can be, */
    uint64_t *arrived; /* and where it was; */
    uint8_t *late;     /* it is at a place only once more */
    size_t way_length;
    uint32_t *name_of;  /* per edge of a root: its name, once it was asked for, plus 1 */
    struct beginning {
        uint32_t name, site, block;
    } *beginnings; /* of ways in the last state: a block of a site that a name points at */
    size_t beginning_count, beginning_room;
    struct list found_blocks; /* that point into the last state, of new places */
    struct all_paths *paths;
    size_t path_room;
};

static int list_add(struct list *list, uint32_t number)
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

static uint32_t site_of(const struct finding *finding, uint32_t block)
{
    return finding->sites->of_stack[finding->heap->blocks[block].stack];
}

/* Sort the edges by their targets. */
static void turn_edges(struct finding *finding)
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
static uint32_t source_of(const struct finding *finding, uint32_t edge)
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
static struct state *add_state(struct finding *finding, uint32_t before, uint32_t site, bool is_lost)
{
    if (finding->state_count == finding->state_room) {
        size_t room = finding->state_room ? 2 * finding->state_room : 64;
        struct state *states = reallocarray(finding->states, room, sizeof(*states));

        if (!states)
            return NULL;
        finding->states = states;
        finding->state_room = room;
    }
    finding->states[finding->state_count] = (struct state){
        .before = before,
        .site = site,
        .is_lost = is_lost,
        .depth = before == NONE ? 0 : finding->states[before].depth + 1,
    };
    return &finding->states[finding->state_count++];
}

/* Is SITE that of a place on the way of STATE? */
static bool is_on_way(const struct finding *finding, uint32_t state, uint32_t site)
{
    for (; state != NONE; state = finding->states[state].before) {
        if (finding->states[state].site == site)
            return true;
    }
    return false;
}

/* Let the blocks of STATE be marked as VALUE. */
static void mark_state(struct finding *finding, uint32_t state, uint8_t value)
{
    const struct state *at = &finding->states[state];

    for (size_t i = 0; i < at->blocks.count; i++)
        finding->on_way[at->blocks.numbers[i]] = value;
    for (size_t i = 0; i < at->extra.count; i++)
        finding->on_way[at->extra.numbers[i]] = value;
}

/* Note that NAME points at BLOCK. */
static int add_beginning(struct finding *finding, uint32_t name, uint32_t block)
{
    if (finding->beginning_count == finding->beginning_room) {
        size_t room = finding->beginning_room ? 2 * finding->beginning_room : 64;
        struct beginning *larger = reallocarray(finding->beginnings, room, sizeof(*larger));

        if (!larger)
            return -ENOMEM;
        finding->beginnings = larger;
        finding->beginning_room = room;
    }
    finding->beginnings[finding->beginning_count++] = (struct beginning){
        name, site_of(finding, block), block};
    return 0;
}

/* Note that EDGE of ROOT points at BLOCK. */
static int find_name(struct finding *finding, uint32_t root, uint32_t edge, uint32_t block)
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
static int look_at(struct finding *finding, uint32_t state, uint32_t block)
{
    uint32_t root_count = (uint32_t)finding->graph->root_count;
    int result = 0;

    for (uint32_t i = finding->in_first[block]; result == 0 && i < finding->in_first[block + 1]; i++) {
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
        if (is_on_way(finding, state, site_of(finding, from))) {
            result = list_add(&finding->states[state].extra, from);
        } else {
            result = list_add(&finding->found_blocks, from);
        }
    }
    if (result == 0 && finding->graph->classes[block] == GRAPH_DEFINITELY_LOST)
        result = add_beginning(finding, ROOT_NAMES_NONE, block);
    return result;
}

/* Make states of the blocks that were found behind STATE, one for each place. */
static int branch(struct finding *finding, uint32_t state)
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
        uint32_t block = finding->found_blocks.numbers[i], site = site_of(finding, block);
        struct state *next = NULL;

        for (size_t j = first; j < finding->state_count && !next; j++, finding->work++) {
            if (finding->states[j].site == site)
                next = &finding->states[j];
        }
        if (!next)
            next = add_state(finding, state, site, finding->states[state].is_lost);
        if (!next || list_add(&next->blocks, block) < 0)
            return -ENOMEM;
    }
    return 0;
}

/* Let each block on the way of STATE have the places, 0 the outermost, at which it can be. */
static void fill_places(struct finding *finding, uint32_t state)
{
    uint64_t place = 1;

    for (; state != NONE; state = finding->states[state].before, place <<= 1) {
        const struct state *at = &finding->states[state];

        finding->work += at->blocks.count + at->extra.count;
        for (size_t i = 0; i < at->blocks.count; i++)
            finding->places[at->blocks.numbers[i]] |= place;
        for (size_t i = 0; i < at->extra.count; i++)
            finding->places[at->extra.numbers[i]] |= place;
        for (size_t i = 0; i < at->extra.count; i++)
            finding->late[at->extra.numbers[i]] = 1;
    }
}

static void clear_places(struct finding *finding, uint32_t state)
{
    for (; state != NONE; state = finding->states[state].before) {
        const struct state *at = &finding->states[state];

        for (size_t i = 0; i < at->blocks.count; i++)
            finding->places[at->blocks.numbers[i]] = finding->arrived[at->blocks.numbers[i]] = 0;
        for (size_t i = 0; i < at->extra.count; i++)
            finding->places[at->extra.numbers[i]] = finding->arrived[at->extra.numbers[i]] = 0;
        for (size_t i = 0; i < at->extra.count; i++)
            finding->late[at->extra.numbers[i]] = 0;
    }
}

/* Note that BLOCK is reached at PLACE; QUEUE has pairs of the two. */
static int arrive(struct finding *finding, uint32_t block, uint32_t place, struct list *queue)
{
    if (!(finding->places[block] & 1ull << place) || finding->arrived[block] & 1ull << place)
        return 0;
    finding->arrived[block] |= 1ull << place;
    return list_add(queue, block) < 0 ? -ENOMEM : list_add(queue, place);
}

/* Has it taken as many steps as it may? */
static bool is_tired(const struct finding *finding)
{
    return finding->work > WORK_MAX;
}

/* Follow the way from what is in QUEUE to the blocks in question: from each of its places to the
 * same, or the next one; as far as one may. */
static int follow(struct finding *finding, struct list *queue)
{
    const struct heap_edges *edges = &finding->heap->edges;
    int result = 0;

    for (size_t at = 0; result == 0 && at < queue->count && !is_tired(finding); at += 2) {
        uint32_t node = (uint32_t)finding->graph->root_count + queue->numbers[at];
        uint32_t place = queue->numbers[at + 1];

        finding->work += edges->first[node + 1] - edges->first[node];
        for (uint32_t i = edges->first[node]; result == 0 && i < edges->first[node + 1]; i++) {
            result = arrive(finding, edges->target[i], place, queue);
            if (result == 0)
                result = arrive(finding, edges->target[i], place + 1, queue);
        }
    }
    return result;
}

static int compare_numbers(const void *left, const void *right)
{
    const uint32_t *a = left, *b = right;

    return *a < *b ? -1 : *a > *b;
}

/* Put the blocks in QUEUE, and their places, to the steps of PATH that have their sites. */
static int fill_steps(struct finding *finding, const struct list *queue, struct all_path *path)
{
    struct list *steps = calloc(path->length + 1, sizeof(*steps)); /* the last: blocks in question */
    uint32_t last = (uint32_t)finding->way_length - 1;
    int result = steps ? 0 : -ENOMEM;

    for (size_t i = 0; result == 0 && i < queue->count; i += 2) {
        uint32_t block = queue->numbers[i];
        uint64_t before = finding->arrived[block] & ((1ull << queue->numbers[i + 1]) - 1);
        size_t number = 0;

        while (number < path->length && path->steps[number].site != site_of(finding, block))
            number++;
        finding->work += number;
        if (number < path->length && before == 0) /* once, however often it is passed */
            result = list_add(&steps[number], block);
        if (result == 0 && queue->numbers[i + 1] == last && finding->members[block]) {
            path->size += finding->heap->blocks[block].size;
            result = list_add(&steps[path->length], block);
        }
        if (number < path->length && finding->late[block])
            path->steps[number].repeats = true;
    }
    for (size_t i = 0; result == 0 && i < path->length; i++) {
        if (steps[i].count > 0)
            qsort(steps[i].numbers, steps[i].count, sizeof(uint32_t), compare_numbers);
        path->steps[i].blocks = steps[i].numbers;
        path->steps[i].count = steps[i].count;
        steps[i] = (struct list){0};
    }
    if (result == 0) {
        path->blocks = steps[path->length].numbers;
        path->count = steps[path->length].count;
        if (path->count > 0)
            qsort(path->blocks, path->count, sizeof(uint32_t), compare_numbers);
        steps[path->length] = (struct list){0};
    }
    for (size_t i = 0; steps && i <= path->length; i++)
        free(steps[i].numbers);
    free(steps);
    return result;
}

static void path_finish(struct all_path *path)
{
    for (size_t i = 0; i < path->length; i++)
        free(path->steps[i].blocks);
    free(path->steps);
    free(path->blocks);
}

/* Add the way of STATE that begins with the COUNT BEGINNINGS, all of one name and site: from the place on
 * that has the site. What lies further out is only a detour from there and back, as between the
 * nodes of a tree. */
static int add_path(struct finding *finding, uint32_t state, const struct beginning *beginnings,
                    size_t count)
{
    struct all_paths *paths = finding->paths;
    struct list queue = {0};
    struct all_path *path;
    uint32_t at = state;
    int result = 0;

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
    *path = (struct all_path){
        .name = beginnings[0].name, .length = finding->states[at].depth + 1};
    path->steps = calloc(path->length, sizeof(*path->steps));
    if (!path->steps)
        return -ENOMEM;
    paths->count++;
    for (size_t i = 0; i < path->length; i++, at = finding->states[at].before)
        path->steps[i].site = finding->states[at].site;
    finding->way_length = finding->states[state].depth + 1;
    fill_places(finding, state);
    for (size_t i = 0; result == 0 && i < count; i++)
        result = arrive(finding, beginnings[i].block, 0, &queue);
    if (result == 0)
        result = follow(finding, &queue);
    if (result == 0 && !is_tired(finding)) /* else it has no blocks, and goes in the end */
        result = fill_steps(finding, &queue, path);
    clear_places(finding, state);
    free(queue.numbers);
    return result;
}

static int compare_beginnings(const void *left, const void *right)
{
    const struct beginning *a = left, *b = right;

    if (a->name != b->name)
        return a->name < b->name ? -1 : 1;
    if (a->site != b->site)
        return a->site < b->site ? -1 : 1;
    return a->block < b->block ? -1 : a->block > b->block;
}

/* Follow STATE one place further. */
static int expand(struct finding *finding, uint32_t number)
{
    struct state *state = &finding->states[number];
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
        qsort(finding->beginnings, finding->beginning_count, sizeof(struct beginning),
              compare_beginnings);
    for (size_t i = 0, end; result == 0 && i < finding->beginning_count; i = end) {
        for (end = i + 1; end < finding->beginning_count &&
                          finding->beginnings[end].name == finding->beginnings[i].name &&
                          finding->beginnings[end].site == finding->beginnings[i].site;)
            end++;
        if (finding->paths->count == PATHS_MAX || is_tired(finding)) {
            finding->paths->gave_up = true;
            return 0;
        }
        result = add_path(finding, number, &finding->beginnings[i], end - i);
    }
    return result == 0 ? branch(finding, number) : result;
}

/* Begin at the members, those of each place apart, and the lost ones apart. */
static int start(struct finding *finding)
{
    for (uint32_t i = 0; i < finding->heap->block_count; i++) {
        bool is_lost = graph_is_lost(finding->graph, i);
        struct state *state = NULL;

        if (!finding->members[i])
            continue;
        for (size_t j = 0; j < finding->state_count && !state; j++) {
            if (finding->states[j].site == site_of(finding, i) &&
                finding->states[j].is_lost == is_lost)
                state = &finding->states[j];
        }
        if (!state)
            state = add_state(finding, NONE, site_of(finding, i), is_lost);
        if (!state || list_add(&state->blocks, i) < 0)
            return -ENOMEM;
    }
    return 0;
}

/* By what tells them apart. */
static int compare_ways(const void *left, const void *right)
{
    const struct all_path *a = left, *b = right;

    if (a->name != b->name)
        return a->name < b->name ? -1 : 1;
    if (a->length != b->length)
        return a->length < b->length ? -1 : 1;
    for (size_t i = 0; i < a->length; i++) {
        if (a->steps[i].site != b->steps[i].site)
            return a->steps[i].site < b->steps[i].site ? -1 : 1;
    }
    return 0;
}

static int compare_paths(const void *left, const void *right)
{
    const struct all_path *a = left, *b = right;

    if (a->length != b->length)
        return a->length < b->length ? -1 : 1;
    if (a->size != b->size)
        return a->size > b->size ? -1 : 1;
    return compare_ways(a, b);
}

/* Add the OTHER_COUNT numbers of OTHER to the COUNT at NUMBERS; both are in order. */
static int unite(uint32_t **numbers, size_t *count, const uint32_t *other, size_t other_count)
{
    uint32_t *both = malloc((*count + other_count + 1) * sizeof(*both));
    size_t i = 0, j = 0, used = 0;

    if (!both)
        return -ENOMEM;
    while (i < *count || j < other_count) {
        if (j == other_count || (i < *count && (*numbers)[i] <= other[j])) {
            j += j < other_count && (*numbers)[i] == other[j];
            both[used++] = (*numbers)[i++];
        } else {
            both[used++] = other[j++];
        }
    }
    free(*numbers);
    *numbers = both;
    *count = used;
    return 0;
}

/* Let PATH have what OTHER, the same way, has as well, which is used up. */
static int merge(const struct heap *heap, struct all_path *path, struct all_path *other)
{
    int result = unite(&path->blocks, &path->count, other->blocks, other->count);

    for (size_t i = 0; result == 0 && i < path->length; i++) {
        result = unite(&path->steps[i].blocks, &path->steps[i].count, other->steps[i].blocks,
                       other->steps[i].count);
        path->steps[i].repeats |= other->steps[i].repeats;
    }
    path_finish(other);
    path->size = 0;
    for (size_t i = 0; i < path->count; i++)
        path->size += heap->blocks[path->blocks[i]].size;
    return result;
}

/* Let each way be there once, those that are none not at all, in their order. */
static int tidy(const struct heap *heap, struct all_paths *paths)
{
    size_t kept = 0, count = paths->count;
    int result = 0;

    if (count == 0)
        return 0;
    qsort(paths->paths, count, sizeof(struct all_path), compare_ways);
    for (size_t i = 0; i < count; i++) {
        struct all_path *path = &paths->paths[i];

        if (path->count == 0)
            path_finish(path);
        else if (kept == 0 || compare_ways(&paths->paths[kept - 1], path) != 0)
            paths->paths[kept++] = *path;
        else if (merge(heap, &paths->paths[kept - 1], path) < 0)
            result = -ENOMEM;
    }
    paths->count = kept;
    if (kept > 0)
        qsort(paths->paths, kept, sizeof(struct all_path), compare_paths);
    return result;
}

static int find(struct finding *finding)
{
    int result = start(finding);

    for (uint32_t i = 0; result == 0 && i < finding->state_count; i++) {
        if (is_tired(finding) || finding->paths->count == PATHS_MAX) {
            finding->paths->gave_up = true;
            break;
        }
        result = expand(finding, i);
    }
    finding->paths->gave_up |= is_tired(finding);
    return result;
}

int all_paths_create(const struct graph *graph, const struct sites *sites, struct root_names *names,
                     const uint8_t *members, size_t depth, struct all_paths **out_paths)
{
    const struct heap *heap = graph->heap;
    struct finding finding = {
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

    if (finding.in_first && finding.in_edge && finding.name_of && finding.on_way && finding.places &&
        finding.arrived && finding.late && finding.paths) {
        turn_edges(&finding);
        result = find(&finding);
        if (result == 0)
            result = tidy(heap, finding.paths);
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
        path_finish(&paths->paths[i]);
    free(paths->paths);
    free(paths);
}
