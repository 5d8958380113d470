/* tracker_event.h - the short way of an event: nothing is new, and nobody wants anything.
 *
 * Written for the hooks that programs call most, so that what is common is in one piece and
 * calls nothing: the stack is one that the memo knows, the block has a slot in the shadow, its
 * stack a counter that knows of the newest peak, no limit of bytes or time is reached, and
 * nothing was changed before all of this is known. In any other case the event is the tracker's,
 * from where it is.
 */
#ifndef PRELOAD_TRACKER_EVENT_H
#define PRELOAD_TRACKER_EVENT_H

#include "preload/counters.h"
#include "preload/epochs.h"
#include "preload/guard.h"
#include "preload/live.h"
#include "preload/memo.h"
#include "preload/real.h"
#include "preload/tracker_thread.h"
#include "preload/trie.h"

_Static_assert(TRIE_MAX_STACKS <= 1u << LIVE_STACK_BITS, "each stack's number fits into a word");

/* SELF has recorded an event, and comes out. */
static inline __attribute__((always_inline)) void tracker_end_event(struct tracker_thread *self)
{
    if (__builtin_expect(--self->countdown < 0, false)) {
        tracker_tick(self);
        return;
    }
    guard_pause(&self->guard);
    atomic_signal_fence(memory_order_seq_cst);
    atomic_store_explicit(&self->guard.inside, false, memory_order_relaxed);
    if (__builtin_expect(self->guard.special, false))
        tracker_leave_late(self);
}

/* As tracker_allocated(). */
static inline __attribute__((always_inline)) void
tracker_event_allocated(void *block, size_t size, const struct stack_start *at)
{
    struct tracker_thread *self = (struct tracker_thread *)guard_enter_plainly();
    struct stack_start start = *at, copy; /* what is in registers need not lie in memory */
    struct live_block new;
    uint32_t stack = MEMO_NONE;
    struct counter *counter;
    shadow_slot *slot;
    int64_t now;

    if (__builtin_expect(!self, false)) {
        copy = start;
        tracker_allocated(block, size, &copy);
        return;
    }
    if (!guard_record_plainly(&self->guard) || !tracker_is_plain())
        goto otherwise;
    slot = live_place((uintptr_t)block); /* mostly a cache miss: it comes during the comparison */
    stack = memo_find(&self->memo, &start);
    if (__builtin_expect(stack >= TRIE_MAX_STACKS, false))
        goto otherwise;
    new = (struct live_block){ (uintptr_t)block, size, stack, epochs_current() };
    if (!live_has_room(slot, &new) ||
        !counters_may_change(&self->counters, (int64_t)size, &now))
        goto otherwise;
    counter = counters_known(&self->counters, stack);
    if (!counter)
        goto otherwise;
    live_put(slot, &new);
    counters_set_current(&self->counters, now);
    self->usable += real_usable_size(block);
    counter->value[SNAPSHOT_ALLOCATIONS]++;
    counter->value[SNAPSHOT_ALLOCATED_BYTES] += size;
    self->newest = (uintptr_t)block;
    tracker_add_own(&self->allocations, 1);
    tracker_end_event(self);
    return;
otherwise:
    copy = start;
    tracker_allocated_inside(self, block, size, &copy, stack);
}

/* As tracker_freed(), of any pointer. False: it is not done. */
static inline __attribute__((always_inline)) bool tracker_event_freed(void *block)
{
    struct tracker_thread *self = (struct tracker_thread *)guard_enter_plainly();
    struct live_block old;
    struct counter *counter;
    shadow_slot *slot;
    bool temporary;
    int64_t now;

    if (__builtin_expect(!self, false))
        return false;
    if (!guard_record_plainly(&self->guard) || !tracker_is_plain())
        goto otherwise;
    slot = live_holder((uintptr_t)block, &old);
    if (!slot || !counters_may_change(&self->counters, -(int64_t)old.size, &now))
        goto otherwise;
    counter = counters_known(&self->counters, old.stack);
    if (!counter)
        goto otherwise;
    live_take(slot);
    counters_set_lower(&self->counters, now);
    self->usable -= real_usable_size(block);
    temporary = old.address == self->newest;
    self->newest = temporary ? 0 : self->newest;
    counter->value[SNAPSHOT_FREES]++;
    counter->value[SNAPSHOT_FREED_BYTES] += old.size;
    counter->value[SNAPSHOT_TEMPORARY] += temporary;
    tracker_add_own(&self->frees, 1);
    tracker_end_event(self);
    return true;
otherwise:
    tracker_leave(self);
    return false;
}

#endif
