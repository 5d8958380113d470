#include "model/verdict.h"

#include "format/snapshot.h"
#include "model/estimate.h"
#include "model/growth_share.h"
#include "model/holders.h"
#include "model/progress.h"
#include "model/verdict_order.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define CHURN_TURNOVER     10u /* times that all a stack held at most has been freed */
#define ONCE_SHARE         50u /* what is lost once in a short run: one of so many that are alive */
#define CHUNK_HEADER       8u /* of glibc, before each block */
#define UNRETURNED_MIN     (1u << 20)
#define UNRETURNED_SHARE   4u /* of the peak: a quarter */

/* ---- what each stack held, when ------------------------------------------------------- */

struct judge {
    const struct verdict_input *input;
    const struct heap *heap; /* the last one */
    struct verdicts *verdicts;
    struct votes {
        uint32_t step, holder;
    } *votes; /* per stack and class: how far ahead those of its verdict are */
};

static uint64_t max(uint64_t one, uint64_t other)
{
    return one > other ? one : other;
}

/* Whether the snapshots are the moments, not the series in the last one. */
static bool by_snapshots(const struct verdict_input *input)
{
    return input->are_rounds || input->heap_count >= VERDICT_SNAPSHOTS_MIN;
}

static void set_moments(struct judge *judge)
{
    struct growth_moments *moments = &judge->verdicts->moments;
    const struct verdict_input *input = judge->input;
    const struct heap *heap = judge->heap;

    moments->are_rounds = input->are_rounds;
    if (by_snapshots(input)) {
        /* The newest ones, should there be more. */
        size_t count = input->heap_count < GROWTH_MOMENTS_MAX ? input->heap_count
                                                              : GROWTH_MOMENTS_MAX;

        for (size_t i = 0; i < count; i++) {
            const struct heap *at = input->heaps[input->heap_count - count + i];

            moments->work[i] = input->are_rounds ? (double)i : (double)at->account->allocations;
            moments->time[i] = (double)at->process->elapsed;
        }
        moments->count = count;
    } else {
        bool has_work = heap->point_count > 0 &&
                        heap->points[heap->point_count - 1].allocations > 0;

        for (size_t i = 0; i < heap->point_count; i++) {
            moments->work[i] = (double)(has_work ? heap->points[i].allocations
                                                 : heap->points[i].time);
            moments->time[i] = (double)heap->points[i].time;
        }
        moments->work[heap->point_count] =
            (double)(has_work ? heap->account->allocations : heap->process->elapsed);
        moments->time[heap->point_count] = (double)heap->process->elapsed;
        moments->count = heap->point_count + 1;
    }
    for (size_t i = 1; i < moments->count; i++) {
        moments->work[i] = fmax(moments->work[i], moments->work[i - 1]);
        moments->time[i] = fmax(moments->time[i], moments->time[i - 1]);
    }
    growth_set_warm_up(moments, input->warm_up);
}

void verdict_levels(const struct verdicts *verdicts, const struct verdict_input *input,
                    uint32_t stack, struct growth_levels *out_levels)
{
    const struct growth_moments *moments = &verdicts->moments;
    const struct heap *heap = verdicts->heap;
    size_t last = moments->count - 1;

    if (!by_snapshots(input)) {
        heap_series(heap, stack, out_levels->bytes, out_levels->blocks);
        out_levels->bytes[last] = heap->stacks[stack].live_bytes;
        out_levels->blocks[last] = heap->stacks[stack].live_blocks;
        return;
    }
    for (size_t i = 0; i <= last; i++) {
        const struct heap *at = input->heaps[input->heap_count - moments->count + i];
        bool is_known = stack < at->stack_count;

        out_levels->bytes[i] = is_known ? at->stacks[stack].live_bytes : 0;
        out_levels->blocks[i] = is_known ? at->stacks[stack].live_blocks : 0;
    }
}

/* ---- the verdict on one stack ---------------------------------------------------------- */

