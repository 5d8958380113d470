#include "model/heap.h"

#include "format/snapshot.h"
#include "format/varint.h"
#include "model/block_sort.h"
#include "model/estimate.h"
#include "model/graph_load.h"
#include "model/loader.h"
#include "model/progress.h"
#include "model/snapshot_read.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static int load_strings(struct loader *loader)
{
    const struct snapshot_payload *payload = &loader->sections->kinds[SNAPSHOT_STRINGS];
    struct owned_heap *owned = loader->owned;
    int result;

    if (payload->size == 0 || payload->data[0] != 0)
        return DAMAGE(loader, SNAPSHOT_STRINGS, 0, "it does not begin with the empty string");
    if (payload->data[payload->size - 1] != 0)
        return DAMAGE(loader, SNAPSHOT_STRINGS, payload->size - 1, "its last string does not end");
    result = loader_allocate(loader, payload->size, 1, &owned->strings);
    if (result != 0)
        return result;
    memcpy(owned->strings, payload->data, payload->size);
    owned->strings_size = payload->size;
    return 0;
}

/* Find the strings that PROCESS, which lies AT bytes into the section KIND, names. */
static int find_process_strings(const struct loader *loader, enum snapshot_kind kind, size_t at,
                                const struct snapshot_process *process, struct heap_part *out_part)
{
    int result;

    out_part->process = process;
    result = loader_string(loader, kind, at + offsetof(struct snapshot_process, program),
                         process->program, &out_part->program);
    if (result == 0)
        result = loader_string(loader, kind, at + offsetof(struct snapshot_process, command),
                             process->command, &out_part->command);
    if (result == 0)
        result = loader_string(loader, kind, at + offsetof(struct snapshot_process, label),
                             process->label, &out_part->label);
    return result;
}

