#include "model/merge.h"

#include "format/snapshot.h"
#include "model/estimate.h"
#include "model/merge_frames.h"
#include "model/merge_modules.h"
#include "model/merge_tables.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ADDRESS_BITS 48 /* what a process has for its blocks */

/* A heap on its way into a merge. */
struct addition {
    struct merge *merge;
    const struct heap *heap;
    struct error *error;
    uint32_t first_part;
    uint32_t *modules; /* number in the merge of each module, from 1, as frames name it */
    uint32_t *frames;  /* … of each frame; 0: not needed, or the root */
    uint32_t *stacks;  /* … of each stack; not set where it was left out */
};

struct merge *merge_create(enum merge_detail detail)
{
    struct merge *merge = calloc(1, sizeof(*merge));

    if (!merge)
        return NULL;
    merge->detail = detail;
    merge->has_blocks = detail == MERGE_ALL;
    merge->has_more_counters = detail != MERGE_LIVE;
    merge->has_usable = true;
    merge->next_module = MERGE_MODULES_MOVED;
    if (!snapshot_bytes_add(&merge->strings, "", 1)) {
        free(merge);
        return NULL;
    }
    return merge;
}

void merge_destroy(struct merge *merge)
{
    if (!merge)
        return;
    merge_tables_finish(merge);
    free(merge);
}

/* Note that the part added last was CALLED so; the first one's name is that of all. */
static int add_name(struct addition *addition, const char *called)
{
    struct merge_array *names = &addition->merge->names;
    struct snapshot_name name, *to;
    int result = merge_text(addition->merge, called, &name.called, addition->error);

    if (result != 0)
        return result;
    do {
        to = merge_array_add(names, sizeof(*to));
        if (!to)
            return merge_no_memory(addition->error);
        *to = name;
    } while (names->count == 1);
    return 0;
}

static int add_parts(struct addition *addition)
{
    struct merge *merge = addition->merge;

    addition->first_part = (uint32_t)merge->parts.count;
    for (size_t i = 0; i < addition->heap->part_count; i++) {
        const struct heap_part *from = &addition->heap->parts[i];
        const struct snapshot_process *others = merge->parts.data;
        struct snapshot_process record = *from->process, *to;
        int result = merge_text(merge, from->program, &record.program, addition->error);

        if (result == 0)
            result = merge_text(merge, from->command, &record.command, addition->error);
        if (result == 0)
            result = merge_text(merge, from->label, &record.label, addition->error);
        if (result != 0)
            return result;
        for (size_t j = 0; j < merge->parts.count; j++) {
            if (memcmp(others[j].run, record.run, sizeof(record.run)) == 0)
                return error_set(addition->error, -EEXIST,
                                 "%s: process %u is in the merge already: what it held both "
                                 "times would count twice",
                                 addition->heap->path, record.pid);
        }
        to = merge_array_add(&merge->parts, sizeof(*to));
        if (!to)
            return merge_no_memory(addition->error);
        *to = record;
        result = add_name(addition, from->called);
        if (result != 0)
            return result;
    }
    return 0;
}

/* Is STACK left out for the sake of brevity? Where counters alone say what is alive, a
 * file may claim bytes without a block; the account has them, so they stay. */
static bool is_spared(const struct merge *merge, const struct heap_stack *stack)
{
    return merge->detail == MERGE_LIVE && stack->live_blocks == 0 && stack->live_bytes == 0;
}

/* Add all frames of the stacks that are not spared. */
static int add_frames(struct addition *addition)
{
    const struct heap *heap = addition->heap;
    struct merge *merge = addition->merge;

    for (size_t i = 0; i < heap->stack_count; i++) {
        uint32_t frame = heap->stacks[i].frame;

        if (is_spared(merge, &heap->stacks[i]))
            continue;
        for (; frame && !addition->frames[frame]; frame = heap->frames[frame].parent)
            addition->frames[frame] = 1; /* needed */
    }
    /* A caller has a lower number, so it is there before those it calls. */
    for (size_t i = 1; i < heap->frame_count; i++) {
        const struct heap_frame *from = &heap->frames[i];
        struct merge_frame frame = {.address = from->address};

        if (!addition->frames[i])
            continue;
        frame.parent = addition->frames[from->parent];
        if (from->module) {
            const struct snapshot_module *modules = merge->modules.data;

            frame.module = addition->modules[from->module - 1];
            frame.address += modules[frame.module - 1].bias - heap->modules[from->module - 1].bias;
        }
        addition->frames[i] = merge_frames_add(merge, &frame);
        if (!addition->frames[i])
            return merge_no_memory(addition->error);
    }
    return 0;
}