static enum verdict_kind judge_held(const struct heap_stack *stack, const struct growth *growth)
{
    bool comes_and_goes = stack->frees >= CHURN_TURNOVER &&
                          stack->freed_bytes / CHURN_TURNOVER >= max(growth->highest, 1) &&
                          growth->lowest < growth->highest / 2;

    switch (growth->course) {
    case GROWTH_GROWING:
        return VERDICT_HELD_GROWING;
    case GROWTH_SLOWING:
        return VERDICT_HELD_STEADY;
    case GROWTH_UNKNOWN:
        return stack->frees == 0 ? VERDICT_GREW_ONCE : VERDICT_HELD_STEADY;
    case GROWTH_STOPPED:
        return comes_and_goes ? VERDICT_CHURN : VERDICT_HELD_STEADY;
    case GROWTH_FLAT:
    case GROWTH_ONCE:
        break;
    }
    if (comes_and_goes)
        return VERDICT_CHURN;
    if (growth->course == GROWTH_ONCE && stack->frees <= stack->allocations / 2)
        return VERDICT_GREW_ONCE;
    return VERDICT_HELD_STEADY;
}

/* The verdict for STACK and CLASS of its blocks. */
static struct verdict *find(const struct judge *judge, uint32_t stack, enum graph_class class)
{
    return &judge->verdicts->list[(size_t)stack * GRAPH_CLASS_COUNT + class];
}

/* The epoch that divides those of the heap in two halves; 0 if it has too few. */
static uint32_t half_of_epochs(const struct heap *heap)
{
    return heap->process->epoch >= 4 ? heap->process->epoch / 2 : 0;
}

/* Let VALUE be elected if most vote for it (Boyer and Moore's vote). */
static void vote(uint32_t *votes, uint32_t *elected, uint32_t value)
{
    if (*votes == 0)
        *elected = value;
    if (*elected == value)
        ++*votes;
    else
        --*votes;
}

static void count_block(const struct judge *judge, const struct heap_block *block,
                        enum graph_class class, uint32_t step, uint32_t holder)
{
    uint64_t weight = estimate_weight(judge->heap, block);
    struct verdict *verdict = find(judge, block->stack, class);
    struct votes *votes = &judge->votes[(size_t)block->stack * GRAPH_CLASS_COUNT + class];

    verdict->size += block->size * weight;
    verdict->count += weight;
    if (verdict->oldest == 0 || block->epoch < verdict->oldest)
        verdict->oldest = block->epoch;
    verdict->old += block->epoch <= half_of_epochs(judge->heap) ? weight : 0;
    vote(&votes->step, &verdict->step, step);
    vote(&votes->holder, &verdict->holder, holder);
}

/* The stack of the block that holds BLOCK; HOLDERS_NONE if none does. */
static uint32_t holder_of(const struct judge *judge, const struct holders *holders, size_t block)
{
    size_t roots = judge->input->graph->root_count;
    uint32_t from = holders->from[block];

    return holders->step_of[block] == HOLDERS_NONE || from == HOLDERS_NONE || from < roots
               ? HOLDERS_NONE
               : judge->heap->blocks[from - roots].stack;
}

static void count_blocks(const struct judge *judge)
{
    const struct heap *heap = judge->heap;
    const struct graph *graph = judge->input->graph;
    const struct holders *holders =
        judge->input->paths ? holder_paths_holders(judge->input->paths) : NULL;

    for (size_t i = 0; i < heap->block_count; i++)
        count_block(judge, &heap->blocks[i], graph ? graph->classes[i] : GRAPH_STILL_REACHABLE,
                    holders ? holders->step_of[i] : HOLDERS_NONE,
                    holders ? holder_of(judge, holders, i) : HOLDERS_NONE);
    /* Who holds what the program deals out itself nobody has looked for. */
    for (size_t i = 0; i < heap->tracked_count; i++)
        count_block(judge, &heap->tracked[i], GRAPH_STILL_REACHABLE, HOLDERS_NONE, HOLDERS_NONE);
    if (graph || heap->has_blocks)
        return;
    for (uint32_t i = 0; i < heap->stack_count; i++) {
        struct verdict *verdict = find(judge, i, GRAPH_STILL_REACHABLE);

        verdict->size = heap->stacks[i].live_bytes;
        verdict->count = heap->stacks[i].live_blocks;
    }
}

