/* all_paths_fill(): which blocks are on a way that was found. */
#include "model/all_paths_finding.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Let each block on the way of STATE have the places, 0 the outermost, at which it can be. */
static void fill_places(struct all_paths_finding *finding, uint32_t state)
{
    uint64_t place = 1;

    for (; state != ALL_PATHS_NONE; state = finding->states[state].before, place <<= 1) {
        const struct all_paths_state *at = &finding->states[state];

        finding->work += at->blocks.count + at->extra.count;
        for (size_t i = 0; i < at->blocks.count; i++)
            finding->places[at->blocks.numbers[i]] |= place;
        for (size_t i = 0; i < at->extra.count; i++)
            finding->places[at->extra.numbers[i]] |= place;
        for (size_t i = 0; i < at->extra.count; i++)
            finding->late[at->extra.numbers[i]] = 1;
    }
}

static void clear_places(struct all_paths_finding *finding, uint32_t state)
{
    for (; state != ALL_PATHS_NONE; state = finding->states[state].before) {
        const struct all_paths_state *at = &finding->states[state];

        for (size_t i = 0; i < at->blocks.count; i++)
            finding->places[at->blocks.numbers[i]] = finding->arrived[at->blocks.numbers[i]] = 0;
        for (size_t i = 0; i < at->extra.count; i++)
            finding->places[at->extra.numbers[i]] = finding->arrived[at->extra.numbers[i]] = 0;
        for (size_t i = 0; i < at->extra.count; i++)
            finding->late[at->extra.numbers[i]] = 0;
    }
}

/* Note that BLOCK is reached at PLACE; QUEUE has pairs of the two. */
static int arrive(struct all_paths_finding *finding, uint32_t block, uint32_t place,
                  struct all_paths_list *queue)
{
    if (!(finding->places[block] & 1ull << place) || finding->arrived[block] & 1ull << place)
        return 0;
    finding->arrived[block] |= 1ull << place;
    return all_paths_list_add(queue, block) < 0 ? -ENOMEM : all_paths_list_add(queue, place);
}

/* Follow the way from what is in QUEUE to the blocks in question: from each of its places to the
 * same, or the next one; as far as one may. */
static int follow(struct all_paths_finding *finding, struct all_paths_list *queue)
{
    const struct heap_edges *edges = &finding->heap->edges;
    int result = 0;

    for (size_t at = 0; result == 0 && at < queue->count && !all_paths_is_tired(finding); at += 2) {
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
static int fill_steps(struct all_paths_finding *finding, const struct all_paths_list *queue,
                      struct all_path *path)
{
    struct all_paths_list *steps =
        calloc(path->length + 1, sizeof(*steps)); /* the last: blocks in question */
    uint32_t last = (uint32_t)finding->way_length - 1;
    int result = steps ? 0 : -ENOMEM;

    for (size_t i = 0; result == 0 && i < queue->count; i += 2) {
        uint32_t block = queue->numbers[i];
        uint64_t before = finding->arrived[block] & ((1ull << queue->numbers[i + 1]) - 1);
        size_t number = 0;

        while (number < path->length &&
               path->steps[number].site != all_paths_site_of(finding, block))
            number++;
        finding->work += number;
        if (number < path->length && before == 0) /* once, however often it is passed */
            result = all_paths_list_add(&steps[number], block);
        if (result == 0 && queue->numbers[i + 1] == last && finding->members[block]) {
            path->size += finding->heap->blocks[block].size;
            result = all_paths_list_add(&steps[path->length], block);
        }
        if (number < path->length && finding->late[block])
            path->steps[number].repeats = true;
    }
    for (size_t i = 0; result == 0 && i < path->length; i++) {
        if (steps[i].count > 0)
            qsort(steps[i].numbers, steps[i].count, sizeof(uint32_t), compare_numbers);
        path->steps[i].blocks = steps[i].numbers;
        path->steps[i].count = steps[i].count;
        steps[i] = (struct all_paths_list){0};
    }
    if (result == 0) {
        path->blocks = steps[path->length].numbers;
        path->count = steps[path->length].count;
        if (path->count > 0)
            qsort(path->blocks, path->count, sizeof(uint32_t), compare_numbers);
        steps[path->length] = (struct all_paths_list){0};
    }
    for (size_t i = 0; steps && i <= path->length; i++)
        free(steps[i].numbers);
    free(steps);
    return result;
}

int all_paths_fill(struct all_paths_finding *finding, uint32_t state,
                   const struct all_paths_beginning *beginnings, size_t count,
                   struct all_path *path)
{
    struct all_paths_list queue = {0};
    int result = 0;

    finding->way_length = finding->states[state].depth + 1;
    fill_places(finding, state);
    for (size_t i = 0; result == 0 && i < count; i++)
        result = arrive(finding, beginnings[i].block, 0, &queue);
    if (result == 0)
        result = follow(finding, &queue);
    if (result == 0 && !all_paths_is_tired(finding))
        result = fill_steps(finding, &queue, path);
    clear_places(finding, state);
    free(queue.numbers);
    return result;
}
