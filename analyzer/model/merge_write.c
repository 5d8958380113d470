/* merge_finish(): a merge becomes the bytes of a snapshot. */
#include "model/merge.h"

#include "model/merge_tables.h"

#include <stdlib.h>
#include <string.h>

/* The process record of the whole: the first part's, over the time of all. */
static int describe_whole(struct merge *merge, struct snapshot_process *out_process,
                          struct error *error)
{
    const struct snapshot_process *parts = merge->parts.data;
    struct snapshot_process whole = parts[0];
    int result = merge_text(merge, "merged", &whole.label, error);

    if (result != 0)
        return result;
    for (size_t i = 1; i < merge->parts.count; i++) {
        if (parts[i].start_time < whole.start_time)
            whole.start_time = parts[i].start_time;
        if (parts[i].time > whole.time)
            whole.time = parts[i].time;
        /* Another run, told apart from all others, and the same each time. */
        for (size_t j = 0; j < 2; j++)
            whole.run[j] = (whole.run[j] ^ parts[i].run[j]) * 0x9e3779b97f4a7c15u + 1;
    }
    if (merge->parts.count > 1)
        whole.elapsed = whole.time > whole.start_time ? whole.time - whole.start_time : 0;
    whole.sequence = 1;
    whole.epoch = 1;
    whole.trigger = SNAPSHOT_BY_MERGE;
    whole.flags &= ~(uint32_t)(SNAPSHOT_HAS_USABLE | SNAPSHOT_COUNTERS_ONLY);
    if (merge->has_usable)
        whole.flags |= SNAPSHOT_HAS_USABLE;
    if (!merge->has_blocks)
        whole.flags |= SNAPSHOT_COUNTERS_ONLY;
    *out_process = whole;
    return 0;
}

/* Make frees say what LIVE of ALLOCATED is left. */
static void settle(uint64_t live, uint64_t *allocated, uint64_t *freed)
{
    if (*allocated < live)
        *allocated = live;
    *freed = *allocated - live;
}

/* The counters of STACK for the file. Where there are no blocks these alone say what is
 * alive, which they did not need to where there were. */
static void make_counters(const struct merge *merge, struct merge_stack *stack)
{
    uint64_t *counters = stack->counters;

    if (merge->detail == MERGE_LIVE)
        memset(counters, 0, sizeof(stack->counters));
    if (merge->has_blocks)
        return;
    settle(stack->live_blocks, &counters[SNAPSHOT_ALLOCATIONS], &counters[SNAPSHOT_FREES]);
    settle(stack->live_bytes, &counters[SNAPSHOT_ALLOCATED_BYTES], &counters[SNAPSHOT_FREED_BYTES]);
}

/* Add the section KIND of the blocks in ARRAY to BUILD. VALUES has room for them. */
static void build_blocks(const struct merge_array *array, uint32_t kind, uint64_t *values,
                         struct snapshot_build *build)
{
    const struct merge_block *blocks = array->data;

    for (size_t i = 0; i < array->count; i++) {
        values[4 * i] = blocks[i].address;
        values[4 * i + 1] = blocks[i].size;
        values[4 * i + 2] = blocks[i].stack;
        values[4 * i + 3] = 1;
    }
    snapshot_build_varints(build, kind, values, 4, 0, array->count);
}

/* Add how many each block stands for. VALUES has room for all. */
static void build_weights(const struct merge *merge, uint64_t *values, struct snapshot_build *build)
{
    const struct merge_array *arrays[] = {&merge->blocks, &merge->tracked};
    size_t count = 0;

    for (size_t i = 0; i < 2; i++) {
        const struct merge_block *blocks = arrays[i]->data;

        for (size_t j = 0; j < arrays[i]->count; j++)
            values[count++] = blocks[j].weight;
    }
    snapshot_build_varints(build, SNAPSHOT_WEIGHTS, values, 1, 1, count);
}

/* Add the section KIND of WIDTH counters of each stack, from FIRST on, to BUILD. VALUES has room
 * for them. */
static void build_counters(const struct merge *merge, uint32_t kind, size_t first, size_t width,
                           uint64_t *values, struct snapshot_build *build)
{
    const struct merge_stack *stacks = merge->stacks.data;

    for (size_t i = 0; i < merge->stacks.count; i++)
        memcpy(values + width * i, stacks[i].counters + first, width * sizeof(*values));
    snapshot_build_varints(build, kind, values, width, width, merge->stacks.count);
}

#define VALUES_PER_ROW 5 /* at most */