/* Count the definitely lost blocks at which others point: of these each is one that they lead to
 * themselves, or they would be indirectly lost. Returns 0 or -ENOMEM. */
static int count_circular(const struct judge *judge)
{
    const struct graph *graph = judge->input->graph;
    const struct heap_edges *edges = &judge->heap->edges;
    bool *is_counted;

    if (!graph)
        return 0;
    is_counted = calloc(judge->heap->block_count + 1, sizeof(*is_counted));
    if (!is_counted)
        return -ENOMEM;
    for (size_t i = 0; i < judge->heap->block_count; i++) {
        size_t node = graph->root_count + i;

        for (size_t j = edges->first[node];
             graph_is_lost(graph, i) && j < edges->first[node + 1]; j++) {
            uint32_t target = edges->target[j];

            if (target == i || is_counted[target] ||
                graph->classes[target] != GRAPH_DEFINITELY_LOST)
                continue;
            is_counted[target] = true;
            find(judge, judge->heap->blocks[target].stack, GRAPH_DEFINITELY_LOST)->circular++;
        }
    }
    free(is_counted);
    return 0;
}

/* Does every block of VERDICT, which seems to grow, come from the last half of the epochs? Then
 * they are replaced all the time: the queue is long, but nothing stays. */
static bool all_are_young(const struct judge *judge, const struct verdict *verdict)
{
    return half_of_epochs(judge->heap) > 0 && judge->heap->has_blocks && verdict->old == 0 &&
           verdict->growth.since < 0.4;
}

/* Whether what VERDICT lost is little, and does not become more. Of a short run nobody knows that;
 * then it must be a small part of all. */
static bool is_once(const struct heap *heap, const struct verdict *verdict)
{
    if (verdict->growth.course == GROWTH_GROWING || !verdict_is_little(verdict->size, verdict->count))
        return false;
    return verdict->growth.course != GROWTH_UNKNOWN ||
           verdict->count * ONCE_SHARE <= heap->account->live_blocks;
}

/* What STACK held grew over the rounds, but was let go before the end: tell of what it was. */
static void judge_let_go(const struct judge *judge, uint32_t stack, const struct growth *growth)
{
    struct verdict *verdict = find(judge, stack, GRAPH_STILL_REACHABLE);

    for (int class = 0; class < GRAPH_CLASS_COUNT; class++) {
        if (find(judge, stack, (enum graph_class)class)->count > 0)
            return;
    }
    verdict->kind = VERDICT_HELD_GROWING;
    verdict->size = growth->bytes;
    verdict->count = growth->blocks;
    verdict->let_go = true;
    verdict->is_leak = true;
}

/* What of GROWTH each class of STACK's blocks has, into GROWTHS. What is lost is one: a list of it is
 * indirectly lost but for its first block. */
static void share_growth(const struct judge *judge, uint32_t stack, const struct growth *growth,
                         struct growth growths[GRAPH_CLASS_COUNT])
{
    static const size_t kinds[GRAPH_CLASS_COUNT] = {
        [GRAPH_DEFINITELY_LOST] = 0,
        [GRAPH_INDIRECTLY_LOST] = 0,
        [GRAPH_POSSIBLY_LOST] = 1,
        [GRAPH_STILL_REACHABLE] = 2,
    };
    struct growth_holding holdings[3] = {{0}};
    struct growth of_kinds[3];

