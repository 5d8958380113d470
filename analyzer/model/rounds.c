#include "model/rounds.h"

#include "format/snapshot.h"
#include "model/filter.h"
#include "model/fit.h"
#include "model/site.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define WITHOUT_SHARE 10u /* one round in so many may be without a rise */

static bool is_round(const struct heap *heap)
{
    return heap->process->trigger == SNAPSHOT_AT_MARK ||
           (heap->process->trigger == SNAPSHOT_BY_REQUEST && strcmp(heap->label, "round") == 0);
}

void rounds_number(const struct heap *const *heaps, size_t count, uint64_t *numbers)
{
    uint64_t number = 0, missing = 0;
    uint32_t before = 0;

    for (size_t i = 0; i < count; i++) {
        const struct snapshot_process *process = heaps[i]->process;

        if (process->sequence > before)
            missing += process->sequence - before - 1;
        before = process->sequence;
        numbers[i] = 0;
        if (!is_round(heaps[i]))
            continue;
        /* Only marks are thinned out; what else is missing was put somewhere else. */
        if (process->trigger == SNAPSHOT_AT_MARK)
            number += missing;
        missing = 0;
        numbers[i] = ++number;
    }
}

/* The first snapshot that counts: at the end of the warm-up. */
static size_t first_of(const struct rounds *rounds)
{
    size_t first = 0;

    while (first < rounds->count && rounds->numbers[first] < rounds->warm_up)
        first++;
    return first;
}

size_t rounds_judged(const struct rounds *rounds)
{
    size_t first = first_of(rounds);

    return first < rounds->count ? rounds->count - first - 1 : 0;
}

/* How much FLOOR rises in a round. */
static double slope(const uint64_t *numbers, const uint64_t *floor, size_t count)
{
    double x[GROWTH_MOMENTS_MAX], y[GROWTH_MOMENTS_MAX];

    for (size_t i = 0; i < count; i++) {
        x[i] = (double)numbers[i];
        y[i] = (double)floor[i];
    }
    return fit_slope(x, y, count);
}

/* By the rules for any program: for what grows in some rounds only. */
static void judge_as_any(const uint64_t *numbers, const struct growth_levels *levels, size_t count,
                         struct growth *out_growth)
{
    struct growth_moments moments = {.count = count, .are_rounds = true};

    for (size_t i = 0; i < count; i++)
        moments.work[i] = moments.time[i] = (double)(numbers[i] - numbers[0]);
    growth_judge(&moments, levels, out_growth);
    out_growth->since_time = 0;
    out_growth->bytes_per_hour = 0;
}

void rounds_judge_levels(const uint64_t *numbers, const struct growth_levels *levels, size_t count,
                         struct growth *out_growth)
{
    uint64_t bytes[GROWTH_MOMENTS_MAX], blocks[GROWTH_MOMENTS_MAX];
    const uint64_t *kept = growth_is_by_blocks(levels, count) ? blocks : bytes;
    struct growth *growth = out_growth;
    size_t rounds = count > 0 ? count - 1 : 0, rises = 0;

    memset(growth, 0, sizeof(*growth));
    if (rounds < ROUNDS_MIN)
        return;
    growth_find_floor(levels->bytes, 0, count, bytes);
    growth_find_floor(levels->blocks, 0, count, blocks);
    for (size_t i = 1; i < count; i++)
        rises += kept[i] > kept[i - 1];
    if (rises + rounds / WITHOUT_SHARE < rounds) {
        judge_as_any(numbers, levels, count, growth);
        if (growth->course == GROWTH_GROWING) {
            growth->since = 0.5;
            growth->grew = (unsigned)rises;
            growth->parts = (unsigned)rounds;
        }
        growth->highest = levels->bytes[count - 1];
        return;
    }
    *growth = (struct growth){
        .course = GROWTH_GROWING,
        .confidence = rounds >= GROWTH_MOMENTS_MIN ? GROWTH_HIGH : GROWTH_MEDIUM,
        .parts = (unsigned)rounds,
        .grew = (unsigned)rises,
        .since = 0.5, /* behind the warm-up; nobody is to ask what is older */
        .until = 1,
        .bytes = bytes[count - 1] - bytes[0],
        .blocks = blocks[count - 1] - blocks[0],
        .bytes_per_work = slope(numbers, bytes, count),
        .blocks_per_work = slope(numbers, blocks, count),
        .lowest = bytes[0],
        .highest = levels->bytes[count - 1],
    };
}

/* What is judged: a site, by the levels of all its stacks. */
struct place {
    const struct symbol *symbol;
    struct growth_levels *levels;
    uint64_t rise, more; /* bytes and blocks, of the stack that rose most, */
    uint32_t stack; /* … which is this */
};