/* Add the sections about frames, stacks and blocks to BUILD. False: no memory. */
static bool build_varints(struct merge *merge, struct snapshot_build *build)
{
    const struct merge_frame *frames = merge->frames.data;
    struct merge_stack *stacks = merge->stacks.data;
    size_t rows = merge->frames.count;
    uint64_t *values;

    if (merge->stacks.count > rows)
        rows = merge->stacks.count;
    if (merge->has_blocks && merge->blocks.count > rows)
        rows = merge->blocks.count;
    if (merge->has_blocks && merge->tracked.count > rows)
        rows = merge->tracked.count;
    values = calloc(rows + 1, VALUES_PER_ROW * sizeof(*values));
    if (!values)
        return false;

    for (size_t i = 0; i < merge->frames.count; i++) {
        values[3 * i] = frames[i].parent;
        values[3 * i + 1] = frames[i].address;
        values[3 * i + 2] = frames[i].module;
    }
    snapshot_build_varints(build, SNAPSHOT_FRAMES, values, 3, 1, merge->frames.count);

    for (size_t i = 0; i < merge->stacks.count; i++) {
        values[2 * i] = stacks[i].frame;
        values[2 * i + 1] = stacks[i].flags;
    }
    snapshot_build_varints(build, SNAPSHOT_STACKS, values, 2, 2, merge->stacks.count);
    for (size_t i = 0; i < merge->stacks.count; i++)
        make_counters(merge, &stacks[i]);
    build_counters(merge, SNAPSHOT_COUNTERS, 0, SNAPSHOT_COUNTERS_PER_STACK, values, build);
    if (merge->has_more_counters)
        build_counters(merge, SNAPSHOT_MORE_COUNTERS, SNAPSHOT_COUNTERS_PER_STACK,
                       SNAPSHOT_ALL_COUNTERS - SNAPSHOT_COUNTERS_PER_STACK, values, build);
    for (size_t i = 0; i < merge->stacks.count; i++)
        values[i] = stacks[i].part;
    snapshot_build_varints(build, SNAPSHOT_ORIGINS, values, 1, 1, merge->stacks.count);
    for (size_t i = 0; i < merge->stacks.count; i++) {
        values[2 * i] = stacks[i].domain;
        values[2 * i + 1] = stacks[i].thread;
    }
    if (merge->has_owners)
        snapshot_build_varints(build, SNAPSHOT_OWNERS, values, 2, 2, merge->stacks.count);
    if (merge->has_blocks) {
        build_blocks(&merge->blocks, SNAPSHOT_BLOCKS, values, build);
        build_blocks(&merge->tracked, SNAPSHOT_TRACKED, values, build);
        if (merge->is_sampled && merge->sampling.mean)
            build_weights(merge, values, build);
    }
    free(values);
    return true;
}

int merge_finish(struct merge *merge, void **out_data, size_t *out_size, struct error *error)
{
    const struct snapshot_epoch epoch = {.number = 1};
    struct snapshot_process process;
    struct snapshot_build build;
    int result = describe_whole(merge, &process, error);

    if (result != 0)
        return result;
    snapshot_build_begin(&build, SNAPSHOT_VERSION);
    snapshot_build_section(&build, SNAPSHOT_STRINGS, SNAPSHOT_BYTES, merge->strings.size,
                           merge->strings.data, merge->strings.size);
    snapshot_build_fixed(&build, SNAPSHOT_PROCESS, &process, sizeof(process), 1);
    snapshot_build_fixed(&build, SNAPSHOT_PARTS, merge->parts.data, sizeof(process),
                         merge->parts.count);
    snapshot_build_fixed(&build, SNAPSHOT_NAMES, merge->names.data, sizeof(struct snapshot_name),
                         merge->names.count);
    snapshot_build_fixed(&build, SNAPSHOT_MODULES, merge->modules.data,
                         sizeof(struct snapshot_module), merge->modules.count);
    snapshot_build_fixed(&build, SNAPSHOT_SEGMENTS, merge->segments.data,
                         sizeof(struct snapshot_segment), merge->segments.count);
    snapshot_build_fixed(&build, SNAPSHOT_EPOCHS, &epoch, sizeof(epoch), 1);
    snapshot_build_fixed(&build, SNAPSHOT_THREADS, merge->threads.data,
                         sizeof(struct snapshot_thread), merge->threads.count);
    snapshot_build_fixed(&build, SNAPSHOT_ACCOUNT, &merge->account, sizeof(merge->account), 1);
    if (merge->is_sampled)
        snapshot_build_fixed(&build, SNAPSHOT_SAMPLING, &merge->sampling, sizeof(merge->sampling),
                             1);
    if (!build_varints(merge, &build))
        build.failed = true;
    result = snapshot_build_finish(&build, out_data, out_size);
    return result < 0 ? merge_no_memory(error) : 0;
}
