#include "preload/cut.h"

#include "format/varint.h"
#include "preload/epochs.h"
#include "preload/guard.h"
#include "preload/live_domains.h"
#include "preload/memory_use.h"
#include "preload/modules.h"
#include "preload/sampling.h"
#include "preload/series.h"
#include "preload/syscall.h"
#include "preload/trie.h"

#include <errno.h>

/* What may come between the preparation and the closing of the gate. */
#define MORE 64u
#define MORE_STACKS(count) (MORE + (count) / 16)

/* ---- the gate is still open -------------------------------------------------------- */

/* How many blocks of the program's are in the table, about. */
static uint64_t recorded_blocks(void)
{
    uint64_t blocks = tracker_live_blocks();
    uint64_t hits = sampling.mean ? (uint64_t)tracker_size().current / sampling.mean + 1 : blocks;

    return hits < blocks ? hits : blocks;
}

/* Have memory for CUT, so that no page fault lasts while the gate is closed; with BLOCKS, also for
 * the list of them. */
static bool prepare(struct cut *cut, bool blocks)
{
    const size_t count = trie_stack_count(), stacks = count + MORE_STACKS(count);

    arena_populate(cut, sizeof *cut);
    return buffer_prepare(&cut->sums, stacks * sizeof(struct counter_sum)) &&
           (cut->brief || buffer_prepare(&cut->moments, series_size())) &&
           buffer_prepare(&cut->modules, (modules_count() + MORE) * sizeof(struct module)) &&
           buffer_prepare(&cut->epochs, (epochs_count() + MORE) * sizeof(struct epoch)) &&
           (cut->counters_only ||
            ((!blocks || live_copy_prepare(&cut->live, recorded_blocks())) &&
             buffer_prepare(&cut->tracked.others,
                            (live_domains_count() + MORE) * sizeof(struct live_block))));
}

/* ---- the gate is closed ------------------------------------------------------------- */

static void add_block(void *copy, const struct live_block *block)
{
    live_copy_add(copy, block);
}

/* Copy what is no part of the table. */
static void copy_other_blocks(struct cut *cut)
{
    tracker_each_in_flight(add_block, &cut->live);
    live_domains_each(add_block, &cut->tracked);
}

static void copy_counters(struct cut *cut)
{
    const size_t size = cut->stack_count * sizeof(struct counter_sum);
    struct counter_sum *sums = (struct counter_sum *)buffer_reserve(&cut->sums, size);

    if (!sums)
        return;
    tracker_sum_counters(cut->stack_count, sums); /* the memory is zeroed */
    cut->sums.size = size;
}

static void copy_modules(struct cut *cut)
{
    cut->module_count = modules_count();
    for (uint32_t number = 1; number <= cut->module_count; number++)
        buffer_put(&cut->modules, modules_get(number), sizeof(struct module));
}

static void copy_lists(struct cut *cut)
{
    copy_modules(cut);
    for (uint32_t i = 0; i < cut->epoch_count; i++)
        buffer_put(&cut->epochs, epochs_get(i), sizeof(struct epoch));
}

static void fill(struct cut *cut, const char *label)
{
    tracker_check_modules();
    tracker_settle();
    cut->time = syscall_time(CLOCK_REALTIME);
    cut->elapsed = timeline_now();
    cut->stack_count = trie_stack_count();
    cut->frame_count = trie_frame_count();
    cut->frame_limit = tracker_frame_limit();
    cut->peak = (uint64_t)tracker_size().peak;
    cut->threads_seen = guard_threads_seen();
    tracker_sum(&cut->totals);
    if (!cut->counters_only)
        copy_other_blocks(cut);
    copy_counters(cut);
    if (!cut->brief)
        series_copy(&cut->moments);
    cut->sample_count = timeline_copy(cut->samples);
    cut->epoch = epochs_current();
    cut->epoch_count = epochs_count();
    copy_lists(cut);
    if (label)
        epochs_begin(label, cut->elapsed);
}

int cut_take(struct cut *cut, const char *label, bool counters_only, bool (*taken)(void *context),
             void *context)
{
    uint64_t before;
    int result;

    for (int use = 0; use < ARENA_USES; use++)
        cut->tracer[use] = arena_used(use);
    cut->counters_only = counters_only;
    if (!prepare(cut, !taken))
        return -ENOMEM;
    before = syscall_time(CLOCK_MONOTONIC);
    result = guard_close();
    if (result < 0)
        return result;
    if (tracker_tracing())
        fill(cut, label);
    else
        result = -ENODATA;
    if (cut->sums.failed || cut->moments.failed || cut->modules.failed || cut->epochs.failed)
        result = -ENOMEM;
    cut->pause = syscall_time(CLOCK_MONOTONIC) - before;
    if (taken && result == 0)
        cut->blocks_left = taken(context);
    if (result == 0 && !counters_only && !cut->blocks_left)
        live_copy_take(&cut->live);
    guard_open();
    cut->pause = syscall_time(CLOCK_MONOTONIC) - before;
    return result;
}