static int add_stacks(struct addition *addition)
{
    const struct heap *heap = addition->heap;
    struct merge *merge = addition->merge;

    if (merge->stacks.count + heap->stack_count >= UINT32_MAX)
        return error_set(addition->error, -ERANGE, "the snapshots have too many stacks");
    for (size_t i = 0; i < heap->stack_count; i++) {
        const struct heap_stack *from = &heap->stacks[i];
        struct merge_stack *to;

        if (is_spared(merge, from))
            continue;
        to = merge_array_add(&merge->stacks, sizeof(*to));
        if (!to)
            return merge_no_memory(addition->error);
        *to = (struct merge_stack){
            .frame = addition->frames[from->frame],
            .flags = from->flags,
            .part = addition->first_part + from->part,
            .domain = from->domain,
            .thread = from->thread ? (uint32_t)merge->threads.count + from->thread : 0,
            .live_blocks = from->live_blocks,
            .live_bytes = from->live_bytes,
            .counters =
                {
                    [SNAPSHOT_ALLOCATIONS] = from->allocations,
                    [SNAPSHOT_ALLOCATED_BYTES] = from->allocated_bytes,
                    [SNAPSHOT_FREES] = from->frees,
                    [SNAPSHOT_FREED_BYTES] = from->freed_bytes,
                    [SNAPSHOT_REALLOCATIONS] = from->reallocations,
                    [SNAPSHOT_TEMPORARY] = from->temporary,
                    [SNAPSHOT_PEAK_BYTES] = from->peak_bytes,
                    [SNAPSHOT_PEAK_BLOCKS] = from->peak_blocks,
                },
        };
        if (from->domain || from->thread)
            merge->has_owners = true;
        addition->stacks[i] = (uint32_t)merge->stacks.count - 1;
    }
    return 0;
}

/* Add the COUNT blocks at BLOCKS, moved by the base, to ARRAY. */
static int move_blocks(struct addition *addition, const struct heap_block *blocks, size_t count,
                       struct merge_array *array)
{
    for (size_t i = 0; i < count; i++) {
        const struct heap_block *from = &blocks[i];
        struct merge_block *to = merge_array_add(array, sizeof(*to));

        if (!to)
            return merge_no_memory(addition->error);
        *to = (struct merge_block){addition->merge->blocks_base + from->address, from->size,
                                   addition->stacks[from->stack],
                                   estimate_weight(addition->heap, from)};
    }
    return 0;
}

/* The highest address of a block in HEAP; 0 if it has none. */
static uint64_t highest_block(const struct heap *heap)
{
    uint64_t highest = heap->block_count ? heap->blocks[heap->block_count - 1].address : 0;

    for (size_t i = 0; i < heap->tracked_count; i++) {
        if (heap->tracked[i].address > highest)
            highest = heap->tracked[i].address;
    }
    return highest;
}

/* Add the blocks of the heap above those that are there. */
static int add_blocks(struct addition *addition)
{
    const struct heap *heap = addition->heap;
    struct merge *merge = addition->merge;
    uint64_t highest;
    int result;

    if (!heap->has_blocks)
        merge->has_blocks = false;
    if (!heap->has_more_counters)
        merge->has_more_counters = false;
    if (!merge->has_blocks || heap->block_count + heap->tracked_count == 0)
        return 0;
    highest = highest_block(heap);
    if (__builtin_add_overflow(highest, merge->blocks_base, &highest))
        return error_set(addition->error, -ERANGE,
                         "%s: no addresses are left for its blocks; merge fewer snapshots",
                         heap->path);
    result = move_blocks(addition, heap->blocks, heap->block_count, &merge->blocks);
    if (result == 0)
        result = move_blocks(addition, heap->tracked, heap->tracked_count, &merge->tracked);
    if (result != 0)
        return result;
    merge->blocks_base = highest >> ADDRESS_BITS == UINT64_MAX >> ADDRESS_BITS
                             ? UINT64_MAX
                             : ((highest >> ADDRESS_BITS) + 1) << ADDRESS_BITS;
    return 0;
}

