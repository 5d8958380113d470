#include "model/growth.h"

#include "model/fit.h"

#include <math.h>
#include <string.h>

#define PARTS_MIN    5u
#define EVIDENCE_MIN 16u /* rises, or blocks, that growth must consist of */
#define PER_PART     4u  /* of these in each part: by chance it is empty 1 time in 50 */
#define PARTS_SURE   7u  /* so many parts in a row are no accident */
#define SLOWING      0.42 /* mean moment of a rise that slows, as share of the work */
#define NARROW       0.1 /* share of all work within which what grew once did */

/* What a stretch of moments, [first, end), is judged by. */
struct parts {
    size_t count;
    double work[GROWTH_PARTS_MAX], time[GROWTH_PARTS_MAX]; /* of the lowest level */
    double bytes[GROWTH_PARTS_MAX], blocks[GROWTH_PARTS_MAX];
    double highest[GROWTH_PARTS_MAX]; /* bytes */
};

void growth_set_warm_up(struct growth_moments *moments, size_t rounds)
{
    double all = moments->count > 0 ? moments->work[moments->count - 1] : 0;

    if (!moments->are_rounds)
        moments->warm_up = all / 5;
    else if (rounds < moments->count)
        moments->warm_up = moments->work[rounds];
    else
        moments->warm_up = all;
}

/* Cut the moments [FIRST, END) into COUNT parts of equal work, and take the lowest level of each.
 * A part without a moment is left out. */
static void cut(const struct growth_moments *moments, const struct growth_levels *levels,
                size_t first, size_t end, size_t count, struct parts *out_parts)
{
    double begin = moments->work[first], all = moments->work[end - 1] - begin;
    size_t last = SIZE_MAX;

    out_parts->count = 0;
    for (size_t i = first; i < end; i++) {
        double share = all > 0 ? (moments->work[i] - begin) / all : 0;
        size_t part = share >= 1 ? count - 1 : (size_t)(share * (double)count);

        if (part != last) {
            last = part;
            out_parts->highest[out_parts->count] = 0;
            out_parts->bytes[out_parts->count++] = INFINITY;
        }
        out_parts->highest[out_parts->count - 1] =
            fmax(out_parts->highest[out_parts->count - 1], (double)levels->bytes[i]);
        if ((double)levels->bytes[i] < out_parts->bytes[out_parts->count - 1]) {
            out_parts->bytes[out_parts->count - 1] = (double)levels->bytes[i];
            out_parts->blocks[out_parts->count - 1] = (double)levels->blocks[i];
            out_parts->work[out_parts->count - 1] = moments->work[i];
            out_parts->time[out_parts->count - 1] = moments->time[i];
        }
    }
}

/* By how much the levels usually go up and down within one of PARTS. */
static double swing(const struct parts *parts)
{
    double swings[GROWTH_PARTS_MAX];

    for (size_t i = 0; i < parts->count; i++)
        swings[i] = parts->highest[i] - parts->bytes[i];
    return fit_median(swings, parts->count);
}

/* The standard deviation of the lowest levels of PARTS around a smooth course, about: a quarter of
 * what they swing by beyond their rise. Of enough parts to tell it from a bend also by their second
 * differences, whose variance is six times theirs, by the median, which a step does not move. */
static double scatter(const struct parts *parts)
{
    double rise = (parts->bytes[parts->count - 1] - parts->bytes[0]) / (double)parts->count;
    double by_swing = fmax((swing(parts) - rise) / 4, 0), bends[GROWTH_PARTS_MAX];
    size_t count = 0;

    if (parts->count < PARTS_SURE)
        return by_swing;
    for (size_t i = 2; i < parts->count; i++)
        bends[count++] = fabs(parts->bytes[i] - 2 * parts->bytes[i - 1] + parts->bytes[i - 2]);
    return fmax(fit_median(bends, count) / 0.6745 / sqrt(6), by_swing);
}

void growth_find_floor(const uint64_t *levels, size_t first, size_t end, uint64_t *floor)
{
    uint64_t lowest = UINT64_MAX;

    for (size_t i = end; i-- > first;) {
        lowest = levels[i] < lowest ? levels[i] : lowest;
        floor[i] = lowest;
    }
}

/* How many cases a rise in RISES of COUNT intervals stands for: if they come by chance, the share of
 * intervals without one is e to the power of minus those for each (of none without: of half a one). */
static double cases_of(size_t rises, size_t count)
{
    double all = (double)count;

    return count > 0 ? -all * log(1 - fmin((double)rises, all - 0.5) / all) : 0;
}

