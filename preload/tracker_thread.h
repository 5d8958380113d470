/* tracker_thread.h - what the tracker keeps for each thread, and what its own files share.
 *
 * For the tracker's files alone, tracker_event.h among them.
 */
#ifndef PRELOAD_TRACKER_THREAD_H
#define PRELOAD_TRACKER_THREAD_H

#include "preload/counters.h"
#include "preload/deferred.h"
#include "preload/guard.h"
#include "preload/memo.h"
#include "preload/ours.h"
#include "preload/real.h"
#include "preload/sampling.h"
#include "preload/stack.h"
#include "preload/tracker.h"

#include <errno.h>

/* A thread's part in all this. What another thread may read while it counts is
 * atomic, but only its own thread writes. */
struct tracker_thread {
    struct thread guard;
    int32_t countdown; /* events until it looks at the clocks */
    bool in_memo;      /* the frames of the last walk, not in `stack` */
    _Atomic uint64_t allocations, frees;
    uint64_t usable; /* of what it allocated minus what it freed, modulo 2^64 */
    uintptr_t newest; /* the block that it allocated last; 0: that is gone */
    struct counters counters;
    uint32_t events; /* when it looked last */
    uint32_t next_look; /* at the series, when there were so many events */
    uint64_t missed_frees, lost_blocks;
    struct tracker_realloc *in_flight;
    struct deferred *deferred; /* NULL until a handler needs it; then guard.noted is set */
    struct memo memo;
    struct stack stack;
};

/* Whether the tracker records, all frames of each stack, in a process where the gate needs no
 * fences and the allocator is glibc's, by which no two blocks begin in the same 32 bytes. */
extern OURS _Atomic bool tracker_plain;

static inline bool tracker_is_plain(void)
{
    return __builtin_expect(atomic_load_explicit(&tracker_plain, memory_order_relaxed), true);
}

static inline void tracker_add_own(_Atomic uint64_t *number, uint64_t more)
{
    atomic_store_explicit(number, atomic_load_explicit(number, memory_order_relaxed) + more,
                          memory_order_relaxed);
}

/* ---- going in and out ---- */

/* The calling thread goes inside, as guard_enter(). */
static inline struct tracker_thread *tracker_enter(void)
{
    return (struct tracker_thread *)guard_enter();
}

/* Why that gave NULL. */
static inline int tracker_not_entered(void)
{
    return guard_inside() ? -EBUSY : -ENOMEM;
}

/* What handlers have put aside is done, and SELF comes out: of tracker_out(). */
void tracker_out_with_deferred(struct tracker_thread *self);

/* SELF has come out, but in between a handler has put something aside. */
void tracker_leave_late(struct tracker_thread *self);

/* SELF comes out, after what handlers put aside is done. One may come in between. */
static inline void tracker_out(struct tracker_thread *self)
{
    if (__builtin_expect(self->guard.noted, false)) {
        tracker_out_with_deferred(self);
        return;
    }
    guard_leave(&self->guard);
    if (__builtin_expect(self->guard.noted, false))
        tracker_leave_late(self); /* the first one came just now */
}

/* SELF, which may record, comes out. */
void tracker_leave(struct tracker_thread *self);

/* ---- tracker_clock.c ---- */

/* After so many events of a thread it looks at the clocks, if there is no other reason. */
#define TRACKER_TICK_EVENTS 64
extern int32_t tracker_tick_events;

/* SELF, which records, has recorded as many events as it was to. */
void tracker_look(struct tracker_thread *self);

/* The same; then it comes out. */
void tracker_tick(struct tracker_thread *self);

/* Count an event of SELF, which records, and see whether it is time for something. */
static inline void tracker_count_down(struct tracker_thread *self)
{
    if (__builtin_expect(--self->countdown < 0, false))
        tracker_look(self);
}

/* ---- tracker_stack.c ---- */

#define TRACKER_UNKNOWN_STACK 0u /* made first: no frame, truncated */

extern _Atomic uint32_t tracker_limit_now;

