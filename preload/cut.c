#include "preload/cut.h"

#include "format/varint.h"
#include "preload/epochs.h"
#include "preload/guard.h"
#include "preload/modules.h"
#include "preload/series.h"
#include "preload/syscall.h"
#include "preload/trie.h"

#include <errno.h>

static void put_block(void *context, const struct live_block *block)
{
    struct cut *cut = context;

    uint8_t *begin = buffer_reserve(&cut->blocks, 4 * VARINT_MAX_SIZE), *end = begin;

    if (!begin)
        return;
    end += varint_put(end, varint_delta(block->address, cut->last_address));
    end += varint_put(end, block->size);
    end += varint_put(end, block->stack);
    end += varint_put(end, block->epoch);
    cut->blocks.size += (size_t)(end - begin);
    cut->last_address = block->address;
    cut->block_count++;
    cut->bytes += block->size;
}

/* Put the counters of all stacks. Where there is no list of blocks, they tell what is
 * alive. */
static void put_counters(struct cut *cut, bool counters_only)
{
    for (uint32_t stack = 0; stack < cut->stack_count; stack++) {
        struct counter counter;

        tracker_sum_counter(stack, &counter);
        cut->truncated += trie_stack(stack)->flags & SNAPSHOT_STACK_TRUNCATED &&
                          counter.value[SNAPSHOT_ALLOCATIONS] > 0;
        for (int i = 0; i < SNAPSHOT_COUNTERS_PER_STACK; i++)
            buffer_put_varint(&cut->counters, counter.value[i]);
        if (counters_only) {
            cut->block_count += counter.value[SNAPSHOT_ALLOCATIONS] - counter.value[SNAPSHOT_FREES];
            cut->bytes +=
                counter.value[SNAPSHOT_ALLOCATED_BYTES] - counter.value[SNAPSHOT_FREED_BYTES];
        }
    }
}

static void fill(struct cut *cut, const char *label, bool counters_only)
{
    tracker_check_modules();
    tracker_settle();
    for (int use = 0; use < ARENA_USES; use++)
        cut->tracer[use] = arena_used(use);
    cut->time = syscall_time(CLOCK_REALTIME);
    cut->elapsed = timeline_now();
    cut->stack_count = trie_stack_count();
    cut->frame_count = trie_frame_count();
    cut->module_count = modules_count();
    cut->frame_limit = tracker_frame_limit();
    cut->peak = (uint64_t)tracker_size().peak;
    cut->threads_seen = guard_threads_seen();
    tracker_sum(&cut->totals);
    if (!counters_only) {
        live_each(put_block, cut);
        tracker_each_in_flight(put_block, cut);
    }
    put_counters(cut, counters_only);
    cut->series_count = series_put(&cut->series);
    cut->sample_count = timeline_copy(cut->samples);
    cut->epoch = epochs_current();
    cut->epoch_count = epochs_count();
    epochs_begin(label, cut->elapsed);
}

int cut_take(struct cut *cut, const char *label, bool counters_only, void (*taken)(void *context),
             void *context)
{
    uint64_t before = syscall_time(CLOCK_MONOTONIC);
    int result = guard_close();

    if (result < 0)
        return result;
    if (tracker_tracing())
        fill(cut, label, counters_only);
    else
        result = -ENODATA;
    if (cut->blocks.failed || cut->counters.failed || cut->series.failed)
        result = -ENOMEM;
    cut->pause = syscall_time(CLOCK_MONOTONIC) - before;
    if (taken && result == 0)
        taken(context);
    guard_open();
    cut->pause = syscall_time(CLOCK_MONOTONIC) - before;
    return result;
}

void cut_finish(struct cut *cut)
{
    buffer_finish(&cut->blocks);
    buffer_finish(&cut->counters);
    buffer_finish(&cut->series);
}
