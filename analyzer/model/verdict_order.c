#include "model/verdict_order.h"

#include "model/holders.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LITTLE_BLOCKS 16u /* so many lost by one stack are no accident */
#define LITTLE_BYTES  (1u << 20)

bool verdict_is_little(uint64_t size, uint64_t count)
{
    return count < LITTLE_BLOCKS && size < LITTLE_BYTES;
}

/* Bytes that VERDICT loses in all the work of the run, as it does it now. */
static double loss(const struct verdicts *verdicts, const struct verdict *verdict)
{
    double work = verdicts->moments.work[verdicts->moments.count - 1];
    double grows = verdict->growth.course == GROWTH_GROWING ? verdict->growth.bytes_per_work * work
                                                            : 0;

    return verdict->kind == VERDICT_LOST ? fmax(grows, (double)verdict->size) : grows;
}

static double rank(const struct verdict *verdict, const struct verdicts *verdicts)
{
    if (verdict->is_leak)
        return 5 + loss(verdicts, verdict);
    if (verdict->kind == VERDICT_NOT_RETURNED)
        return 4;
    return verdict->class == GRAPH_POSSIBLY_LOST ? 3 : 2;
}

/* Leaks by what they lose, then the others by size. */
static int compare(const void *left, const void *right, void *context)
{
    const struct verdict *a = left, *b = right;
    double rank_a = rank(a, context), rank_b = rank(b, context);

    if (rank_a != rank_b)
        return rank_a > rank_b ? -1 : 1;
    if (a->class != b->class)
        return a->class < b->class ? -1 : 1;
    if (a->size != b->size)
        return a->size > b->size ? -1 : 1;
    if (a->count != b->count)
        return a->count > b->count ? -1 : 1;
    return a->stack < b->stack ? -1 : a->stack > b->stack;
}

/* The leak that most tellingly holds VERDICT: the outermost one on its way. OF_SITE has for each
 * site the leak there. */
static size_t find_whole(const struct verdicts *verdicts, const struct holder_paths *paths,
                         size_t number, const size_t *of_site)
{
    const struct holders_step *steps = holder_paths_holders(paths)->steps;
    const struct verdict *verdict = &verdicts->list[number];
    size_t found = VERDICT_NONE;

    if (verdict->step == HOLDERS_NONE)
        return VERDICT_NONE;
    /* Of a list that is lost, all but the first node are of the same step. */
    for (uint32_t step = verdict->class == GRAPH_INDIRECTLY_LOST ? verdict->step
                                                                 : steps[verdict->step].above;
         step != HOLDERS_NONE && steps[step].above != HOLDERS_NONE; step = steps[step].above) {
        size_t leak = of_site[steps[step].site];

        /* What is lost does not hold what is not, and the other way round. */
        if (leak != VERDICT_NONE && leak != number &&
            (verdicts->list[leak].kind == verdict->kind))
            found = leak;
    }
    return found;
}

/* Find which leak each is a part of by PATHS. Returns 0 or -ENOMEM. */
static int find_wholes(struct verdicts *verdicts, const struct holder_paths *paths)
{
    const struct sites *sites = holder_paths_sites(paths);
    size_t *of_site = malloc((sites->count + 1) * sizeof(*of_site));

    if (!of_site)
        return -ENOMEM;
    for (size_t i = 0; i < sites->count; i++)
        of_site[i] = VERDICT_NONE;
    for (size_t i = verdicts->leak_count; i-- > 0;) {
        /* A lost block at the beginning of what is lost, not one that it holds. */
        if (verdicts->list[i].class != GRAPH_INDIRECTLY_LOST)
            of_site[sites->of_stack[verdicts->list[i].stack]] = i;
    }
    for (size_t i = 0; i < verdicts->leak_count; i++)
        verdicts->list[i].part_of = find_whole(verdicts, paths, i, of_site);
    free(of_site);
    return 0;
}

/* Find which of those that grow are parts of others by their stacks: a node holds what was put
 * into it in the same line, so that the way there tells nothing. Returns 0 or -ENOMEM. */
static int find_siblings(struct verdicts *verdicts, const struct holder_paths *paths,
                         const uint32_t *leaders)
{
    const struct sites *sites = paths ? holder_paths_sites(paths) : NULL;
    size_t stacks = verdicts->heap->stack_count;
    size_t *of_stack = malloc((stacks + 1) * sizeof(*of_stack));

    if (!of_stack)
        return -ENOMEM;
    for (size_t i = 0; i < stacks; i++)
        of_stack[i] = VERDICT_NONE;
    for (size_t i = verdicts->leak_count; i-- > 0;) {
        if (verdicts->list[i].kind == VERDICT_HELD_GROWING)
            of_stack[verdicts->list[i].stack] = i;
    }
    for (size_t i = 0; i < verdicts->leak_count; i++) {
        struct verdict *verdict = &verdicts->list[i];
        uint32_t holder = verdict->holder;

        if (verdict->kind != VERDICT_HELD_GROWING || verdict->part_of != VERDICT_NONE)
            continue;
        if (leaders && leaders[verdict->stack] != verdict->stack)
            verdict->part_of = of_stack[leaders[verdict->stack]];
        else if (sites && holder != HOLDERS_NONE && holder != verdict->stack &&
                 sites->of_stack[holder] == sites->of_stack[verdict->stack])
            verdict->part_of = of_stack[holder];
    }
    free(of_stack);
    return 0;
}

