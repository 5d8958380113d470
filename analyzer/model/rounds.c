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
    struct growth growth;
    double bytes, blocks; /* that those of its stacks grew by which grow by themselves */
};

struct judge {
    const struct rounds *rounds;
    size_t first, count; /* snapshots from FIRST on count, so many */
    uint64_t numbers[GROWTH_MOMENTS_MAX]; /* … of these rounds */
    struct place *places;
    size_t place_count;
    size_t *place_of; /* per stack; PLACE_NONE: what it held never changed */
};

#define PLACE_NONE SIZE_MAX

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

        judge->place_of[stack] = PLACE_NONE;
        if (!read_levels(judge, stack, &levels))
            continue; /* what never changes plays no part, and names are dear */
        symbol = site_newest(last, symbols, filter, stack, true, &frame);
        place = find_place(judge, symbol);
        if (!place)
            return -ENOMEM;
        judge->place_of[stack] = (size_t)(place - judge->places);
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

/* Judge each place, into GROWTHS for the stack of it that rose most, which is put in LEADERS for
 * all. */
static void judge_places(const struct judge *judge, size_t stack_count, struct growth *growths,
                         uint32_t *leaders)
{
    for (size_t i = 0; i < judge->place_count; i++) {
        struct place *place = &judge->places[i];

        if (place->rise > 0 || place->more > 0)
            rounds_judge_levels(judge->numbers, place->levels, judge->count, &place->growth);
        growths[place->stack] = place->growth;
    }
    for (uint32_t stack = 0; stack < stack_count; stack++)
        leaders[stack] = judge->place_of[stack] == PLACE_NONE
                             ? stack
                             : judge->places[judge->place_of[stack]].stack;
}

/* Of the growth of PLACE what OWN, of one of its stacks, is of all OWN ones. */
static struct growth part_of(const struct place *place, const struct growth *own)
{
    double bytes = place->bytes > 0 ? (double)own->bytes / place->bytes : 0;
    double blocks = place->blocks > 0 ? (double)own->blocks / place->blocks : 0;
    struct growth growth = place->growth;

    growth.bytes = (uint64_t)((double)growth.bytes * bytes + 0.5);
    growth.blocks = (uint64_t)((double)growth.blocks * blocks + 0.5);
    growth.bytes_per_work *= bytes;
    growth.blocks_per_work *= blocks;
    growth.lowest = own->lowest;
    growth.highest = own->highest;
    return growth;
}

/* Share what places grow by among those of their stacks that grow by themselves, if the one that
 * rose most is among these: of many that rise now and then it stands for all. Returns 0 or
 * -ENOMEM. */
static int share_growths(const struct judge *judge, size_t stack_count, struct growth *growths)
{
    struct growth *own = calloc(stack_count + 1, sizeof(*own));

    if (!own)
        return -ENOMEM;
    for (uint32_t stack = 0; stack < stack_count; stack++) {
        struct growth_levels levels;
        struct place *place;

        if (judge->place_of[stack] == PLACE_NONE)
            continue;
        place = &judge->places[judge->place_of[stack]];
        if (place->growth.course != GROWTH_GROWING)
            continue;
        read_levels(judge, stack, &levels);
        rounds_judge_levels(judge->numbers, &levels, judge->count, &own[stack]);
        if (own[stack].course != GROWTH_GROWING)
            continue;
        place->bytes += (double)own[stack].bytes;
        place->blocks += (double)own[stack].blocks;
    }
    for (uint32_t stack = 0; stack < stack_count; stack++) {
        const struct place *place;

        if (own[stack].course != GROWTH_GROWING)
            continue;
        place = &judge->places[judge->place_of[stack]];
        if (own[place->stack].course == GROWTH_GROWING)
            growths[stack] = part_of(place, &own[stack]);
    }
    free(own);
    return 0;
}

int rounds_judge(const struct rounds *rounds, const struct heap *last, struct symbols *symbols,
                 struct growth **out_growths, uint32_t **out_leaders)
{
    struct judge judge = {.rounds = rounds, .first = first_of(rounds)};
    struct filter *filter = filter_create();
    struct growth *growths = calloc(last->stack_count + 1, sizeof(*growths));
    uint32_t *leaders = calloc(last->stack_count + 1, sizeof(*leaders));
    int result = filter && growths && leaders ? 0 : -ENOMEM;

    if (rounds->count - judge.first > GROWTH_MOMENTS_MAX)
        judge.first = rounds->count - GROWTH_MOMENTS_MAX;
    judge.count = rounds->count - judge.first;
    judge.place_of = calloc(last->stack_count + 1, sizeof(*judge.place_of));
    for (size_t i = 0; i < judge.count; i++)
        judge.numbers[i] = rounds->numbers[judge.first + i];
    if (!judge.place_of)
        result = -ENOMEM;
    if (result == 0)
        result = add_stacks(&judge, last, symbols, filter);
    if (result == 0) {
        judge_places(&judge, last->stack_count, growths, leaders);
        result = share_growths(&judge, last->stack_count, growths);
    }
    for (size_t i = 0; i < judge.place_count; i++)
        free(judge.places[i].levels);
    free(judge.places);
    free(judge.place_of);
    filter_destroy(filter);
    if (result == 0) {
        *out_growths = growths;
        *out_leaders = leaders;
    } else {
        free(growths);
        free(leaders);
    }
    return result;
}