static int add_threads(struct addition *addition)
{
    for (size_t i = 0; i < addition->heap->thread_count; i++) {
        const struct heap_thread *from = &addition->heap->threads[i];
        struct snapshot_thread *to =
            merge_array_add(&addition->merge->threads, sizeof(struct snapshot_thread));
        int result;

        if (!to)
            return merge_no_memory(addition->error);
        to->tid = from->tid;
        result = merge_text(addition->merge, from->name, &to->name, addition->error);
        if (result != 0)
            return result;
    }
    return 0;
}

static uint64_t saturated_sum(uint64_t a, uint64_t b)
{
    uint64_t sum;

    return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

static int add_account(struct addition *addition)
{
    const struct snapshot_account *from = addition->heap->account;
    struct snapshot_account *to = &addition->merge->account;
    /* All its fields are numbers of 64 bits. */
    uint64_t values[sizeof(*to) / sizeof(uint64_t)], more[sizeof(*to) / sizeof(uint64_t)];

    if (from->live_bytes > UINT64_MAX - to->live_bytes ||
        from->live_blocks > UINT64_MAX - to->live_blocks)
        return error_set(addition->error, -ERANGE, "%s: the sums do not fit in 64 bits",
                         addition->heap->path);
    memcpy(values, to, sizeof(values));
    memcpy(more, from, sizeof(more));
    for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++)
        values[i] = saturated_sum(values[i], more[i]);
    memcpy(to, values, sizeof(values));
    if (!(addition->heap->process->flags & SNAPSHOT_HAS_USABLE))
        addition->merge->has_usable = false;
    return 0;
}

/* The whole is as exact as the part that is least so, and has blocks of any size that a part has
 * them of. */
static int add_sampling(struct addition *addition)
{
    static const struct snapshot_sampling none = {.max = UINT64_MAX};
    const struct snapshot_sampling *from =
        addition->heap->sampling ? addition->heap->sampling : &none;
    struct merge *merge = addition->merge;
    struct snapshot_sampling *to = &merge->sampling;

    if (addition->first_part == 0)
        *to = *from;
    to->mean = from->mean > to->mean ? from->mean : to->mean;
    to->min = from->min < to->min ? from->min : to->min;
    to->max = from->max > to->max ? from->max : to->max;
    merge->is_sampled |= addition->heap->sampling != NULL;
    return 0;
}

int merge_add(struct merge *merge, const struct heap *heap, struct error *error)
{
    struct addition addition = {
        .merge = merge,
        .heap = heap,
        .error = error,
        .modules = calloc(heap->module_count + 1, sizeof(uint32_t)),
        .frames = calloc(heap->frame_count + 1, sizeof(uint32_t)),
        .stacks = calloc(heap->stack_count + 1, sizeof(uint32_t)),
    };
    static int (*const steps[])(struct addition *) = {
        add_frames, add_stacks, add_blocks, add_threads, add_account, add_sampling,
    };
    int result = 0;

    if (!addition.modules || !addition.frames || !addition.stacks)
        result = merge_no_memory(error);
    else
        result = add_parts(&addition);
    for (size_t i = 0; result == 0 && i < heap->module_count; i++)
        result = merge_module(merge, heap, i, &addition.modules[i], error);
    for (size_t i = 0; result == 0 && i < sizeof(steps) / sizeof(*steps); i++)
        result = steps[i](&addition);
    free(addition.modules);
    free(addition.frames);
    free(addition.stacks);
    return result;
}