/* ---- the gate is open again --------------------------------------------------------- */

void cut_take_blocks(struct cut *cut)
{
    if (live_copy_prepare(&cut->live, recorded_blocks()))
        live_copy_take(&cut->live);
    else
        cut->live.words.failed = true;
}

static void put_block(void *context, const struct live_block *block)
{
    struct cut *cut = context;
    uint8_t *begin = buffer_reserve(&cut->blocks, 4 * VARINT_MAX_SIZE), *end = begin;
    uint64_t weight = sampling_weight(block->address, block->size);

    if (!begin)
        return;
    if (block->address / MEMORY_USE_PLACE != cut->last_address / MEMORY_USE_PLACE)
        buffer_put(&cut->places, &block->address, sizeof(uint64_t));
    end += varint_put(end, varint_delta(block->address, cut->last_address));
    end += varint_put(end, block->size);
    end += varint_put(end, block->stack);
    end += varint_put(end, block->epoch);
    cut->blocks.size += (size_t)(end - begin);
    cut->last_address = block->address;
    cut->block_count++;
    cut->live_blocks += weight;
    cut->bytes += weight * block->size;
    if (sampling.mean)
        buffer_put_varint(&cut->weights, weight);
}

/* Put the blocks of all domains. False on lack of memory. */
static bool put_blocks(struct cut *cut)
{
    bool whole = live_copy_each(&cut->live, put_block, cut);
    uint64_t own_count = cut->block_count;
    size_t own_size = cut->blocks.size, own_places;

    own_places = cut->places.size;
    cut->last_address = 0;
    whole = live_copy_each(&cut->tracked, put_block, cut) && whole;
    cut->tracked_count = cut->block_count - own_count;
    cut->tracked_size = cut->blocks.size - own_size;
    cut->places.size = own_places; /* those of pools lie in the others, or where they like */
    return whole && !cut->blocks.failed;
}

/* Put the counters of all stacks. Where there is no list of blocks, they tell what is
 * alive. */
static void put_counters(struct cut *cut)
{
    struct counter_sum *sum = (struct counter_sum *)cut->sums.data;

    for (uint32_t stack = 0; stack < cut->stack_count; stack++, sum++) {
        const uint64_t *value = sum->value;

        counters_complete(sum);
        cut->truncated += trie_stack(stack)->flags & SNAPSHOT_STACK_TRUNCATED &&
                          value[SNAPSHOT_ALLOCATIONS] > 0;
        for (int i = 0; i < SNAPSHOT_COUNTERS_PER_STACK; i++)
            buffer_put_varint(&cut->counters, value[i]);
        for (int i = SNAPSHOT_COUNTERS_PER_STACK; i < SNAPSHOT_ALL_COUNTERS; i++)
            buffer_put_varint(&cut->more_counters, value[i]);
        if (cut->counters_only) {
            cut->live_blocks += value[SNAPSHOT_ALLOCATIONS] - value[SNAPSHOT_FREES];
            cut->bytes += value[SNAPSHOT_ALLOCATED_BYTES] - value[SNAPSHOT_FREED_BYTES];
        }
    }
}

bool cut_renew_modules(struct cut *cut)
{
    cut->modules.size = 0;
    copy_modules(cut);
    return !cut->modules.failed;
}

static void finish_copies(struct cut *cut)
{
    live_copy_finish(&cut->live);
    live_copy_finish(&cut->tracked);
    buffer_finish(&cut->sums);
    buffer_finish(&cut->moments);
}

int cut_encode(struct cut *cut)
{
    bool whole = put_blocks(cut);

    put_counters(cut);
    if (!cut->brief)
        cut->series_count = series_put(&cut->moments, &cut->series, &cut->progress);
    finish_copies(cut);
    return whole && !cut->weights.failed && !cut->counters.failed && !cut->more_counters.failed &&
                   !cut->series.failed && !cut->progress.failed
               ? 0
               : -ENOMEM;
}

void cut_finish(struct cut *cut)
{
    finish_copies(cut);
    buffer_finish(&cut->modules);
    buffer_finish(&cut->epochs);
    buffer_finish(&cut->blocks);
    buffer_finish(&cut->weights);
    buffer_finish(&cut->counters);
    buffer_finish(&cut->more_counters);
    buffer_finish(&cut->series);
    buffer_finish(&cut->places);
    buffer_finish(&cut->progress);
}