/* How much there is to judge by: blocks more, or moments at which the floor rose, if these are more. */
static size_t evidence(const struct growth_levels *levels, const uint64_t *floor, size_t first,
                       size_t end)
{
    size_t rises = 0;
    uint64_t blocks;

    for (size_t i = first + 1; i < end; i++)
        rises += floor[i] > floor[i - 1];
    if (rises < 2)
        return rises;
    blocks = levels->blocks[end - 1] > levels->blocks[first]
                 ? levels->blocks[end - 1] - levels->blocks[first]
                 : 0;
    /* Where blocks are made longer nobody knows how often. */
    if (blocks < rises / 2)
        return (size_t)cases_of(rises, end - 1 - first);
    /* Many blocks within few moments are a bulk, not many cases. */
    if (blocks > 4 * rises)
        blocks = 4 * rises;
    return blocks > rises ? blocks : rises;
}

/* Whether PARTS rise ever more slowly, where the rise consists of COUNT cases: then the mean moment
 * of these lies before the middle, by much and by more than chance explains (Laplace's test for a
 * trend in events). Of a line it is the middle, of a root 0.44, of a logarithm 0.37. */
static bool is_slowing(const struct parts *parts, size_t count)
{
    size_t last = parts->count - 1;
    double work = parts->work[last] - parts->work[0], rise = parts->bytes[last] - parts->bytes[0];
    double mean = 0, variance;

    for (size_t i = 1; i <= last; i++)
        mean += (parts->bytes[i] - parts->bytes[i - 1]) / rise *
                ((parts->work[i] + parts->work[i - 1]) / 2 - parts->work[0]) / work;
    /* Cases come by chance, and each level is off by what comes and goes, the outer ones by half
     * of all work. */
    variance = 1 / (12.0 * (double)count) +
               (0.5 + 1 / (double)parts->count) * pow(scatter(parts) / rise, 2);
    return mean < SLOWING && 0.5 - mean > 2 * sqrt(variance); /* 2 % by chance */
}

/* Where the floor begins to rise and where it ends to, as shares of all work. */
static void find_span(const struct growth_moments *moments, const uint64_t *floor, size_t count,
                      struct growth *growth)
{
    uint64_t all = floor[count - 1], from = all / 20, to = all - all / 20;
    double work = moments->work[count - 1];
    size_t begin = 0, end;

    while (begin < count - 1 && floor[begin] <= from)
        begin++;
    end = begin;
    while (end < count - 1 && floor[end] < to)
        end++;
    /* It rose after the moment before. */
    growth->since_time = begin > 0 ? (uint64_t)moments->time[begin - 1] : 0;
    growth->since = begin > 0 && work > 0 ? moments->work[begin - 1] / work : 0;
    growth->until = work > 0 ? moments->work[end] / work : 0;
}

/* Whether FLOOR rises no more, of which there were CASES: not in the last tenth of the work, and
 * for five times as long as is usual, which is more than chance. What comes and goes above it hides
 * rises: then those that are seen before tell what is usual. */
static bool is_still(const struct growth_moments *moments, const uint64_t *floor, size_t first,
                     size_t end, size_t cases)
{
    size_t last = end - 1, rises = 0;
    double all = moments->work[end - 1] - moments->work[first], still, seen;

    while (last > first && floor[last] == floor[last - 1])
        last--;
    if (all <= 0 || last == first)
        return true;
    for (size_t i = first + 1; i <= last; i++)
        rises += floor[i] > floor[i - 1];
    still = (moments->work[end - 1] - moments->work[last]) / all;
    seen = cases_of(rises, last - first) / (1 - still);
    return still > fmax(0.1, 5 / fmin((double)cases, seen));
}

/* Whether all levels, not only the lowest, rise less than half as fast in the second half of the
 * work as they did in the first, by more than chance explains 1 time in 15: what comes and goes on top
 * of what has stopped puts a few parts in order easily, but not all moments. (Kendall's test on what
 * is left of them without that half; bursts move neither it nor the slope.) Where nothing goes, the
 * last rise tells it better. */
