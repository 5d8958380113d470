/* tracker_thread.h - what the tracker keeps for each thread, and how its own files go in and out.
 *
 * For the tracker alone, and for tracker_event.h, which is a part of it.
 */
#ifndef PRELOAD_TRACKER_THREAD_H
#define PRELOAD_TRACKER_THREAD_H

#include "preload/counters.h"
#include "preload/deferred.h"
#include "preload/guard.h"
#include "preload/memo.h"
#include "preload/ours.h"
#include "preload/stack.h"
#include "preload/tracker.h"

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

/* The rest of tracker_allocated() for SELF, which is inside, and may record; STACK is what
 * memo_find() returned. */
void tracker_allocated_inside(struct tracker_thread *self, void *block, size_t size,
                              const struct stack_start *start, uint32_t stack);

/* SELF, which may record, comes out. */
void tracker_leave(struct tracker_thread *self);

/* SELF has recorded so many events that it is to look at the clocks; then it comes out. */
void tracker_tick(struct tracker_thread *self);

/* SELF has come out, but in between a handler has put something aside. */
void tracker_leave_late(struct tracker_thread *self);

#endif
