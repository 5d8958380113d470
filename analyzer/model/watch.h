/* watch.h - a program's stacks, moment after moment: how much each holds, and how fast that changes.
 *
 * A watch is told what all stacks have allocated and hold at one moment after the other, and
 * remembers the last WATCH_COURSE of them. It knows stacks by their numbers, which stay the same
 * while a program runs, and nothing else of them. Rows, which somebody else gives names to, are
 * made of it whenever they are to be shown, so the past is there also for rows of another kind.
 *
 * Growth is counted from the base: the first moment, or that of the last mark.
 */
#ifndef MODEL_WATCH_H
#define MODEL_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WATCH_COURSE 60 /* moments */

struct watch;

/* Of a stack, or the sum of several. */
struct watch_value {
    uint64_t bytes, blocks;          /* alive */
    uint64_t allocated, allocations; /* bytes and calls since tracing began */
};

enum watch_order {
    WATCH_BY_LIVE,
    WATCH_BY_GROWTH, /* bytes since the base */
    WATCH_BY_RATE,   /* allocated bytes per second */
    WATCH_BY_BLOCKS,
    WATCH_BY_ALLOCATIONS, /* calls per second */
    WATCH_BY_NAME,
    WATCH_ORDERS,
};

struct watch_row {
    uint32_t name; /* its number */
    struct watch_value now;
    int64_t growth, block_growth;
    double rate, allocation_rate; /* per second, over the last two moments */
    size_t stacks;                /* of it that have ever allocated; */
    uint32_t largest;             /* the one that holds, or if none does, has allocated, most */
    uint64_t course[WATCH_COURSE]; /* bytes alive, the newest last; before the first moment 0 */
};

/* Create a watch that was told nothing yet. NULL for lack of memory. */
struct watch *watch_create(void);

/* Free WATCH, which may be NULL. */
void watch_destroy(struct watch *watch);

/* Tell WATCH what its first COUNT stacks hold at TIME, in ns, which grows; COUNT does not shrink.
 * Returns 0 or -ENOMEM. */
int watch_take(struct watch *watch, uint64_t time, const struct watch_value *values, size_t count);

/* Tell WATCH that at TIME nothing has changed: nothing was allocated since the last moment. */
void watch_repeat(struct watch *watch, uint64_t time);

/* From now on growth is counted from the last moment; or again from the first one. */
void watch_mark(struct watch *watch);
void watch_unmark(struct watch *watch);

/* Is there a moment before the last one, so that rates are known? Else they are 0. */
bool watch_has_rates(const struct watch *watch);

/* Make rows of the stacks: stack I counts to the row of the name ROW_OF[I], a number below
 * NAME_COUNT, of at least as many stacks as WATCH was told of; to none if it is 0. Rows that have
 * allocated nothing are left out, and with FILTER those whose names do not contain it, in whatever
 * case. They come in ORDER, the largest first (names: in their order), for free() in OUT_ROWS, and
 * their sum, name 0, in OUT_TOTAL. Returns how many there are, or -ENOMEM. */
long watch_rows(const struct watch *watch, const uint32_t *row_of, const char *const *names,
                size_t name_count, const char *filter, enum watch_order order,
                struct watch_row **out_rows, struct watch_row *out_total);

/* The stacks of the row NAME, the larger first, as ROW_OF has them, for free() in OUT_STACKS.
 * Returns how many there are, or -ENOMEM. */
long watch_stacks(const struct watch *watch, const uint32_t *row_of, uint32_t name,
                  uint32_t **out_stacks);

/* What STACK holds now. */
struct watch_value watch_stack(const struct watch *watch, uint32_t stack);

/* The name that the user types for ORDER ("live"). */
const char *watch_order_name(enum watch_order order);

#define WATCH_ORDER_NAMES "live, growth, rate, blocks, allocations, name"

/* Find the order named NAME. Returns 0 or -EINVAL. */
int watch_order_find(const char *name, enum watch_order *out_order);

#endif
