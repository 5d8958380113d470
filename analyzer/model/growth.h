/* growth.h - whether what a stack holds grows, judged from what it held at some moments.
 *
 *   bytes                      . .·       moments   when all stacks were looked at
 *     │             . ·  ·.· · ·          parts     equal stretches of work behind the warm-up;
 *     │    . · · .·                                 of each its lowest level counts, so that
 *     │ ·.·                               what comes and goes does not
 *     └──┬────┬────┬────┬────┬── work
 *     warm-up   parts
 *
 * Work is the allocations of the whole program, not time: then a verdict depends neither on the
 * speed of the machine nor on how long the program waited. docs/verdicts.md has the rules and
 * their reasons.
 *
 * Nothing here fails.
 */
#ifndef MODEL_GROWTH_H
#define MODEL_GROWTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GROWTH_MOMENTS_MAX 256u
#define GROWTH_PARTS_MAX   10u
#define GROWTH_MOMENTS_MIN 8u /* in all, and behind the warm-up, for a course to be told */

/* When the stacks were looked at, oldest first; the last moment is the snapshot itself. */
struct growth_moments {
    size_t count;
    double work[GROWTH_MOMENTS_MAX]; /* never falls */
    double time[GROWTH_MOMENTS_MAX]; /* ns, never falls */
    double warm_up;                  /* what is below this much work is start-up */
    bool are_rounds;                 /* moments are ends of rounds: work counts rounds */
};

/* What a stack held at each moment. */
struct growth_levels {
    uint64_t bytes[GROWTH_MOMENTS_MAX], blocks[GROWTH_MOMENTS_MAX];
};

enum growth_course {
    GROWTH_UNKNOWN,  /* too few moments */
    GROWTH_FLAT,     /* its lowest levels do not rise */
    GROWTH_GROWING,  /* they rise in each part, to the end */
    GROWTH_STOPPED,  /* they rose over several parts, and then not any more */
    GROWTH_SLOWING,  /* they rise ever more slowly */
    GROWTH_ONCE,     /* all of it came within a tenth of the work, or before the first moment */
};

enum growth_confidence {
    GROWTH_LOW,
    GROWTH_MEDIUM,
    GROWTH_HIGH,
};

struct growth {
    enum growth_course course;
    enum growth_confidence confidence;
    unsigned parts, grew;  /* parts that were compared with the one before, and rose above it */
    double since, until;   /* share of all work: where the rise begins and ends */
    uint64_t since_time;   /* ns */
    uint64_t bytes, blocks; /* that the lowest levels rose by */
    double bytes_per_work, blocks_per_work; /* slope, a Theil–Sen fit to the lowest levels */
    double bytes_per_hour;
    uint64_t lowest, highest; /* bytes, in the second half of the work */
};

/* Set the warm-up of MOMENTS, whose work is known: a fifth of it, or ROUNDS of them. */
void growth_set_warm_up(struct growth_moments *moments, size_t rounds);

/* Judge LEVELS at MOMENTS into OUT_GROWTH. */
void growth_judge(const struct growth_moments *moments, const struct growth_levels *levels,
                  struct growth *out_growth);

/* Put the lowest of LEVELS from each moment on, of those in [FIRST, END), into FLOOR. */
void growth_find_floor(const uint64_t *levels, size_t first, size_t end, uint64_t *floor);

/* Do the blocks of LEVELS, at COUNT moments, become more or fewer, and their bytes not? Such are
 * blocks of no bytes, which the allocator has no less to give for; they are judged by their number. */
bool growth_is_by_blocks(const struct growth_levels *levels, size_t count);

#endif
