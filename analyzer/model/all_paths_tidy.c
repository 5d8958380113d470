/* all_paths_tidy(): the ways that were found, each once, in their order. */
#include "model/all_paths_finding.h"

#include <errno.h>
#include <stdlib.h>

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
    all_paths_finish_path(other);
    path->size = 0;
    for (size_t i = 0; i < path->count; i++)
        path->size += heap->blocks[path->blocks[i]].size;
    return result;
}

int all_paths_tidy(const struct heap *heap, struct all_paths *paths)
{
    size_t kept = 0, count = paths->count;
    int result = 0;

    if (count == 0)
        return 0;
    qsort(paths->paths, count, sizeof(struct all_path), compare_ways);
    for (size_t i = 0; i < count; i++) {
        struct all_path *path = &paths->paths[i];

        if (path->count == 0)
            all_paths_finish_path(path);
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