    for (int class = 0; class < GRAPH_CLASS_COUNT; class++) {
        const struct verdict *verdict = find(judge, stack, (enum graph_class)class);

        holdings[kinds[class]].bytes += verdict->size;
        holdings[kinds[class]].blocks += verdict->count;
    }
    growth_share(growth, holdings, 3, of_kinds);
    for (int class = 0; class < GRAPH_CLASS_COUNT; class++)
        growths[class] = of_kinds[kinds[class]];
}

/* Judge LEVELS of STACK. In a sample the blocks that were recorded are the cases that there are,
 * not those that they stand for. */
static void judge_growth(const struct judge *judge, uint32_t stack,
                         const struct growth_levels *levels, struct growth *out_growth)
{
    const struct heap_stack *of = &judge->heap->stacks[stack];
    struct growth_levels recorded;
    double size, share;

    if (!estimate_is(judge->heap) || of->allocations == 0) {
        growth_judge(&judge->verdicts->moments, levels, out_growth);
        return;
    }
    size = fmax((double)of->allocated_bytes / (double)of->allocations, 1);
    share = -expm1(-size / (double)judge->heap->sampling->mean);
    recorded = *levels;
    for (size_t i = 0; i < judge->verdicts->moments.count; i++)
        recorded.blocks[i] = (uint64_t)((double)levels->blocks[i] * share + 0.5);
    growth_judge(&judge->verdicts->moments, &recorded, out_growth);
    out_growth->blocks = (uint64_t)((double)out_growth->blocks / share + 0.5);
    out_growth->blocks_per_work /= share;
}

static void judge_stack(const struct judge *judge, uint32_t stack, uint64_t *out_fallen)
{
    struct growth growths[GRAPH_CLASS_COUNT];
    struct growth_levels levels;
    struct growth growth;
    uint64_t highest = 0;

    verdict_levels(judge->verdicts, judge->input, stack, &levels);
    if (judge->input->growths)
        growth = judge->input->growths[stack];
    else
        judge_growth(judge, stack, &levels, &growth);
    for (size_t i = 0; i < judge->verdicts->moments.count; i++)
        highest = max(highest, levels.bytes[i]);
    *out_fallen = highest - levels.bytes[judge->verdicts->moments.count - 1];
    share_growth(judge, stack, &growth, growths);
    for (int class = 0; class < GRAPH_CLASS_COUNT; class++) {
        struct verdict *verdict = find(judge, stack, (enum graph_class)class);

        verdict->stack = stack;
        verdict->class = (enum graph_class)class;
        verdict->part_of = VERDICT_NONE;
        verdict->growth = growths[class];
        if (class <= GRAPH_INDIRECTLY_LOST)
            verdict->kind = VERDICT_LOST;
        else
            verdict->kind = judge_held(&judge->heap->stacks[stack], &verdict->growth);
        if (verdict->kind == VERDICT_HELD_GROWING && all_are_young(judge, verdict))
            verdict->kind = VERDICT_HELD_STEADY;
        verdict->is_once = verdict->kind == VERDICT_LOST && is_once(judge->heap, verdict);
        verdict->is_leak = verdict->count > 0 && verdict->kind <= VERDICT_HELD_GROWING;
    }
    if (judge->input->growths && growth.course == GROWTH_GROWING)
        judge_let_go(judge, stack, &growth);
}

/* ---- freed, but not returned ------------------------------------------------------------ */

/* Bytes that are resident and neither of live blocks, nor heapdelta's, nor of files: what the
 * allocator keeps, at most. */
static uint64_t find_unused(const struct heap *heap)
{
    const struct snapshot_account *account = heap->account;
    uint64_t used = account->usable_bytes + account->live_blocks * CHUNK_HEADER, resident;

    if (heap->memory) {
        resident = heap->memory[SNAPSHOT_MEMORY_HEAP].resident;
    } else {
        resident = account->rss;
        used += account->tracer_bytes;
        for (size_t i = 0; i < heap->module_count; i++) {
            for (size_t j = 0; j < heap->modules[i].segment_count; j++)
                used += heap->modules[i].segments[j].size;
        }
    }
    return resident > used ? resident - used : 0;
}