/* How many frames of a stack are kept; 0: all. */
static inline uint32_t tracker_limit(void)
{
    return atomic_load_explicit(&tracker_limit_now, memory_order_relaxed);
}

/* The number of the stack of SELF, the calling thread, from START; MEMO_NONE: it is walked, and
 * tracker_stack_number() tells. Before SELF records: this may take long. */
uint32_t tracker_find_stack(struct tracker_thread *self, const struct stack_start *start);

/* The same for a stack that memo_find() does not know: it is walked. */
uint32_t tracker_walk(struct tracker_thread *self, const struct stack_start *start);

/* The same, certainly: SELF records now, and tracker_find_stack() returned NUMBER. (Code that was
 * unloaded meanwhile is not in this stack, so the number holds.) */
uint32_t tracker_stack_number(struct tracker_thread *self, uint32_t number);

/* The number of STACK of SELF, the calling thread, whose frames are in MEMO, if that is not
 * NULL. */
uint32_t tracker_intern(struct tracker_thread *self, struct stack *stack, const struct memo *memo);

/* The calling thread, whose state this is, has a name now. */
void tracker_name_thread(struct thread *thread);

/* ---- tracker_count.c ---- */

/* How many blocks BLOCK stands for: itself, unless this is a sample. */
static inline uint64_t tracker_weight(const struct live_block *block)
{
    return sampling_weight(block->address, block->size);
}

/* The usable bytes of BLOCK, 0 if that can't be known. */
static inline size_t tracker_usable(const void *block)
{
    return real_is_glibc ? real_usable_size(block) : 0;
}

/* What glibc gives for SIZE bytes: for blocks that are gone. */
size_t tracker_usable_estimate(size_t size);

/* Put a new block of USABLE bytes in; it may be gone by now. An OLD one, of OLD_USABLE bytes,
 * leaves at the same moment, if that is not NULL. */
void tracker_put(struct tracker_thread *self, struct live_block block, size_t usable,
                 bool reallocation, const struct live_block *old, size_t old_usable);

/* Put BLOCK back into the table, where it was before. */
void tracker_put_back(struct tracker_thread *self, const struct live_block *block, size_t usable);

/* Count BLOCK, which is out of the table and has USABLE bytes, as freed. */
void tracker_take_away(struct tracker_thread *self, const struct live_block *block, size_t usable);

/* Count BLOCK, which is in the table and stands for WEIGHT. After counters_change_current(), which may end a peak. */
void tracker_count_allocation(struct tracker_thread *self, const struct live_block *block,
                              uint64_t weight, bool reallocation);

/* ---- tracker_handler.c: events in a handler that interrupted us ---- */

extern _Atomic uint32_t tracker_era; /* raised when everything is forgotten */
extern _Atomic uint64_t tracker_lost_in_handlers; /* blocks, for lack of room to put them aside */

/* A block is new, as in tracker_allocated(), or by a realloc: put it aside. */
void tracker_defer_new(void *block, size_t size, bool reallocation,
                       const struct stack_start *start);

/* Take the block at ADDRESS out of the table now, since the real free or realloc follows, whatever
 * the thread was interrupted at, and put it aside as KIND. NULL if it is not there or that can't
 * be. */
struct deferred_event *tracker_remove_now(uintptr_t address, enum deferred_kind kind);

/* CALL has come to an end: its old block is of KIND, if it is not DONE. */
void tracker_end_aside(const struct tracker_realloc *call, enum deferred_kind kind);

/* The same: it became BLOCK. */
void tracker_defer_realloc(const struct tracker_realloc *call, void *block, size_t size,
                           const struct stack_start *start);

/* What THREAD has put aside counts as it will be: freed, or alive. */
void tracker_settle_deferred(struct tracker_thread *thread);

/* ---- tracker.c ---- */

/* The rest of tracker_allocated() for SELF, which is inside, and may record; STACK is what
 * memo_find() returned. */
void tracker_allocated_inside(struct tracker_thread *self, void *block, size_t size,
                              const struct stack_start *start, uint32_t stack);

#endif