static int load_process(struct loader *loader)
{
    const struct snapshot_payload *payload = &loader->sections->kinds[SNAPSHOT_PROCESS];
    struct snapshot_process *process = &loader->owned->process;
    struct heap *heap = loader->heap;
    struct heap_part part = {0};
    int result;

    if (payload->count != 1)
        return DAMAGE(loader, SNAPSHOT_PROCESS, 0, "%zu processes, not one", payload->count);
    memcpy(process, payload->data, sizeof(*process));
    heap->process = process;
    heap->has_blocks = !(process->flags & SNAPSHOT_COUNTERS_ONLY);
    result = find_process_strings(loader, SNAPSHOT_PROCESS, 0, process, &part);
    if (result != 0)
        return result;
    heap->program = part.program;
    heap->command = part.command;
    heap->label = part.label;
    return 0;
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

/* Find out what each program was called as; without a word about it, as its file. */
static int load_names(struct loader *loader)
{
    const struct snapshot_payload *payload = &loader->sections->kinds[SNAPSHOT_NAMES];
    struct heap *heap = loader->heap;
    size_t expected = 1 + (heap->is_merged ? heap->part_count : 0);

    if (payload->present && payload->count != expected)
        return DAMAGE(loader, SNAPSHOT_NAMES, 0, "%zu names of %zu processes", payload->count,
                      expected);
    for (size_t i = 0; i < expected; i++) {
        const char *called = base_name(i ? heap->parts[i - 1].program : heap->program);
        struct snapshot_name name = {0};
        int result = 0;

        if (payload->present) {
            memcpy(&name, payload->data + i * sizeof(name), sizeof(name));
            result = loader_string(loader, SNAPSHOT_NAMES, i * sizeof(name), name.called, &called);
        }
        if (result != 0)
            return result;
        if (i)
            heap->parts[i - 1].called = called;
        else
            heap->called = called;
    }
    if (!heap->is_merged)
        heap->parts[0].called = heap->called;
    return 0;
}

static int load_parts(struct loader *loader)
{
    const struct snapshot_payload *payload = &loader->sections->kinds[SNAPSHOT_PARTS];
    struct owned_heap *owned = loader->owned;
    struct heap *heap = loader->heap;
    int result = loader_allocate(loader, payload->count, sizeof(*heap->parts), &heap->parts);

    if (result == 0)
        result = loader_allocate(loader, payload->count, sizeof(*owned->part_processes),
                          &owned->part_processes);
    for (size_t i = 0; result == 0 && i < payload->count; i++) {
        size_t at = i * sizeof(*owned->part_processes);

        memcpy(&owned->part_processes[i], payload->data + at, sizeof(*owned->part_processes));
        result = find_process_strings(loader, SNAPSHOT_PARTS, at, &owned->part_processes[i],
                                      &heap->parts[i]);
    }
    if (result != 0)
        return result;
    heap->is_merged = payload->count > 0;
    heap->part_count = payload->count;
    if (!heap->is_merged)
        heap->parts[heap->part_count++] =
            (struct heap_part){heap->process, heap->program, heap->command, heap->label, NULL};
    return 0;
}

static int load_account(struct loader *loader)
{
    const struct snapshot_payload *payload = &loader->sections->kinds[SNAPSHOT_ACCOUNT];

    if (payload->count != 1)
        return DAMAGE(loader, SNAPSHOT_ACCOUNT, 0, "%zu accounts, not one", payload->count);
    memcpy(&loader->owned->account, payload->data, sizeof(loader->owned->account));
    loader->heap->account = &loader->owned->account;
    return 0;
}

/* Kinds that are not known here, of a later version, are passed over. */
static int load_memory(struct loader *loader)
{
    const struct snapshot_payload *payload = &loader->sections->kinds[SNAPSHOT_MEMORY];
    struct snapshot_memory *memory = loader->owned->memory;
    struct snapshot_memory record;

    for (size_t i = 0; i < payload->count; i++) {
        const size_t at = i * sizeof(record);

        memcpy(&record, payload->data + at, sizeof(record));
        if (record.kind == 0)
            return DAMAGE(loader, SNAPSHOT_MEMORY, at, "memory of kind 0");
        if (record.kind >= SNAPSHOT_MEMORY_KINDS)
            continue;
        if (memory[record.kind].kind)
            return DAMAGE(loader, SNAPSHOT_MEMORY, at, "memory of kind %u twice", record.kind);
        memory[record.kind] = record;
    }
    loader->heap->memory = payload->count > 0 ? memory : NULL;
    return 0;
}

static int load_sampling(struct loader *loader)
{
    const struct snapshot_payload *payload = &loader->sections->kinds[SNAPSHOT_SAMPLING];
    struct snapshot_sampling *sampling = &loader->owned->sampling;

    if (!payload->present)
        return 0;
    if (payload->count != 1)
        return DAMAGE(loader, SNAPSHOT_SAMPLING, 0, "%zu of them, not one", payload->count);
    memcpy(sampling, payload->data, sizeof(*sampling));
    loader->heap->sampling = sampling;
    return 0;
}

static int load_segments(struct loader *loader)
{
    const struct snapshot_payload *payload = &loader->sections->kinds[SNAPSHOT_SEGMENTS];
    struct owned_heap *owned = loader->owned;
    int result = loader_allocate(loader, payload->count, sizeof(*owned->segments), &owned->segments);

    if (result == 0 && payload->size > 0)
        memcpy(owned->segments, payload->data, payload->size);
    return result;
}

static int load_modules(struct loader *loader)
{
    const struct snapshot_payload *payload = &loader->sections->kinds[SNAPSHOT_MODULES];
    size_t segment_count = loader->sections->kinds[SNAPSHOT_SEGMENTS].count;
    struct heap *heap = loader->heap;
    struct snapshot_module record;
    uint64_t segments = 0;
    int result = loader_allocate(loader, payload->count, sizeof(*heap->modules), &heap->modules);

    if (result == 0)
        result =
            loader_allocate(loader, payload->count, sizeof(record.build_id), &loader->owned->build_ids);
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

static int load_frames(struct loader *loader)
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

static int load_stacks(struct loader *loader)
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

static int load_counters(struct loader *loader)
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

static int load_more_counters(struct loader *loader)
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
        int result = cursor_next(loader, &cursor,
                                 SNAPSHOT_ALL_COUNTERS - SNAPSHOT_COUNTERS_PER_STACK,
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

static int load_origins(struct loader *loader)
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

static int load_owners(struct loader *loader)
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

/* Without blocks, what is alive is what was allocated and not freed. */
static int count_live(const struct loader *loader)
{
    const struct snapshot_account *account = loader->heap->account;
    struct heap *heap = loader->heap;
    uint64_t bytes = 0, blocks = 0;

    for (size_t i = 0; i < 2; i++) {
        enum snapshot_kind kind = i ? SNAPSHOT_TRACKED : SNAPSHOT_BLOCKS;

        if (loader->sections->kinds[kind].present)
            return DAMAGE(loader, kind, 0, "the process says that there are no blocks");
    }
    for (size_t i = 0; i < heap->stack_count; i++) {
        struct heap_stack *stack = &heap->stacks[i];

        if (__builtin_sub_overflow(stack->allocations, stack->frees, &stack->live_blocks) ||
            __builtin_sub_overflow(stack->allocated_bytes, stack->freed_bytes, &stack->live_bytes))
            return DAMAGE(loader, SNAPSHOT_COUNTERS, 0, "stack %zu has freed more than it had", i);
        if (__builtin_add_overflow(blocks, stack->live_blocks, &blocks) ||
            __builtin_add_overflow(bytes, stack->live_bytes, &bytes))
            return DAMAGE(loader, SNAPSHOT_COUNTERS, 0, "stack %zu holds impossibly much", i);
        stack->live_variance = estimate_variance_at_most(heap, stack->live_bytes);
    }
    if (blocks != account->live_blocks || bytes != account->live_bytes)
        return DAMAGE(loader, SNAPSHOT_COUNTERS, 0,
                      "%" PRIu64 " blocks of %" PRIu64 " bytes are alive, the account has %" PRIu64
                      " of %" PRIu64,
                      blocks, bytes, account->live_blocks, account->live_bytes);
    return 0;
}

/* Check that no address is there twice and, with the tracked blocks, that they are what the
 * account says. */
static int check_blocks(const struct loader *loader)
{
    const struct heap *heap = loader->heap;
    uint64_t bytes = 0, count = 0;

    for (size_t i = 0; i < heap->stack_count; i++)
        count += heap->stacks[i].live_blocks; /* at most 2^32 blocks of weights up to 2^32 */
    if (count != heap->account->live_blocks)
        return DAMAGE(loader, SNAPSHOT_BLOCKS, 0,
                      "%" PRIu64 " blocks, the account has %" PRIu64, count,
                      heap->account->live_blocks);
    for (size_t i = 0; i < heap->stack_count; i++) {
        if (__builtin_add_overflow(bytes, heap->stacks[i].live_bytes, &bytes))
            return DAMAGE(loader, SNAPSHOT_BLOCKS, 0, "the blocks are impossibly large");
    }
    if (bytes != heap->account->live_bytes)
        return DAMAGE(loader, SNAPSHOT_BLOCKS, 0,
                      "blocks of %" PRIu64 " bytes, the account has %" PRIu64, bytes,
                      heap->account->live_bytes);
    for (size_t i = 1; i < heap->block_count; i++) {
        if (heap->blocks[i].address == heap->blocks[i - 1].address)
            return DAMAGE(loader, SNAPSHOT_BLOCKS, 0, "two blocks at address %#" PRIx64,
                          heap->blocks[i].address);
    }
    return 0;
}

/* Read how many the next block stands for. */
static int read_weight(struct loader *loader, struct cursor *cursor, uint64_t *out_weight)
{
    int result = cursor_next(loader, cursor, 1, out_weight);

    if (result == 0 && (*out_weight == 0 || *out_weight > UINT32_MAX))
        return DAMAGE(loader, SNAPSHOT_WEIGHTS, cursor_offset(cursor),
                      "a block stands for %" PRIu64, *out_weight);
    return result;
}

/* Read the blocks in the section KIND into an array for OUT_BLOCKS. Unless it is NULL, WEIGHTS is
 * where the weights are read, into an array for OUT_WEIGHTS. */
static int read_blocks(struct loader *loader, enum snapshot_kind kind, struct cursor *weights,
                       struct heap_block **out_blocks, uint32_t **out_weights)
{
    size_t count = loader->sections->kinds[kind].count;
    struct cursor cursor = cursor_at(loader, kind);
    struct heap *heap = loader->heap;
    uint64_t address = 0;
    int result = loader_allocate(loader, count, sizeof(**out_blocks), out_blocks);

    if (result == 0 && weights)
        result = loader_allocate(loader, count, sizeof(**out_weights), out_weights);
    for (size_t i = 0; result == 0 && i < count; i++) {
        uint64_t values[4], weight = 1, bytes;
        struct heap_stack *stack;

        progress_to(loader->progress, i);
        result = cursor_next(loader, &cursor, 4, values);
        if (result != 0)
            return result;
        if (values[2] >= heap->stack_count)
            return DAMAGE(loader, kind, cursor_offset(&cursor),
                          "block %zu has stack %" PRIu64 " of %zu", i, values[2],
                          heap->stack_count);
        stack = &heap->stacks[values[2]];
        if ((stack->domain == 0) != (kind == SNAPSHOT_BLOCKS))
            return DAMAGE(loader, kind, cursor_offset(&cursor),
                          "block %zu has a stack of domain %" PRIu32, i, stack->domain);
        if (values[3] == 0 || values[3] > heap->process->epoch)
            return DAMAGE(loader, kind, cursor_offset(&cursor),
                          "block %zu has epoch %" PRIu64 " of %" PRIu32, i, values[3],
                          heap->process->epoch);
        if (weights) {
            result = read_weight(loader, weights, &weight);
            if (result != 0)
                return result;
            (*out_weights)[i] = (uint32_t)weight;
            stack->live_variance += estimate_variance(values[1], weight);
        }
        if (__builtin_mul_overflow(values[1], weight, &bytes) ||
            __builtin_add_overflow(stack->live_bytes, bytes, &stack->live_bytes))
            return DAMAGE(loader, kind, cursor_offset(&cursor),
                          "block %zu is impossibly large: %" PRIu64 " bytes", i, values[1]);
        stack->live_blocks += weight;
        address = varint_undelta(values[0], address);
        (*out_blocks)[i] = (struct heap_block){
            .address = address,
            .size = values[1],
            .stack = (uint32_t)values[2],
            .epoch = (uint32_t)values[3],
        };
    }
    return result != 0 ? result : cursor_end(loader, &cursor);
}

struct weighted {
    struct heap_block block; /* first, so that what compares blocks compares these */
    uint32_t weight;
};

/* Sort COUNT blocks with their WEIGHTS. */
static int sort_weighted(struct loader *loader, struct heap_block *blocks, uint32_t *weights,
                         size_t count, int (*compare)(const void *, const void *, void *))
{
    struct weighted *both;
    int result = loader_allocate(loader, count, sizeof(*both), &both);

    if (result != 0)
        return result;
    for (size_t i = 0; i < count; i++)
        both[i] = (struct weighted){blocks[i], weights[i]};
    qsort_r(both, count, sizeof(*both), compare, loader->heap->stacks);
    for (size_t i = 0; i < count; i++) {
        blocks[i] = both[i].block;
        weights[i] = both[i].weight;
    }
    free(both);
    return 0;
}

static int compare_addresses(const void *a, const void *b, void *unused)
{
    const struct heap_block *left = a, *right = b;

    (void)unused;
    return (left->address > right->address) - (left->address < right->address);
}

static int load_blocks(struct loader *loader)
{
    const struct snapshot_payload *payload = &loader->sections->kinds[SNAPSHOT_WEIGHTS];
    struct heap *heap = loader->heap;
    bool weighted = heap->sampling && heap->sampling->mean && heap->has_blocks;
    struct cursor cursor = cursor_at(loader, SNAPSHOT_WEIGHTS), *weights = weighted ? &cursor : NULL;
    int result;

    if (weighted ? payload->count != loader->sections->kinds[SNAPSHOT_BLOCKS].count +
                                         loader->sections->kinds[SNAPSHOT_TRACKED].count
                 : payload->present)
        return DAMAGE(loader, SNAPSHOT_WEIGHTS, 0, "%zu weights, for which there are no blocks",
                      payload->count);
    if (!heap->has_blocks)
        return count_live(loader);
    result = read_blocks(loader, SNAPSHOT_BLOCKS, weights, &heap->blocks, &heap->weights);
    if (result != 0)
        return result;
    heap->block_count = loader->sections->kinds[SNAPSHOT_BLOCKS].count;
    if (weighted)
        result = sort_weighted(loader, heap->blocks, heap->weights, heap->block_count,
                               compare_addresses);
    else if (!block_sort(heap->blocks, heap->block_count))
        result = loader_no_memory(loader);
    if (result == 0)
        result = read_blocks(loader, SNAPSHOT_TRACKED, weights, &heap->tracked,
                             &heap->tracked_weights);
    if (result == 0 && weighted)
        result = cursor_end(loader, &cursor);
    if (result != 0)
        return result;
    heap->tracked_count = loader->sections->kinds[SNAPSHOT_TRACKED].count;
    return check_blocks(loader);
}

static int compare_tracked(const void *a, const void *b, void *stacks)
{
    const struct heap_block *left = a, *right = b;
    uint32_t left_domain = ((const struct heap_stack *)stacks)[left->stack].domain;
    uint32_t right_domain = ((const struct heap_stack *)stacks)[right->stack].domain;

    if (left_domain != right_domain)
        return left_domain < right_domain ? -1 : 1;
    return (left->address > right->address) - (left->address < right->address);
}

/* Put the tracked blocks in order: by domain, then by address. */
static int sort_tracked(struct loader *loader)
{
    struct heap *heap = loader->heap;

    if (heap->tracked_weights) {
        int result = sort_weighted(loader, heap->tracked, heap->tracked_weights,
                                   heap->tracked_count, compare_tracked);

        if (result != 0)
            return result;
    } else {
        qsort_r(heap->tracked, heap->tracked_count, sizeof(*heap->tracked), compare_tracked,
                heap->stacks);
    }
    for (size_t i = 1; i < heap->tracked_count; i++) {
        if (compare_tracked(&heap->tracked[i - 1], &heap->tracked[i], heap->stacks) == 0)
            return DAMAGE(loader, SNAPSHOT_TRACKED, 0,
                          "two blocks of domain %" PRIu32 " at address %#" PRIx64,
                          heap->stacks[heap->tracked[i].stack].domain, heap->tracked[i].address);
    }
    return 0;
}

static int load_epochs(struct loader *loader)
{
    const struct snapshot_payload *payload = &loader->sections->kinds[SNAPSHOT_EPOCHS];
    struct heap *heap = loader->heap;
    int result = loader_allocate(loader, payload->count, sizeof(*heap->epochs), &heap->epochs);

    for (size_t i = 0; result == 0 && i < payload->count; i++) {
        struct heap_epoch *epoch = &heap->epochs[i];
        struct snapshot_epoch record;

        memcpy(&record, payload->data + i * sizeof(record), sizeof(record));
        epoch->number = record.number;
        epoch->time = record.time;
        if (record.number == 0 || (i > 0 && record.number <= heap->epochs[i - 1].number))
            return DAMAGE(loader, SNAPSHOT_EPOCHS, i * sizeof(record),
                          "epoch %" PRIu32 " is out of order", record.number);
        result =
            loader_string(loader, SNAPSHOT_EPOCHS, i * sizeof(record), record.label, &epoch->label);
    }
    heap->epoch_count = payload->count;
    return result;
}

static int load_threads(struct loader *loader)
{
    const struct snapshot_payload *payload = &loader->sections->kinds[SNAPSHOT_THREADS];
    struct heap *heap = loader->heap;
    int result = loader_allocate(loader, payload->count, sizeof(*heap->threads), &heap->threads);

    for (size_t i = 0; result == 0 && i < payload->count; i++) {
        struct snapshot_thread record;

        memcpy(&record, payload->data + i * sizeof(record), sizeof(record));
        heap->threads[i].tid = record.tid;
        result = loader_string(loader, SNAPSHOT_THREADS, i * sizeof(record), record.name,
                             &heap->threads[i].name);
    }
    heap->thread_count = payload->count;
    return result;
}

static int load_timeline(struct loader *loader)
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
static int load_series(struct loader *loader)
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
        result = loader_allocate(loader, heap->change_count, sizeof(*heap->changes), &heap->changes);
    if (result == 0) {
        memset(held, 0, heap->stack_count * sizeof(*held));
        memset(heap->points, 0, count * sizeof(*heap->points));
        result = read_points(loader, held, heap->changes);
    }
    free(held);
    return result;
}

static int load_progress(struct loader *loader)
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

void heap_series(const struct heap *heap, size_t stack, uint64_t *out_bytes, uint64_t *out_blocks)
{
    const struct heap_change *change = heap->changes + heap->stacks[stack].first_change;
    const struct heap_change *end = change + heap->stacks[stack].change_count;
    uint64_t bytes = 0, blocks = 0;

    for (size_t i = 0; i < heap->point_count; i++) {
        if (change < end && change->point == i) {
            bytes = change->bytes;
            blocks = change->blocks;
            change++;
        }
        out_bytes[i] = bytes;
        out_blocks[i] = blocks;
    }
}

typedef int (*load_step)(struct loader *loader);

/* What of a snapshot takes long to load. */
static uint64_t load_total(const struct snapshot_sections *sections)
{
    return sections->kinds[SNAPSHOT_BLOCKS].count + sections->kinds[SNAPSHOT_ROOT_EDGES].count +
           sections->kinds[SNAPSHOT_EDGES].count;
}

/* Load what the COUNT functions STEPS load of the sections WANTED. */
static int parse(const void *data, size_t size, const char *path, uint32_t wanted,
                 const load_step *steps, size_t count, struct progress *progress,
                 struct heap **out_heap, struct error *error)
{
    struct snapshot_sections sections;
    struct loader loader = {.sections = &sections, .error = error, .progress = progress};
    int result = snapshot_read(data, size, path, wanted, &sections, error);

    if (result != 0)
        return result;
    progress_expect(progress, load_total(&sections));
    loader.owned = calloc(1, sizeof(*loader.owned));
    if (loader.owned)
        loader.owned->path = strdup(path);
    if (!loader.owned || !loader.owned->path) {
        result = loader_no_memory(&loader);
        goto out;
    }
    loader.heap = &loader.owned->heap;
    loader.heap->path = loader.owned->path;
    for (size_t i = 0; result == 0 && i < count; i++)
        result = steps[i](&loader);
    if (result == 0) {
        *out_heap = loader.heap;
        loader.owned = NULL;
    }

out:
    if (loader.owned)
        heap_destroy(&loader.owned->heap);
    snapshot_read_finish(&sections);
    return result;
}

/* In this order: each checks its numbers against those before it. */
static const load_step all_steps[] = {
    load_strings,  load_process,     load_account,     load_parts,  load_names,   load_memory,
    load_segments, load_modules,  load_frames,      load_stacks,      load_counters, load_more_counters,
    load_origins,  load_owners,      load_sampling,    load_blocks,      sort_tracked, load_epochs, load_threads,
    load_timeline, load_series,      load_progress,    graph_load_roots, graph_load_edges,
};

#define STEP_COUNT (sizeof(all_steps) / sizeof(*all_steps))
#define EDGES \
    (1u << SNAPSHOT_ROOT_EDGES | 1u << SNAPSHOT_EDGES | 1u << SNAPSHOT_MODULE_WORDS)

/* Load all of DATA, or all but the edges. */
static int parse_all(const void *data, size_t size, const char *path, bool with_edges,
                     struct progress *progress, struct heap **out_heap, struct error *error)
{
    return parse(data, size, path, with_edges ? SNAPSHOT_READ_ALL : SNAPSHOT_READ_ALL & ~EDGES,
                 all_steps, with_edges ? STEP_COUNT : STEP_COUNT - 1, progress, out_heap, error);
}

static struct progress *begin_loading(const char *path)
{
    const char *slash = strrchr(path, '/');

    return progress_begin(0, "loading %s", slash && slash[1] ? slash + 1 : path);
}

/* The same, as a phase of its own. */
static int parse_alone(const void *data, size_t size, const char *path, bool with_edges,
                       struct heap **out_heap, struct error *error)
{
    struct progress *progress = begin_loading(path);
    int result = parse_all(data, size, path, with_edges, progress, out_heap, error);

    progress_end(progress);
    return result;
}

int heap_parse(const void *data, size_t size, const char *path, struct heap **out_heap,
               struct error *error)
{
    return parse_alone(data, size, path, false, out_heap, error);
}

int heap_parse_with_edges(const void *data, size_t size, const char *path, struct heap **out_heap,
                          struct error *error)
{
    return parse_alone(data, size, path, true, out_heap, error);
}

/* Read up to ROOM bytes from DESCRIPTOR to DATA. Returns how many there were before
 * the end, or -errno. */
static ssize_t read_all(int descriptor, void *data, size_t room)
{
    size_t size = 0;

    while (size < room) {
        ssize_t got = read(descriptor, (char *)data + size, room - size);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -errno;
        if (got == 0)
            break;
        size += (size_t)got;
    }
    return (ssize_t)size;
}

/* Read the file at DESCRIPTOR to its end. It is not mapped: if someone shortened it
 * under our eyes, that would end us. OUT_DATA is to be freed. */
static int read_file(int descriptor, const char *path, void **out_data, size_t *out_size,
                     struct error *error)
{
    struct snapshot_header header;
    struct stat status;
    char *data = NULL;
    size_t capacity, size;
    ssize_t got;
    int result;

    if (fstat(descriptor, &status) != 0)
        return error_set(error, -errno, "%s: %s", path, strerror(errno));
    if (S_ISDIR(status.st_mode))
        return error_set(error, -EISDIR, "%s: not a snapshot: it is a directory", path);

    /* No memory for a file that is something else, however large. */
    got = read_all(descriptor, &header, sizeof(header));
    if (got < 0)
        return error_set(error, (int)got, "%s: %s", path, strerror((int)-got));
    result = snapshot_read_header(&header, (size_t)got, path, error);
    if (result != 0)
        return result;

    capacity = sizeof(header) + (status.st_size > 0 ? (size_t)status.st_size : 1 << 20);
    size = (size_t)got;
    for (;;) {
        char *larger = realloc(data, capacity);

        if (!larger) {
            free(data);
            return error_set(error, -ENOMEM, "%s: not enough memory to read %zu bytes", path,
                             capacity);
        }
        if (!data)
            memcpy(larger, &header, sizeof(header));
        data = larger;
        got = read_all(descriptor, data + size, capacity - size);
        if (got < 0) {
            free(data);
            return error_set(error, (int)got, "%s: %s at byte %zu", path, strerror((int)-got),
                             size);
        }
        size += (size_t)got;
        if (size < capacity)
            break;
        capacity *= 2;
    }
    *out_data = data;
    *out_size = size;
    return 0;
}

static int load(const char *path, bool with_edges, struct heap **out_heap, struct error *error)
{
    struct progress *progress = begin_loading(path);
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    void *data = NULL;
    size_t size = 0;
    int result;

    if (descriptor < 0) {
        result = error_set(error, -errno, "%s: %s", path, strerror(errno));
    } else {
        result = read_file(descriptor, path, &data, &size, error);
        close(descriptor);
    }
    if (result == 0)
        result = parse_all(data, size, path, with_edges, progress, out_heap, error);
    free(data);
    progress_end(progress);
    return result;
}

int heap_load(const char *path, struct heap **out_heap, struct error *error)
{
    return load(path, false, out_heap, error);
}

int heap_load_with_edges(const char *path, struct heap **out_heap, struct error *error)
{
    return load(path, true, out_heap, error);
}

int heap_peek(const char *path, struct heap **out_heap, struct error *error)
{
    static const load_step steps[] = {load_strings, load_process, load_account,
                                      load_epochs,  load_parts,   load_names,
                                      load_sampling};
    const uint32_t wanted = 1u << SNAPSHOT_STRINGS | 1u << SNAPSHOT_PROCESS |
                            1u << SNAPSHOT_ACCOUNT | 1u << SNAPSHOT_EPOCHS |
                            1u << SNAPSHOT_PARTS | 1u << SNAPSHOT_NAMES |
                            1u << SNAPSHOT_SAMPLING;
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    struct stat status;
    void *data = NULL;
    int result;

    if (descriptor < 0 || fstat(descriptor, &status) < 0) {
        result = error_set(error, -errno, "%s: %s", path, strerror(errno));
    } else if (!S_ISREG(status.st_mode) || status.st_size == 0) {
        result = error_set(error, -EBADMSG, "%s: not a snapshot: it is %s", path,
                           S_ISREG(status.st_mode) ? "empty" : "no file");
    } else {
        /* Of a large file only a few pages are touched. */
        data = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, descriptor, 0);
        if (data == MAP_FAILED) {
            data = NULL;
            result = error_set(error, -errno, "%s: %s", path, strerror(errno));
        } else {
            struct progress *progress = begin_loading(path);

            result = parse(data, (size_t)status.st_size, path, wanted, steps,
                           sizeof(steps) / sizeof(*steps), progress, out_heap, error);
            progress_end(progress);
        }
    }
    if (data)
        munmap(data, (size_t)status.st_size);
    if (descriptor >= 0)
        close(descriptor);
    return result;
}

bool heap_same_run(const struct heap *a, const struct heap *b)
{
    return memcmp(a->process->run, b->process->run, sizeof(a->process->run)) == 0;
}

/* When the first epoch began. */
static uint64_t beginning(const struct heap *heap)
{
    return heap->epoch_count > 0 ? heap->epochs[0].time : 0;
}

bool heap_same_tracing(const struct heap *a, const struct heap *b)
{
    return heap_same_run(a, b) && beginning(a) == beginning(b);
}

uint64_t heap_traced_for(const struct heap *heap)
{
    uint64_t elapsed = heap->process->elapsed, since = beginning(heap);

    return elapsed > since ? elapsed - since : 0;
}

uint32_t heap_find_epoch(const struct heap *heap, const char *mark)
{
    char *end;
    unsigned long number;

    for (size_t i = heap->epoch_count; *mark && i > 0; i--) {
        if (strcmp(heap->epochs[i - 1].label, mark) == 0)
            return heap->epochs[i - 1].number;
    }
    number = strtoul(mark, &end, 10);
    if (*mark < '0' || *mark > '9' || *end || number > heap->process->epoch)
        return 0;
    return (uint32_t)number;
}

void heap_destroy(struct heap *heap)
{
    struct owned_heap *owned = (struct owned_heap *)heap;

    if (!heap)
        return;
    free(heap->modules);
    free(heap->frames);
    free(heap->stacks);
    free(heap->blocks);
    free(heap->tracked);
    free(heap->weights);
    free(heap->tracked_weights);
    free(heap->epochs);
    free(heap->threads);
    free(heap->timeline);
    free(heap->points);
    free(heap->changes);
    free(heap->parts);
    free(heap->roots);
    free(heap->root_frames);
    free(heap->edges.first);
    free(heap->edges.target);
    free(heap->edges.offset);
    free(heap->edges.inside);
    free(heap->edges.wide);
    free(heap->module_words);
    free(owned->part_processes);
    free(owned->segments);
    free(owned->build_ids);
    free(owned->strings);
    free(owned->path);
    free(owned);
}
