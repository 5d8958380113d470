/* rounds.h - whether what a place in the program holds grows from round to round.
 *
 * A program that does the same again and again holds the same after each time, once it has warmed
 * up. So growth is told by far fewer moments than in growth.h, which knows nothing of what a
 * program does:
 *
 *   bytes            ·                  round       between two snapshots
 *     │        ·  ·  |                  floor       the lowest from there on: what is kept
 *     │   ·    |  |  ·   kept           growing     the floor rises in nearly every round
 *     │ ·  ·   ·  ·                                 behind the warm-up, one in ten may be without
 *     └─┬──┬───┬──┬──┬── rounds
 *
 * What grows only now and then may still be found by growth.h's rules, if there are rounds enough.
 * Stacks are put together by their sites first: the same line reached by different ways is one.
 */
#ifndef MODEL_ROUNDS_H
#define MODEL_ROUNDS_H

#include "model/growth.h"
#include "model/heap.h"
#include "model/symbols.h"

#include <stddef.h>
#include <stdint.h>

#define ROUNDS_MIN 3u /* behind the warm-up, for growth to be told */

struct rounds {
    const struct heap *const *heaps; /* at the end of each round, oldest first, */
    const uint64_t *numbers;         /* … the number of each, as of rounds_number(); */
    size_t count;                    /* … at most GROWTH_MOMENTS_MAX of them */
    size_t warm_up;                  /* rounds that are not judged */
};

/* Number the rounds that end with the COUNT snapshots HEAPS of a process, oldest first, from 1 on
 * into NUMBERS; 0: no round ends there, somebody else wanted the snapshot. Where marks were thinned
 * out there are gaps. */
void rounds_number(const struct heap *const *heaps, size_t count, uint64_t *numbers);

/* How many rounds of ROUNDS are judged. */
size_t rounds_judged(const struct rounds *rounds);

/* Judge what the stacks of LAST, a later snapshot of the same process or the last round's, held.
 * In the array OUT_GROWTHS, with an element for each stack, to be freed with free(), the growth
 * of a site is shared among the stack of it that grew most and those that grow by themselves as
 * well; the others have none. In the array OUT_LEADERS, likewise, is the stack that grew most of
 * the site of each. Returns 0 or -ENOMEM. */
int rounds_judge(const struct rounds *rounds, const struct heap *last, struct symbols *symbols,
                 struct growth **out_growths, uint32_t **out_leaders);

/* Judge LEVELS, of which COUNT are known, at the ends of the rounds NUMBERS; the first is the base. */
void rounds_judge_levels(const uint64_t *numbers, const struct growth_levels *levels, size_t count,
                         struct growth *out_growth);

#endif
