/* counters.h - what each stack has allocated and freed, per thread; current and peak.
 *
 * Each thread counts in an array of its own, indexed by stack number, so counting
 * takes no lock and the sum over all threads is exact once none of them records. Of the array,
 * which grows by being mapped elsewhere, there are only the pages that were counted in.
 * It stays with the thread's state when the thread ends (guard.h) and goes on to
 * count for the next. A free counts for the stack that allocated, in the array of
 * the thread that freed: one thread's numbers alone may seem negative, and are
 * right modulo 2^64.
 *
 * The live bytes and their peak are shared, but a thread touches them only when what it has
 * added or taken since it did so last reaches a limit: COUNTERS_WINDOW, or less where
 * somebody waits for a size. In between it remembers how far it was above that at most. So
 * current is exact once everybody's rest is added, and so is the peak while one thread
 * allocates; with more, it is off by less than COUNTERS_WINDOW a thread.
 *
 * What each stack held at the peak needs no look at all stacks. Peaks are numbered: the first
 * change downwards behind a new maximum ends one. A counter that is about to change and knows
 * only an older peak keeps what it holds until then, which it held at the newer one, too. With
 * several threads, the instant so remembered may be as far again below the maximum as the peak may
 * be off.
 */
#ifndef PRELOAD_COUNTERS_H
#define PRELOAD_COUNTERS_H

#include "format/snapshot.h"
#include "preload/ours.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define COUNTERS_WINDOW 16384 /* bytes */
#define COUNTERS_PER_PAGE 64u
#define COUNTERS_FIRST 1024u        /* stacks that there is room for at first */
#define COUNTERS_STACKS (1u << 26)  /* … and in the end */

/* What a thread counts for a stack, by enum snapshot_counter, and what it held at the peak. */
struct counter {
    uint64_t value[SNAPSHOT_TEMPORARY + 1];
    uint64_t peak_bytes;
    uint32_t peak_blocks; /* modulo 2^32 */
    uint32_t peak;        /* which one. (Each is higher than the one before: so many bytes there
                           * are not that this would begin anew.) */
};
_Static_assert(sizeof(struct counter) == 64, "a cache line");

/* The sum over all threads, by enum snapshot_counter. */
struct counter_sum {
    uint64_t value[SNAPSHOT_ALL_COUNTERS];
};

/* A thread's. Zeroed memory has counted nothing. */
struct counters {
    _Atomic int64_t change;  /* of the live bytes, not yet in the shared total */
    _Atomic int64_t highest; /* that `change` was, or 0 */
    int64_t up, down;        /* when it gets there, there is something to do: … */
    int64_t floor;           /* … it is added, at `up` or here; */
    int64_t room;            /* … above this it is a new maximum, */
    bool at_peak;            /* … after which the first change downwards ends the peak */
    uint32_t capacity;       /* stacks that there is room for */
    struct counter *all;     /* one each, as many as that; only touched pages are there: … */
    uint64_t *touched;       /* … a bit each */
};

extern OURS _Atomic uint32_t counters_peak; /* the number of the newest one, not 0 */

/* The counter of STACK in COUNTERS, if it can be changed as it is: it has been before, and since
 * the newest peak. NULL: counters_touch() is needed. */
static inline struct counter *counters_known(const struct counters *counters, uint32_t stack)
{
    struct counter *counter;

    if (__builtin_expect(stack >= counters->capacity, false))
        return NULL;
    counter = &counters->all[stack];
    return __builtin_expect(counter->peak ==
                            atomic_load_explicit(&counters_peak, memory_order_relaxed), true)
               ? counter : NULL;
}

/* The counter of STACK in COUNTERS will soon be asked for. */
static inline void counters_expect(const struct counters *counters, uint32_t stack)
{
    __builtin_prefetch((const char *)counters->all + stack * sizeof(struct counter), 1);
}

/* The counter of STACK in COUNTERS, to be changed at once; made if need be, NULL on lack of
 * memory. What changes the live bytes does so first in counters_change_current(). */
struct counter *counters_touch(struct counters *counters, uint32_t stack);

/* Add what COUNTERS has counted as alive for COUNT stacks of one page, from FIRST on. */
static inline void counters_add_live(const struct counters *counters, uint32_t first, uint32_t count,
                                     uint64_t *bytes, uint64_t *blocks)
{
    uint32_t page = first / COUNTERS_PER_PAGE;

    if (first >= counters->capacity || !(counters->touched[page / 64] >> page % 64 & 1))
        return;
    for (uint32_t i = 0; i < count; i++) {
        const uint64_t *value = counters->all[first + i].value;

        bytes[i] += value[SNAPSHOT_ALLOCATED_BYTES] - value[SNAPSHOT_FREED_BYTES];
        blocks[i] += value[SNAPSHOT_ALLOCATIONS] - value[SNAPSHOT_FREES];
    }
}

/* Add what COUNTERS has counted for the first STACK_COUNT stacks to SUMS, one each. What was
 * held at the peak may come out below 0 if several threads allocate, and blocks are modulo
 * 2^32: see counters_complete(). */
void counters_add_all(const struct counters *counters, uint32_t stack_count,
                      struct counter_sum *sums);

/* SUM is of all threads now. */
void counters_complete(struct counter_sum *sum);

/* Set all of COUNTERS to 0. */
void counters_clear(struct counters *counters);

/* Raise ATTENTION_GROWTH each time the live bytes have grown by GROWTH above what they
 * have been before (0: never), and with PEAK, ATTENTION_PEAK at the first free after a
 * peak a tenth above the one before. */
void counters_watch(uint64_t growth, bool peak);

/* Add what COUNTERS has changed to the shared total. For its thread, or with the gate closed. */
void counters_settle(struct counters *counters);

/* If the live bytes are at a new maximum, it counts as a peak, whatever comes. With the gate
 * closed. */
void counters_end_peak(struct counters *counters);

/* The thread of COUNTERS has changed the bytes of the live blocks by CHANGE. */
void counters_change_current(struct counters *counters, int64_t change);

/* What these bytes change to by CHANGE, if nothing is to be done about it. Then
 * counters_set_current(), or counters_set_lower() if CHANGE is not above 0, is enough. */
static inline bool counters_may_change(const struct counters *counters, int64_t change,
                                       int64_t *out_now)
{
    *out_now = atomic_load_explicit(&counters->change, memory_order_relaxed) + change;
    return __builtin_expect(*out_now < counters->up && *out_now > counters->down, true);
}

static inline void counters_set_lower(struct counters *counters, int64_t now)
{
    atomic_store_explicit(&counters->change, now, memory_order_relaxed);
}

static inline void counters_set_current(struct counters *counters, int64_t now)
{
    atomic_store_explicit(&counters->change, now, memory_order_relaxed);
    if (now > atomic_load_explicit(&counters->highest, memory_order_relaxed)) {
        atomic_store_explicit(&counters->highest, now, memory_order_relaxed);
        if (now > counters->room) {
            counters->at_peak = true;
            counters->down = now - 1;
        }
    }
}

/* The live bytes. */
struct counters_size {
    int64_t current, peak;
};

/* The shared total; what the thread of COUNTERS has changed is added by counters_add_size(). */
struct counters_size counters_size(void);
void counters_add_size(const struct counters *counters, struct counters_size *size);

/* Set the peak to the current value, and what stacks held then to what they hold. Call with the
 * gate closed, everybody settled, and counters_forget_peak() for each of them afterwards. */
void counters_reset_peak(void);
void counters_forget_peak(struct counters *counters);

/* Set both to 0 and watch from there. Call with the gate closed, everybody cleared. */
void counters_reset_current(void);

#endif