/* Find what is a part of what. Returns 0 or -ENOMEM. */
static int find_parts(struct verdicts *verdicts, const struct holder_paths *paths,
                      const uint32_t *leaders)
{
    if ((paths && find_wholes(verdicts, paths) < 0) || find_siblings(verdicts, paths, leaders) < 0)
        return -ENOMEM;
    /* A part of a part is one of the whole; of a circle the worst is the whole. */
    for (size_t i = 0; i < verdicts->leak_count; i++) {
        size_t whole = verdicts->list[i].part_of;

        if (whole == VERDICT_NONE)
            continue;
        for (size_t n = 0; verdicts->list[whole].part_of != VERDICT_NONE && n < 8; n++)
            whole = verdicts->list[whole].part_of;
        if (verdicts->list[whole].part_of != VERDICT_NONE || whole == i)
            verdicts->list[i].part_of = VERDICT_NONE;
        else
            verdicts->list[i].part_of = whole;
    }
    return 0;
}

/* A leak that is no part of another one, with what it loses with its parts. */
struct head {
    double loss;
    size_t index;
    bool is_once;
};

/* The worst first. */
static int compare_heads(const void *one, const void *other)
{
    const struct head *a = one, *b = other;

    if (a->is_once != b->is_once)
        return a->is_once ? 1 : -1;
    if (a->loss != b->loss)
        return a->loss > b->loss ? -1 : 1;
    return a->index < b->index ? -1 : a->index > b->index;
}

/* Add up what the leaks lose in the HEADS, by index, that they are or are parts of. */
static void sum_losses(struct verdicts *verdicts, struct head *heads)
{
    for (size_t i = 0; i < verdicts->leak_count; i++) {
        struct verdict *verdict = &verdicts->list[i];
        size_t whole = verdict->part_of == VERDICT_NONE ? i : verdict->part_of;

        heads[whole].loss += loss(verdicts, verdict);
        verdicts->list[whole].with_size += verdict->size;
        verdicts->list[whole].with_count += verdict->count;
    }
    /* Of a whole that is lost once all is: a list, say, if it is short. */
    for (size_t i = 0; i < verdicts->leak_count; i++) {
        struct verdict *verdict = &verdicts->list[i];

        if (verdict->part_of == VERDICT_NONE &&
            !verdict_is_little(verdict->with_size, verdict->with_count))
            verdict->is_once = false;
    }
    for (size_t i = 0; i < verdicts->leak_count; i++) {
        struct verdict *verdict = &verdicts->list[i];

        if (verdict->part_of != VERDICT_NONE)
            verdict->is_once = verdicts->list[verdict->part_of].is_once;
    }
}

/* Put the leaks in the order of what they lose with their parts, and these behind them. */
static int order_leaks(struct verdicts *verdicts)
{
    size_t count = verdicts->leak_count, head_count = 0, at = 0;
    struct verdict *ordered = malloc((count + 1) * sizeof(*ordered));
    struct head *heads = calloc(count + 1, sizeof(*heads));
    size_t *parts = malloc((count + 1) * sizeof(*parts)); /* of each the next part of its whole, … */
    size_t *first = malloc((count + 1) * sizeof(*first)); /* … which begins here */
    int result = -ENOMEM;

    if (!ordered || !heads || !parts || !first)
        goto out;
    sum_losses(verdicts, heads);
    for (size_t i = 0; i < count; i++)
        first[i] = VERDICT_NONE;
    for (size_t i = count; i-- > 0;) {
        size_t whole = verdicts->list[i].part_of;

        if (whole == VERDICT_NONE)
            continue;
        parts[i] = first[whole];
        first[whole] = i;
    }
    for (size_t i = 0; i < count; i++)
        if (verdicts->list[i].part_of == VERDICT_NONE)
            heads[head_count++] = (struct head){heads[i].loss, i, verdicts->list[i].is_once};
    qsort(heads, head_count, sizeof(*heads), compare_heads);
    for (size_t i = 0; i < head_count; i++) {
        size_t place = at;

        ordered[at++] = verdicts->list[heads[i].index];
        verdicts->head_count += !ordered[place].is_once;
        for (size_t part = first[heads[i].index]; part != VERDICT_NONE; part = parts[part]) {
            ordered[at] = verdicts->list[part];
            ordered[at++].part_of = place;
        }
    }
    memcpy(verdicts->list, ordered, count * sizeof(*ordered));
    for (size_t i = 0; i < count; i++) {
        if (ordered[i].is_once) {
            verdicts->lost_once.size += ordered[i].size;
            verdicts->lost_once.count += ordered[i].count;
        } else {
            verdicts->leaked.size += ordered[i].size;
            verdicts->leaked.count += ordered[i].count;
        }
    }
    result = 0;
out:
    free(ordered);
    free(heads);
    free(parts);
    free(first);
    return result;
}

int verdict_order(struct verdicts *verdicts, const struct holder_paths *paths, const uint32_t *leaders)
{
    int result;

    qsort_r(verdicts->list, verdicts->count, sizeof(*verdicts->list), compare, verdicts);
    result = find_parts(verdicts, paths, leaders);
    return result == 0 ? order_leaks(verdicts) : result;
}
