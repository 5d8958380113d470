#include "model/growth.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define PARTS_MIN    5u
#define EVIDENCE_MIN 16u /* rises, or blocks, that growth must consist of */
#define PER_PART     4u  /* of these in each part: by chance it is empty 1 time in 50 */
#define NARROW       0.1 /* share of all work within which what grew once did */

/* What a stretch of moments, [first, end), is judged by. */
struct parts {
    size_t count;
    double work[GROWTH_PARTS_MAX], time[GROWTH_PARTS_MAX]; /* of the lowest level */
    double bytes[GROWTH_PARTS_MAX], blocks[GROWTH_PARTS_MAX];
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
            out_parts->bytes[out_parts->count++] = INFINITY;
        }
        if ((double)levels->bytes[i] < out_parts->bytes[out_parts->count - 1]) {
            out_parts->bytes[out_parts->count - 1] = (double)levels->bytes[i];
            out_parts->blocks[out_parts->count - 1] = (double)levels->blocks[i];
            out_parts->work[out_parts->count - 1] = moments->work[i];
            out_parts->time[out_parts->count - 1] = moments->time[i];
        }
    }
}

static int compare_doubles(const void *left, const void *right)
{
    const double *a = left, *b = right;

    return *a < *b ? -1 : *a > *b;
}

/* The slope of Y over X, COUNT each: the median of those between any two (Theil 1950, Sen 1968),
 * which up to 29 % of outliers do not move. */
static double slope(const double *x, const double *y, size_t count)
{
    double slopes[GROWTH_PARTS_MAX * (GROWTH_PARTS_MAX - 1) / 2];
    size_t found = 0;

    for (size_t i = 0; i < count; i++) {
        for (size_t j = i + 1; j < count; j++) {
            if (x[j] > x[i])
                slopes[found++] = (y[j] - y[i]) / (x[j] - x[i]);
        }
    }
    if (found == 0)
        return 0;
    qsort(slopes, found, sizeof(*slopes), compare_doubles);
    return found % 2 ? slopes[found / 2] : (slopes[found / 2 - 1] + slopes[found / 2]) / 2;
}

/* Of the moments [FIRST, END): the lowest level from each on, into FLOOR. */
static void find_floor(const uint64_t *levels, size_t first, size_t end, uint64_t *floor)
{
    uint64_t lowest = UINT64_MAX;

    for (size_t i = end; i-- > first;) {
        lowest = levels[i] < lowest ? levels[i] : lowest;
        floor[i] = lowest;
    }
}

/* How much there is to judge by: rises of the floor, or blocks more, whichever is more. Each
 * moment at which it rose is one rise, however much. */
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
    /* Many blocks within few moments are a bulk, not many cases. */
    if (blocks > 4 * rises)
        blocks = 4 * rises;
    return blocks > rises ? blocks : rises;
}

/* Whether the rise between BEGIN and MIDDLE is by far more than that from MIDDLE to the end, more
 * than chance explains where RISE consists of COUNT cases. */
static bool is_slowing(double early, double late, size_t count)
{
    double cases = (double)count * 2 / 3, ratio, deviation;

    if (early <= 0)
        return false;
    ratio = late / early;
    if (ratio >= 0.5)
        return false;
    /* Of CASES in two thirds of the work half belong into each, give or take. */
    deviation = (0.5 - ratio / (1 + ratio)) * 2 * sqrt(cases);
    return deviation > 2.3; /* 1 % by chance */
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

/* The share of the work from FIRST on behind the last rise of FLOOR. */
static double still_since(const struct growth_moments *moments, const uint64_t *floor, size_t first,
                          size_t end)
{
    size_t i = end - 1;
    double all = moments->work[end - 1] - moments->work[first];

    while (i > first && floor[i] == floor[i - 1])
        i--;
    return all > 0 ? (moments->work[end - 1] - moments->work[i]) / all : 1;
}

/* Judge the moments [FIRST, END), whose FLOOR it is. Returns whether it grows. */
static bool grows(const struct growth_moments *moments, const struct growth_levels *levels,
                  const uint64_t *floor, size_t first, size_t end, struct growth *growth)
{
    size_t cases = evidence(levels, floor, first, end), third;
    struct parts parts;
    size_t count = cases / PER_PART;
    double rise, dip = 0, still;
    uint64_t before = 0;

    if (end - first < GROWTH_MOMENTS_MIN || cases < EVIDENCE_MIN)
        return false;
    count = count < PARTS_MIN ? PARTS_MIN : count > GROWTH_PARTS_MAX ? GROWTH_PARTS_MAX : count;
    cut(moments, levels, first, end, count, &parts);
    if (parts.count < PARTS_MIN)
        return false;

    growth->parts = (unsigned)parts.count - 1;
    growth->grew = 0;
    rise = parts.bytes[parts.count - 1] - parts.bytes[0];
    for (size_t i = 1; i < parts.count; i++) {
        growth->grew += parts.bytes[i] > parts.bytes[i - 1];
        dip = fmax(dip, parts.bytes[i - 1] - parts.bytes[i]);
    }
    if (rise <= 0 || (double)levels->bytes[moments->count - 1] < rise / 2)
        return false; /* or it was let go in the end */
    growth->bytes = (uint64_t)rise;
    growth->blocks = parts.blocks[parts.count - 1] > parts.blocks[0]
                         ? (uint64_t)(parts.blocks[parts.count - 1] - parts.blocks[0])
                         : 0;
    growth->bytes_per_work = slope(parts.work, parts.bytes, parts.count);
    growth->blocks_per_work = slope(parts.work, parts.blocks, parts.count);
    growth->bytes_per_hour = slope(parts.time, parts.bytes, parts.count) * 3600e9;

    /* A part in ten may be without; a fall must be small beside what was gained. */
    if (growth->grew + 1 < growth->parts || growth->grew < PARTS_MIN - 1 || dip * 4 > rise ||
        growth->bytes_per_work <= 0)
        return false;

    /* What filled up rises no more at the end; five times as long as usual is more than chance. */
    still = still_since(moments, floor, first, end);
    if (still > fmax(0.1, 5.0 / (double)cases)) {
        growth->course = GROWTH_STOPPED;
        return false;
    }
    third = parts.count / 3;
    if (third > 0 && is_slowing(parts.bytes[third] - parts.bytes[0],
                                parts.bytes[parts.count - 1] - parts.bytes[parts.count - 1 - third],
                                cases)) {
        growth->course = GROWTH_SLOWING;
        return false;
    }
    /* What has been higher before, and came down again, may do so once more. */
    for (size_t i = 0; i < first; i++)
        before = levels->bytes[i] > before ? levels->bytes[i] : before;
    if (before > levels->bytes[end - 1] && before > 2 * levels->bytes[first])
        return false;
    growth->course = GROWTH_GROWING;
    growth->confidence = cases >= 24 && growth->grew == growth->parts && parts.count >= 6
                             ? GROWTH_HIGH
                             : GROWTH_MEDIUM;
    return true;
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

void growth_judge(const struct growth_moments *moments, const struct growth_levels *levels,
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
    find_floor(levels->bytes, 0, end, floor);
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
    else if (floor[end - 1] > floor[first])
        growth->course = GROWTH_STOPPED;
    else
        growth->course = GROWTH_FLAT;
}
