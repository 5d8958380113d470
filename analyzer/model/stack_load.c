#include "model/stack_load.h"

#include "format/varint.h"
#include "model/loader.h"

#include <inttypes.h>
#include <string.h>

int stack_load_segments(struct loader *loader)
{
    const struct snapshot_payload *payload = &loader->sections->kinds[SNAPSHOT_SEGMENTS];
    struct owned_heap *owned = loader->owned;
    int result =
        loader_allocate(loader, payload->count, sizeof(*owned->segments), &owned->segments);

    if (result == 0 && payload->size > 0)
        memcpy(owned->segments, payload->data, payload->size);
    return result;
}

int stack_load_modules(struct loader *loader)
{
    const struct snapshot_payload *payload = &loader->sections->kinds[SNAPSHOT_MODULES];
    size_t segment_count = loader->sections->kinds[SNAPSHOT_SEGMENTS].count;
    struct heap *heap = loader->heap;
    struct snapshot_module record;
    uint64_t segments = 0;
    int result = loader_allocate(loader, payload->count, sizeof(*heap->modules), &heap->modules);

    if (result == 0)
        result = loader_allocate(loader, payload->count, sizeof(record.build_id),
                                 &loader->owned->build_ids);
    if (result != 0)
        return result;

    for (size_t i = 0; i < payload->count; i++) {
        size_t at = i * sizeof(record);
        uint8_t *build_id = loader->owned->build_ids + i * sizeof(record.build_id);

        memcpy(&record, payload->data + at, sizeof(record));
        if (record.end < record.start)
            return DAMAGE(loader, SNAPSHOT_MODULES, at, "module %zu ends before it begins", i);
        if (record.build_id_size > sizeof(record.build_id))
            return DAMAGE(loader, SNAPSHOT_MODULES, at,
                          "module %zu has a build-id of %" PRIu32 " bytes", i,
                          record.build_id_size);
        memcpy(build_id, record.build_id, sizeof(record.build_id));
        heap->modules[i] = (struct heap_module){
            .start = record.start,
            .end = record.end,
            .bias = record.bias,
            .build_id = build_id,
            .build_id_size = record.build_id_size,
            .generation = record.generation,
            .flags = record.flags,
            .segment_count = record.segment_count,
        };
        result = loader_string(loader, SNAPSHOT_MODULES, at, record.path, &heap->modules[i].path);
        if (result != 0)
            return result;
        segments += record.segment_count;
    }
    heap->module_count = payload->count;
    if (segments != segment_count)
        return DAMAGE(loader, SNAPSHOT_SEGMENTS, 0, "it has %zu segments, the modules %" PRIu64,
                      segment_count, segments);
    segments = 0;
    for (size_t i = 0; i < heap->module_count; i++) {
        heap->modules[i].segments = loader->owned->segments + segments;
        segments += heap->modules[i].segment_count;
    }
    return 0;
}

int stack_load_frames(struct loader *loader)
{
    size_t count = loader->sections->kinds[SNAPSHOT_FRAMES].count;
    struct cursor cursor = cursor_at(loader, SNAPSHOT_FRAMES);
    struct heap *heap = loader->heap;
    uint64_t address = 0;
    int result;

    if (count >= UINT32_MAX)
        return DAMAGE(loader, SNAPSHOT_FRAMES, 0, "too many frames: %zu", count);
    result = loader_allocate(loader, count + 1, sizeof(*heap->frames), &heap->frames);
    for (size_t i = 1; result == 0 && i <= count; i++) {
        uint64_t values[3];

        result = cursor_next(loader, &cursor, 3, values);
        if (result != 0)
            return result;
        if (values[0] >= i)
            return DAMAGE(loader, SNAPSHOT_FRAMES, cursor_offset(&cursor),
                          "frame %zu has the parent %" PRIu64, i, values[0]);
        if (values[2] > heap->module_count)
            return DAMAGE(loader, SNAPSHOT_FRAMES, cursor_offset(&cursor),
                          "frame %zu lies in module %" PRIu64 " of %zu", i, values[2],
                          heap->module_count);
        address = varint_undelta(values[1], address);
        heap->frames[i] = (struct heap_frame){
            .address = address,
            .parent = (uint32_t)values[0],
            .module = (uint32_t)values[2],
        };
    }
    heap->frame_count = count + 1;
    return result != 0 ? result : cursor_end(loader, &cursor);
}

int stack_load_stacks(struct loader *loader)
{
    size_t count = loader->sections->kinds[SNAPSHOT_STACKS].count;
    struct cursor cursor = cursor_at(loader, SNAPSHOT_STACKS);
    struct heap *heap = loader->heap;
    int result;

    if (count >= UINT32_MAX)
        return DAMAGE(loader, SNAPSHOT_STACKS, 0, "too many stacks: %zu", count);
    result = loader_allocate(loader, count, sizeof(*heap->stacks), &heap->stacks);
    for (size_t i = 0; result == 0 && i < count; i++) {
        uint64_t values[2];

        result = cursor_next(loader, &cursor, 2, values);
        if (result != 0)
            return result;
        if (values[0] >= heap->frame_count)
            return DAMAGE(loader, SNAPSHOT_STACKS, cursor_offset(&cursor),
                          "stack %zu begins in frame %" PRIu64 " of %zu", i, values[0],
                          heap->frame_count - 1);
        if (values[1] > UINT32_MAX)
            return DAMAGE(loader, SNAPSHOT_STACKS, cursor_offset(&cursor),
                          "stack %zu has the flags %#" PRIx64, i, values[1]);
        heap->stacks[i].frame = (uint32_t)values[0];
        heap->stacks[i].flags = (uint32_t)values[1];
    }
    heap->stack_count = count;
    return result != 0 ? result : cursor_end(loader, &cursor);
}

