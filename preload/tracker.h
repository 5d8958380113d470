/* tracker.h - what happens to a block, and the tables that remember it.
 *
 * The only place where stack, trie, live table, counters and modules meet. Any
 * thread may call anything at any time. In a signal handler that interrupted one of
 * these calls, events are put aside until that call ends (deferred.h); those for
 * which there is no room are counted as lost. errno is left alone.
 */
#ifndef PRELOAD_TRACKER_H
#define PRELOAD_TRACKER_H

#include "preload/counters.h"
#include "preload/live.h"
#include "preload/ours.h"
#include "preload/stack.h"

#include <stdatomic.h>
#include <stdbool.h>

extern OURS _Atomic bool tracker_on;

/* Whether allocations are recorded now. What hooks ask first. */
static inline bool tracker_tracing(void)
{
    return atomic_load_explicit(&tracker_on, memory_order_relaxed);
}

/* Set it. For those who know what is recorded then: no more than this is done. */
void tracker_set_tracing(bool on);

/* Take the first memory and, if ON, begin to trace, all frames of each stack. Call
 * once. False: there is no memory, and nothing is traced. */
bool tracker_init(bool on);

/* ---- events ---- */

/* The real allocator gave BLOCK for a request of SIZE bytes at START. */
void tracker_allocated(void *block, size_t size, const struct stack_start *start);

/* BLOCK (not NULL) is about to be freed. */
void tracker_freed(void *block);

/* Before a fork, with the gate closed: wait a little until what reallocs under way made is known. */
void tracker_await_reallocs(void);

/* A realloc under way, on the stack of its hook: the old block is out of the table,
 * since its address may be another thread's before the real call returns. */
struct tracker_realloc {
    struct tracker_realloc *next; /* of the same thread: a signal handler may nest */
    struct live_block old;        /* address 0: not known */
    struct deferred_event *aside; /* in a handler that interrupted us; NULL: not known */
    size_t usable;
    _Atomic bool returned;        /* the real call did, with what follows; set by the hook */
    void *block;
    size_t size;
};

/* BLOCK (not NULL) is about to be reallocated. */
void tracker_realloc_begin(struct tracker_realloc *call, void *block);

/* … and became BLOCK of SIZE bytes, by a request at START. BLOCK is NULL if it was freed. */
void tracker_realloc_done(struct tracker_realloc *call, void *block, size_t size,
                          const struct stack_start *start);

/* … and stays as it was. */
void tracker_realloc_failed(struct tracker_realloc *call);

/* Modules may have been unloaded. */
void tracker_unloaded(void);

/* ---- what heapdelta.h offers; errors are negative errno values ---- */

int tracker_start(uint32_t frame_limit);
int tracker_stop(void);
int tracker_clear(void);
int tracker_reset_peak(void);
int tracker_mark(const char *label);
uint32_t tracker_frame_limit(void);

/* A request at START lets BLOCK of SIZE bytes live in DOMAIN, not 0; a block known there is
 * replaced. */
int tracker_track(uint32_t domain, uintptr_t block, size_t size, const struct stack_start *start);
int tracker_untrack(uint32_t domain, uintptr_t block);

/* Copy the newest SIZE frames of the stack that allocated BLOCK to FRAMES. Returns how many
 * it has; OUT_COMPLETE tells whether its outermost is where the thread began. */
int tracker_traceback(uintptr_t block, void **frames, size_t size, bool *out_complete);

/* Keep FRAME_LIMIT frames of each stack (0: all); with EXACT_CLOCK look at the clock at each
 * event, since snapshots are taken by it and events may be few. */
void tracker_configure(uint32_t frame_limit, bool exact_clock);

/* The process is a child of fork, taken with the gate closed, or at least nobody in the
 * tables. If it is to be TRACED it holds what its parent held; otherwise nothing is
 * traced from now on. */
void tracker_forked(bool traced);

/* ---- for a snapshot, with the gate closed ---- */

struct tracker_totals {
    uint64_t allocations, frees, missed_frees, lost_blocks, usable;
};

/* Sum up over all threads. */
void tracker_sum(struct tracker_totals *out_totals);

/* Add what all threads counted for the first STACK_COUNT stacks to SUMS, one each. */
void tracker_sum_counters(uint32_t stack_count, struct counter_sum *sums);

/* Reallocs under way, of which the old block's memory is another's by now, have freed it:
 * count that. What remains counts as the old block. So with what handlers have put aside. */
void tracker_settle(void);

/* Call EACH for every old block that remains. */
void tracker_each_in_flight(void (*each)(void *context, const struct live_block *block),
                            void *context);

/* How many blocks are alive, about: other threads go on counting. Any time. */
uint64_t tracker_live_blocks(void);

/* The bytes of the live blocks and their peak, exact with the gate closed or while one
 * thread allocates (counters.h). */
struct counters_size tracker_size(void);

/* Add this moment to the series (series.h). Not with the gate closed. */
void tracker_add_to_series(void);

/* Notice modules that went since. */
void tracker_check_modules(void);

#endif