static bool slackens(const struct growth_moments *moments, const struct growth_levels *levels,
                     size_t first, size_t end)
{
    double begin = moments->work[first], all = moments->work[end - 1] - begin;
    double bytes[GROWTH_MOMENTS_MAX], slope, score = 0, count;
    size_t middle = first;
    bool falls = false;

    while (middle < end && moments->work[middle] - begin < all / 2)
        middle++;
    for (size_t i = first; i < end; i++)
        bytes[i] = (double)levels->bytes[i];
    slope = fit_slope(moments->work + first, bytes + first, middle - first) / 2;
    for (size_t i = middle; i < end; i++) {
        falls |= i > middle && bytes[i] < bytes[i - 1];
        for (size_t j = middle; j < i; j++) {
            double rise = bytes[i] - bytes[j] - slope * (moments->work[i] - moments->work[j]);

            score += (rise > 0) - (rise < 0);
        }
    }
    count = (double)(end - middle);
    return falls && score < 0 &&
           score * score > 1.5 * 1.5 * count * (count - 1) * (2 * count + 5) / 18;
}

/* Whether the lowest levels of PARTS rise. */
static bool rise_all_the_time(const struct parts *parts)
{
    double rise = parts->bytes[parts->count - 1] - parts->bytes[0], fall = 0;
    unsigned grew = 0;

    for (size_t i = 1; i < parts->count; i++) {
        grew += parts->bytes[i] > parts->bytes[i - 1];
        fall = fmax(fall, parts->bytes[i - 1] - parts->bytes[i]);
    }
    /* A part may be without; a fall must be small beside what was gained. */
    if (rise <= 0 || grew + 2 < parts->count || fall * 4 > rise)
        return false;
    /* Few parts are in their order by chance, but not that far apart. */
    return parts->count >= PARTS_SURE || rise > swing(parts);
}

/* DIFFERENCE as a number, 0 if it is below, the highest if it is above all. */
static uint64_t clamp(double difference)
{
    return difference <= 0 ? 0 : difference >= 0x1p64 ? UINT64_MAX : (uint64_t)difference;
}

/* Put into GROWTH by how much PARTS rise. */
static void measure(const struct parts *parts, struct growth *growth)
{
    size_t last = parts->count - 1;

    growth->parts = (unsigned)last;
    growth->grew = 0;
    for (size_t i = 1; i <= last; i++)
        growth->grew += parts->bytes[i] > parts->bytes[i - 1];
    growth->bytes = clamp(parts->bytes[last] - parts->bytes[0]);
    growth->blocks = clamp(parts->blocks[last] - parts->blocks[0]);
    growth->bytes_per_work = fit_slope(parts->work, parts->bytes, parts->count);
    growth->blocks_per_work = fit_slope(parts->work, parts->blocks, parts->count);
    growth->bytes_per_hour = fit_slope(parts->time, parts->bytes, parts->count) * 3600e9;
}

/* Judge the moments [FIRST, END), whose FLOOR it is. Returns whether it grows. */
static bool grows(const struct growth_moments *moments, const struct growth_levels *levels,
                  const uint64_t *floor, size_t first, size_t end, struct growth *growth)
{
    size_t cases, count;
    struct parts parts;
    uint64_t before = 0;

    if (end < first + GROWTH_MOMENTS_MIN)
        return false;
    cases = evidence(levels, floor, first, end);
    if (cases < EVIDENCE_MIN)
        return false;
    count = cases / PER_PART;
    cut(moments, levels, first, end, count > GROWTH_PARTS_MAX ? GROWTH_PARTS_MAX : count, &parts);
    if (parts.count >= PARTS_MIN && !rise_all_the_time(&parts))
        /* What comes and goes may have no low moment in each of many parts. */
        cut(moments, levels, first, end, PARTS_MIN, &parts);
    if (parts.count < PARTS_MIN)
        return false;
    measure(&parts, growth);
    /* What was let go in the end is no leak either. */
    if (!rise_all_the_time(&parts) || growth->bytes_per_work <= 0 ||
        levels->bytes[moments->count - 1] < growth->bytes / 2)
        return false;

    if (is_still(moments, floor, first, end, cases) || slackens(moments, levels, first, end)) {
        growth->course = GROWTH_STOPPED;
        return false;
    }
    if (is_slowing(&parts, cases)) {
        growth->course = GROWTH_SLOWING;
        return false;
    }
    /* What has been higher before, and came down again, may do so once more. */
    for (size_t i = 0; i < first; i++)
        before = levels->bytes[i] > before ? levels->bytes[i] : before;
    if (before > levels->bytes[end - 1] && before > 2 * levels->bytes[first])
        return false;
    growth->course = GROWTH_GROWING;
    growth->confidence = cases >= 24 && growth->grew == growth->parts && parts.count > PARTS_MIN
                             ? GROWTH_HIGH
                             : GROWTH_MEDIUM;
    return true;
}