int stack_load_counters(struct loader *loader)
{
    const struct snapshot_payload *payload = &loader->sections->kinds[SNAPSHOT_COUNTERS];
    struct cursor cursor = cursor_at(loader, SNAPSHOT_COUNTERS);
    struct heap *heap = loader->heap;

    if (!payload->present)
        return 0;
    if (payload->count != heap->stack_count)
        return DAMAGE(loader, SNAPSHOT_COUNTERS, 0, "counters of %zu stacks, there are %zu",
                      payload->count, heap->stack_count);
    for (size_t i = 0; i < payload->count; i++) {
        struct heap_stack *stack = &heap->stacks[i];
        uint64_t values[SNAPSHOT_COUNTERS_PER_STACK];
        int result = cursor_next(loader, &cursor, SNAPSHOT_COUNTERS_PER_STACK, values);

        if (result != 0)
            return result;
        stack->allocations = values[SNAPSHOT_ALLOCATIONS];
        stack->allocated_bytes = values[SNAPSHOT_ALLOCATED_BYTES];
        stack->frees = values[SNAPSHOT_FREES];
        stack->freed_bytes = values[SNAPSHOT_FREED_BYTES];
        stack->reallocations = values[SNAPSHOT_REALLOCATIONS];
    }
    return cursor_end(loader, &cursor);
}

int stack_load_more_counters(struct loader *loader)
{
    const struct snapshot_payload *payload = &loader->sections->kinds[SNAPSHOT_MORE_COUNTERS];
    struct cursor cursor = cursor_at(loader, SNAPSHOT_MORE_COUNTERS);
    struct heap *heap = loader->heap;

    if (!payload->present)
        return 0;
    if (payload->count != heap->stack_count)
        return DAMAGE(loader, SNAPSHOT_MORE_COUNTERS, 0, "counters of %zu stacks, there are %zu",
                      payload->count, heap->stack_count);
    for (size_t i = 0; i < payload->count; i++) {
        uint64_t values[SNAPSHOT_ALL_COUNTERS];
        int result =
            cursor_next(loader, &cursor, SNAPSHOT_ALL_COUNTERS - SNAPSHOT_COUNTERS_PER_STACK,
                        values + SNAPSHOT_COUNTERS_PER_STACK);

        if (result != 0)
            return result;
        heap->stacks[i].temporary = values[SNAPSHOT_TEMPORARY];
        heap->stacks[i].peak_bytes = values[SNAPSHOT_PEAK_BYTES];
        heap->stacks[i].peak_blocks = values[SNAPSHOT_PEAK_BLOCKS];
    }
    heap->has_more_counters = true;
    return cursor_end(loader, &cursor);
}

int stack_load_origins(struct loader *loader)
{
    const struct snapshot_payload *payload = &loader->sections->kinds[SNAPSHOT_ORIGINS];
    struct cursor cursor = cursor_at(loader, SNAPSHOT_ORIGINS);
    struct heap *heap = loader->heap;

    if (!payload->present && !heap->is_merged)
        return 0;
    if (payload->count != heap->stack_count)
        return DAMAGE(loader, SNAPSHOT_ORIGINS, 0, "origins of %zu stacks, there are %zu",
                      payload->count, heap->stack_count);
    for (size_t i = 0; i < payload->count; i++) {
        uint64_t part = 0;
        int result = cursor_next(loader, &cursor, 1, &part);

        if (result != 0)
            return result;
        if (part >= heap->part_count)
            return DAMAGE(loader, SNAPSHOT_ORIGINS, cursor_offset(&cursor),
                          "stack %zu is of part %" PRIu64 " of %zu", i, part, heap->part_count);
        heap->stacks[i].part = (uint32_t)part;
    }
    return cursor_end(loader, &cursor);
}

int stack_load_owners(struct loader *loader)
{
    const struct snapshot_payload *payload = &loader->sections->kinds[SNAPSHOT_OWNERS];
    size_t thread_count = loader->sections->kinds[SNAPSHOT_THREADS].count;
    struct cursor cursor = cursor_at(loader, SNAPSHOT_OWNERS);
    struct heap *heap = loader->heap;

    if (!payload->present)
        return 0;
    if (payload->count != heap->stack_count)
        return DAMAGE(loader, SNAPSHOT_OWNERS, 0, "owners of %zu stacks, there are %zu",
                      payload->count, heap->stack_count);
    for (size_t i = 0; i < payload->count; i++) {
        uint64_t values[2];
        int result = cursor_next(loader, &cursor, 2, values);

        if (result != 0)
            return result;
        if (values[0] > UINT32_MAX || values[1] > thread_count)
            return DAMAGE(loader, SNAPSHOT_OWNERS, cursor_offset(&cursor),
                          "stack %zu is of domain %" PRIu64 ", thread %" PRIu64 " of %zu", i,
                          values[0], values[1], thread_count);
        heap->stacks[i].domain = (uint32_t)values[0];
        heap->stacks[i].thread = (uint32_t)values[1];
    }
    return cursor_end(loader, &cursor);
}
