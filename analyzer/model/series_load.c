#include "model/series_load.h"

#include "format/varint.h"
#include "model/loader.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

int series_load_timeline(struct loader *loader)
{
    size_t count = loader->sections->kinds[SNAPSHOT_TIMELINE].count;
    struct cursor cursor = cursor_at(loader, SNAPSHOT_TIMELINE);
    struct heap *heap = loader->heap;
    uint64_t time = 0;
    int result = loader_allocate(loader, count, sizeof(*heap->timeline), &heap->timeline);

    for (size_t i = 0; result == 0 && i < count; i++) {
        uint64_t values[4];

        result = cursor_next(loader, &cursor, 4, values);
        if (result != 0)
            return result;
        time = varint_undelta(values[0], time);
        heap->timeline[i] = (struct heap_sample){
            .time = time,
            .bytes = values[1],
            .blocks = values[2],
            .rss = values[3],
        };
    }
    heap->sample_count = count;
    return result != 0 ? result : cursor_end(loader, &cursor);
}

/* Add DIFFERENCE to VALUE, which may not leave the range of numbers. */
static bool apply_difference(uint64_t *value, uint64_t difference)
{
    uint64_t changed = varint_undelta(difference, *value);

    if (difference & 1 ? changed >= *value : changed < *value)
        return false;
    *value = changed;
    return true;
}

/* Read one change of the point numbered POINT, of a stack behind *STACK or, the FIRST,
 * at any. HELD: what each stack holds so far. */
static int load_change(struct loader *loader, struct cursor *cursor, uint32_t point, bool first,
                       uint64_t *stack, struct heap_change *held)
{
    struct heap *heap = loader->heap;
    struct heap_point *at = &heap->points[point];
    uint64_t values[3];
    int result = cursor_next(loader, cursor, 3, values);

    if (result != 0)
        return result;
    if (!first && values[0] == 0)
        return DAMAGE(loader, SNAPSHOT_SERIES, cursor_offset(cursor),
                      "point %" PRIu32 " has stack %" PRIu64 " twice", point, *stack);
    if (values[0] >= heap->stack_count - *stack)
        return DAMAGE(loader, SNAPSHOT_SERIES, cursor_offset(cursor),
                      "point %" PRIu32 " goes %" PRIu64 " stacks on from %" PRIu64 " of %zu", point,
                      values[0], *stack, heap->stack_count);
    *stack += values[0];
    held += *stack;
    held->point = point;
    if (!apply_difference(&held->bytes, values[1]) || !apply_difference(&held->blocks, values[2]) ||
        !apply_difference(&at->bytes, values[1]) || !apply_difference(&at->blocks, values[2]))
        return DAMAGE(loader, SNAPSHOT_SERIES, cursor_offset(cursor),
                      "at point %" PRIu32 " stack %" PRIu64 " holds less than nothing or "
                      "impossibly much",
                      point, *stack);
    heap->stacks[*stack].change_count++;
    return 0;
}

/* Read all points. OUT_CHANGES, if not NULL, takes what has changed, by stack. HELD has
 * a zeroed element for each stack. */
static int read_points(struct loader *loader, struct heap_change *held,
                       struct heap_change *out_changes)
{
    struct cursor cursor = cursor_at(loader, SNAPSHOT_SERIES);
    struct heap *heap = loader->heap;

    for (uint32_t i = 0; i < heap->point_count; i++) {
        struct heap_point *point = &heap->points[i];
        uint64_t values[2], stack = 0;
        int result = cursor_next(loader, &cursor, 2, values);

        if (result != 0)
            return result;
        if (i > 0)
            *point = point[-1];
        if (!apply_difference(&point->time, values[0]) || (i > 0 && point->time < point[-1].time))
            return DAMAGE(loader, SNAPSHOT_SERIES, cursor_offset(&cursor),
                          "point %" PRIu32 " is out of order", i);
        if (values[1] > heap->stack_count)
            return DAMAGE(loader, SNAPSHOT_SERIES, cursor_offset(&cursor),
                          "point %" PRIu32 " changes %" PRIu64 " of %zu stacks", i, values[1],
                          heap->stack_count);
        for (uint64_t j = 0; j < values[1]; j++) {
            result = load_change(loader, &cursor, i, j == 0, &stack, held);
            if (result != 0)
                return result;
            if (out_changes) {
                const struct heap_stack *of = &heap->stacks[stack];

                out_changes[of->first_change + of->change_count - 1] = held[stack];
            }
        }
    }
    return cursor_end(loader, &cursor);
}

/* Twice over the points: to count the changes of each stack, then to put them in the
 * order of the stacks. */
int series_load_series(struct loader *loader)
{
    size_t count = loader->sections->kinds[SNAPSHOT_SERIES].count;
    struct heap *heap = loader->heap;
    struct heap_change *held = NULL;
    int result;

    if (count > SNAPSHOT_SERIES_POINTS)
        return DAMAGE(loader, SNAPSHOT_SERIES, 0, "%zu points, at most %u are allowed", count,
                      SNAPSHOT_SERIES_POINTS);
    result = loader_allocate(loader, count, sizeof(*heap->points), &heap->points);
    if (result == 0)
        result = loader_allocate(loader, heap->stack_count, sizeof(*held), &held);
    if (result != 0)
        return result;
    heap->point_count = count;
    result = read_points(loader, held, NULL);
    for (size_t i = 0; result == 0 && i < heap->stack_count; i++) {
        heap->stacks[i].first_change = heap->change_count;
        heap->change_count += heap->stacks[i].change_count;
        heap->stacks[i].change_count = 0;
    }
    if (result == 0)
        result =
            loader_allocate(loader, heap->change_count, sizeof(*heap->changes), &heap->changes);
    if (result == 0) {
        memset(held, 0, heap->stack_count * sizeof(*held));
        memset(heap->points, 0, count * sizeof(*heap->points));
        result = read_points(loader, held, heap->changes);
    }
    free(held);
    return result;
}

int series_load_progress(struct loader *loader)
{
    size_t count = loader->sections->kinds[SNAPSHOT_PROGRESS].count;
    struct cursor cursor = cursor_at(loader, SNAPSHOT_PROGRESS);
    struct heap *heap = loader->heap;
    uint64_t last = 0;

    if (count == 0)
        return 0;
    if (count != heap->point_count)
        return DAMAGE(loader, SNAPSHOT_PROGRESS, 0, "%zu records for %zu points", count,
                      heap->point_count);
    for (size_t i = 0; i < count; i++) {
        uint64_t value = 0;
        int result = cursor_next(loader, &cursor, 1, &value);

        if (result != 0)
            return result;
        heap->points[i].allocations = varint_undelta(value, last);
        if (heap->points[i].allocations < last)
            return DAMAGE(loader, SNAPSHOT_PROGRESS, cursor_offset(&cursor),
                          "point %zu is out of order", i);
        last = heap->points[i].allocations;
    }
    if (last > heap->account->allocations)
        return DAMAGE(loader, SNAPSHOT_PROGRESS, cursor_offset(&cursor),
                      "%" PRIu64 " allocations, the account has %" PRIu64, last,
                      heap->account->allocations);
    return cursor_end(loader, &cursor);
}