/* … and never more than the heap has shrunk by. */
static uint64_t find_unreturned(const struct heap *heap)
{
    const struct snapshot_account *account = heap->account;
    uint64_t unused;

    if (!(heap->process->flags & SNAPSHOT_HAS_USABLE) || account->peak_bytes < account->live_bytes)
        return 0;
    unused = find_unused(heap);
    return unused < account->peak_bytes - account->live_bytes
               ? unused
               : account->peak_bytes - account->live_bytes;
}

/* Charge what the allocator keeps to the stack whose blocks were given back most, if it is much. */
static void judge_unreturned(const struct judge *judge, uint32_t stack, uint64_t fallen)
{
    uint64_t unreturned = find_unreturned(judge->heap);
    struct verdict *verdict = find(judge, stack, GRAPH_STILL_REACHABLE);

    if (unreturned < UNRETURNED_MIN ||
        unreturned < judge->heap->account->peak_bytes / UNRETURNED_SHARE ||
        fallen < unreturned / 2 || verdict->is_leak)
        return;
    verdict->kind = VERDICT_NOT_RETURNED;
    verdict->unreturned = unreturned;
}

/* Leave out what has no blocks, sort the others, and add up. Returns 0 or -ENOMEM. */
static int make_list(const struct judge *judge)
{
    struct verdicts *verdicts = judge->verdicts;
    size_t room = judge->heap->stack_count * GRAPH_CLASS_COUNT;

    for (size_t i = 0; i < room; i++) {
        struct verdict *verdict = &verdicts->list[i];

        if (verdict->count == 0 && verdict->kind != VERDICT_NOT_RETURNED)
            continue;
        verdicts->totals[verdict->class].size += verdict->size;
        verdicts->totals[verdict->class].count += verdict->count;
        verdicts->leak_count += verdict->is_leak;
        verdicts->list[verdicts->count++] = *verdict;
    }
    return verdict_order(verdicts, judge->input->paths, judge->input->leaders);
}

int verdicts_create(const struct verdict_input *input, struct verdicts **out_verdicts)
{
    struct judge judge = {.input = input, .heap = input->heaps[input->heap_count - 1]};
    size_t room = judge.heap->stack_count * GRAPH_CLASS_COUNT + 1;
    uint64_t most_fallen = 0;
    uint32_t fell_most = 0;
    struct progress *progress =
        progress_begin(judge.heap->stack_count, "judging %zu stacks", judge.heap->stack_count);
    int result = -ENOMEM;

    judge.verdicts = calloc(1, sizeof(*judge.verdicts));
    judge.votes = calloc(room, sizeof(*judge.votes));
    if (judge.verdicts)
        judge.verdicts->list = calloc(room, sizeof(*judge.verdicts->list));
    if (judge.votes && judge.verdicts && judge.verdicts->list) {
        judge.verdicts->heap = judge.heap;
        judge.verdicts->knows_lost = input->graph;
        for (size_t i = 0; i < room; i++)
            judge.verdicts->list[i].step = judge.verdicts->list[i].holder = HOLDERS_NONE;
        set_moments(&judge);
        count_blocks(&judge);
        for (uint32_t i = 0; i < judge.heap->stack_count; i++) {
            uint64_t fallen;

            progress_to(progress, i);
            judge_stack(&judge, i, &fallen);
            if (fallen > most_fallen) {
                most_fallen = fallen;
                fell_most = i;
            }
        }
        if (most_fallen > 0)
            judge_unreturned(&judge, fell_most, most_fallen);
        result = count_circular(&judge);
        if (result == 0)
            result = make_list(&judge);
    }
    free(judge.votes);
    progress_end(progress);
    if (result == 0)
        *out_verdicts = judge.verdicts;
    else
        verdicts_destroy(judge.verdicts);
    return result;
}

void verdicts_destroy(struct verdicts *verdicts)
{
    if (!verdicts)
        return;
    free(verdicts->list);
    free(verdicts);
}