/* Whether the lowest levels of [FIRST, END) are higher in the last two fifths than they were in the
 * first, by more than a quarter of the highest: what only comes and goes has low moments to the
 * last. */
static bool is_higher(const struct growth_moments *moments, const struct growth_levels *levels,
                      size_t first, size_t end)
{
    struct parts parts;
    double highest = 0;

    cut(moments, levels, first, end, PARTS_MIN, &parts);
    for (size_t i = 0; i < parts.count; i++)
        highest = fmax(highest, parts.highest[i]);
    return parts.count > 1 &&
           fmin(parts.bytes[parts.count - 1], parts.bytes[parts.count - 2]) - parts.bytes[0] >
               highest / 4;
}

/* The moment from which the stack grows if it began late: behind its last fall by much. */
static size_t find_begin(const struct growth_levels *levels, size_t first, size_t count)
{
    size_t begin = first;
    uint64_t highest = 0;

    for (size_t i = first; i < count; i++) {
        highest = levels->bytes[i] > highest ? levels->bytes[i] : highest;
        if (levels->bytes[i] == 0 || levels->bytes[i] < highest / 2) {
            begin = i;
            highest = levels->bytes[i];
        }
    }
    return begin;
}

/* Judge LEVELS at MOMENTS by bytes. */
static void judge(const struct growth_moments *moments, const struct growth_levels *levels,
                  struct growth *out_growth)
{
    uint64_t floor[GROWTH_MOMENTS_MAX];
    size_t count = moments->count, end = count, first = 0, begin;
    double work = count > 0 ? moments->work[count - 1] : 0;
    struct growth *growth = out_growth;

    memset(growth, 0, sizeof(*growth));
    if (count == 0)
        return;
    /* What a program lets go when it ends hides what grew before. */
    if (count > 1 && levels->bytes[count - 1] < levels->bytes[count - 2])
        end--;
    growth_find_floor(levels->bytes, 0, end, floor);
    find_span(moments, floor, end, growth);
    growth->lowest = UINT64_MAX;
    for (size_t i = 0; i < count; i++) {
        if (moments->work[i] < work / 2)
            continue;
        growth->lowest = levels->bytes[i] < growth->lowest ? levels->bytes[i] : growth->lowest;
        growth->highest = levels->bytes[i] > growth->highest ? levels->bytes[i] : growth->highest;
    }
    while (first < end - 1 && moments->work[first] < moments->warm_up)
        first++;
    if (count < GROWTH_MOMENTS_MIN)
        return;
    growth->confidence = count - first >= 2 * GROWTH_MOMENTS_MIN ? GROWTH_HIGH : GROWTH_MEDIUM;
    if (grows(moments, levels, floor, first, end, growth))
        return;
    /* It may have begun later; then it must be as clear within what is left. */
    begin = find_begin(levels, first, end);
    if (growth->course == GROWTH_UNKNOWN && begin > first &&
        moments->work[begin] <= work * 3 / 4 &&
        grows(moments, levels, floor, begin, end, growth)) {
        growth->confidence = GROWTH_MEDIUM;
        return;
    }
    if (growth->course != GROWTH_UNKNOWN)
        return;
    if (growth->until - growth->since <= NARROW || growth->until <= NARROW)
        growth->course = GROWTH_ONCE;
    else if (is_higher(moments, levels, first, end))
        growth->course = GROWTH_STOPPED;
    else
        growth->course = GROWTH_FLAT;
}

bool growth_is_by_blocks(const struct growth_levels *levels, size_t count)
{
    bool changed = false;

    for (size_t i = 1; i < count; i++) {
        if (levels->bytes[i] != levels->bytes[0])
            return false;
        changed |= levels->blocks[i] != levels->blocks[0];
    }
    return changed;
}

void growth_judge(const struct growth_moments *moments, const struct growth_levels *levels,
                  struct growth *out_growth)
{
    struct growth_levels by_blocks;

    if (!growth_is_by_blocks(levels, moments->count)) {
        judge(moments, levels, out_growth);
        return;
    }
    by_blocks = *levels;
    memcpy(by_blocks.bytes, levels->blocks, sizeof(by_blocks.bytes));
    judge(moments, &by_blocks, out_growth);
    out_growth->bytes = 0;
    out_growth->bytes_per_work = out_growth->bytes_per_hour = 0;
    out_growth->lowest = out_growth->highest = levels->bytes[0];
}