struct judge {
    const struct rounds *rounds;
    size_t first, count; /* snapshots from FIRST on count, so many */
    struct place *places;
    size_t place_count;
};

static bool is_same(const struct symbol *a, const struct symbol *b)
{
    /* The symbols have only one copy of each text. */
    if (a->file || b->file)
        return a->file == b->file && a->line == b->line && a->function == b->function;
    return a->place == b->place;
}

/* The place of SYMBOL, made if it is new. NULL for lack of memory. */
static struct place *find_place(struct judge *judge, const struct symbol *symbol)
{
    struct place *longer, *place;

    for (size_t i = 0; i < judge->place_count; i++) {
        if (is_same(judge->places[i].symbol, symbol))
            return &judge->places[i];
    }
    longer = reallocarray(judge->places, judge->place_count + 1, sizeof(*longer));
    if (!longer)
        return NULL;
    judge->places = longer;
    place = &longer[judge->place_count];
    *place = (struct place){.symbol = symbol, .levels = calloc(1, sizeof(*place->levels))};
    if (!place->levels)
        return NULL;
    judge->place_count++;
    return place;
}

/* Put into LEVELS what STACK held. Returns whether that is anything, and ever changed. */
static bool read_levels(const struct judge *judge, uint32_t stack, struct growth_levels *levels)
{
    bool changed = false;

    for (size_t i = 0; i < judge->count; i++) {
        const struct heap *heap = judge->rounds->heaps[judge->first + i];
        bool is_known = stack < heap->stack_count;

        levels->bytes[i] = is_known ? heap->stacks[stack].live_bytes : 0;
        levels->blocks[i] = is_known ? heap->stacks[stack].live_blocks : 0;
        changed |= levels->bytes[i] != levels->bytes[0] || levels->blocks[i] != levels->blocks[0];
    }
    return changed;
}

static uint64_t rise_of(const uint64_t *levels, size_t count)
{
    return levels[count - 1] > levels[0] ? levels[count - 1] - levels[0] : 0;
}

/* Add up the levels of all stacks by place. */
static int add_stacks(struct judge *judge, const struct heap *last, struct symbols *symbols,
                      const struct filter *filter)
{
    for (uint32_t stack = 0; stack < last->stack_count; stack++) {
        struct growth_levels levels;
        const struct symbol *symbol;
        struct place *place;
        uint64_t rise, more;
        uint32_t frame;

        if (!read_levels(judge, stack, &levels))
            continue; /* what never changes plays no part, and names are dear */
        symbol = site_newest(last, symbols, filter, stack, true, &frame);
        place = find_place(judge, symbol);
        if (!place)
            return -ENOMEM;
        for (size_t i = 0; i < judge->count; i++) {
            place->levels->bytes[i] += levels.bytes[i];
            place->levels->blocks[i] += levels.blocks[i];
        }
        rise = rise_of(levels.bytes, judge->count);
        more = rise_of(levels.blocks, judge->count);
        if (rise > place->rise || (rise == place->rise && more > place->more)) {
            place->rise = rise;
            place->more = more;
            place->stack = stack;
        }
    }
    return 0;
}

int rounds_judge(const struct rounds *rounds, const struct heap *last, struct symbols *symbols,
                 struct growth **out_growths)
{
    struct judge judge = {.rounds = rounds, .first = first_of(rounds)};
    struct filter *filter = filter_create();
    struct growth *growths = calloc(last->stack_count + 1, sizeof(*growths));
    uint64_t numbers[GROWTH_MOMENTS_MAX];
    int result = filter && growths ? 0 : -ENOMEM;

    if (rounds->count - judge.first > GROWTH_MOMENTS_MAX)
        judge.first = rounds->count - GROWTH_MOMENTS_MAX;
    judge.count = rounds->count - judge.first;
    for (size_t i = 0; i < judge.count; i++)
        numbers[i] = rounds->numbers[judge.first + i];
    if (result == 0 && judge.count > 1)
        result = add_stacks(&judge, last, symbols, filter);
    for (size_t i = 0; result == 0 && i < judge.place_count; i++) {
        if (judge.places[i].rise > 0 || judge.places[i].more > 0)
            rounds_judge_levels(numbers, judge.places[i].levels, judge.count,
                                &growths[judge.places[i].stack]);
    }
    for (size_t i = 0; i < judge.place_count; i++)
        free(judge.places[i].levels);
    free(judge.places);
    filter_destroy(filter);
    if (result == 0)
        *out_growths = growths;
    else
        free(growths);
    return result;
}
