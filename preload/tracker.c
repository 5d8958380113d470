#include "preload/tracker.h"

#include "preload/cfi.h"
#include "preload/config.h"
#include "preload/epochs.h"
#include "preload/guard.h"
#include "preload/modules.h"
#include "preload/real.h"
#include "preload/timeline.h"
#include "preload/trie.h"

#include <errno.h>

#define TICK_EVENTS 64u     /* look at the clock each so many events of a thread */
#define UNKNOWN_STACK 0u    /* made first: no frame, truncated */

/* A thread's part in all this. What another thread may read while it counts is
 * atomic, but only its own thread writes. */
struct tracker_thread {
    struct thread guard;
    struct stack stack;
    struct tracker_realloc *in_flight;
    uint32_t events;
    _Atomic uint64_t allocations, frees;
    uint64_t missed_frees, lost_blocks;
    uint64_t usable; /* of what it allocated minus what it freed, modulo 2^64 */
    struct counters counters;
};

_Atomic bool tracker_on;
static _Atomic uint32_t frame_limit;
static bool forked;

static const struct trie_modules trie_modules = { modules_find, modules_loaded };

/* ---- going in and out ------------------------------------------------------- */

static struct tracker_thread *enter(void)
{
    return (struct tracker_thread *)guard_enter();
}

static void leave(struct tracker_thread *self)
{
    guard_leave(&self->guard);
}

/* Count an event of SELF, which records, and take a sample if it is time. */
static void tick(struct tracker_thread *self)
{
    uint64_t blocks = 0;

    if (++self->events % TICK_EVENTS != 0 || !timeline_due())
        return;
    for (struct thread *state = guard_threads(); state; state = state->next) {
        struct tracker_thread *thread = (struct tracker_thread *)state;

        blocks += atomic_load_explicit(&thread->allocations, memory_order_relaxed) -
                  atomic_load_explicit(&thread->frees, memory_order_relaxed);
    }
    timeline_add(counters_current(), blocks, 0);
}

static void add_own(_Atomic uint64_t *number, uint64_t more)
{
    atomic_store_explicit(number, atomic_load_explicit(number, memory_order_relaxed) + more,
                          memory_order_relaxed);
}

/* ---- counting ---------------------------------------------------------------- */

static void count_free(struct tracker_thread *self, const struct live_block *block)
{
    struct counter *counter = counters_of(&self->counters, block->stack);

    if (counter) {
        counter->value[SNAPSHOT_FREES]++;
        counter->value[SNAPSHOT_FREED_BYTES] += block->size;
    }
    add_own(&self->frees, 1);
}

static void count_allocation(struct tracker_thread *self, const struct live_block *block,
                             bool reallocation)
{
    struct counter *counter = counters_of(&self->counters, block->stack);

    if (counter) {
        counter->value[SNAPSHOT_ALLOCATIONS]++;
        counter->value[SNAPSHOT_ALLOCATED_BYTES] += block->size;
        counter->value[SNAPSHOT_REALLOCATIONS] += reallocation;
    }
    add_own(&self->allocations, 1);
}

static size_t usable_size(const void *block)
{
    return real_is_glibc ? real_usable_size(block) : 0;
}

/* What glibc gives for SIZE bytes: for blocks that are gone. */
static size_t usable_estimate(size_t size)
{
    size_t chunk = (size + 8 + 15) & ~(size_t)15;

    return real_is_glibc ? (chunk < 32 ? 32 : chunk) - 8 : 0;
}

/* Put a new block in, allocated by SELF's stack as walked. RELEASED bytes of an older
 * one leave at the same moment. */
static void put(struct tracker_thread *self, struct live_block block, bool reallocation,
                size_t released)
{
    struct live_block missed;

    block.stack = trie_intern(self->stack.frames, self->stack.count, self->stack.flags);
    if (block.stack == TRIE_NONE)
        block.stack = UNKNOWN_STACK;
    if (!live_add(&block, &missed)) {
        self->lost_blocks++;
        counters_change_current(-(int64_t)released);
        return;
    }
    if (missed.address) {
        self->missed_frees++;
        self->usable -= usable_estimate(missed.size);
        count_free(self, &missed);
        released += missed.size;
    }
    self->usable += usable_size((const void *)block.address);
    count_allocation(self, &block, reallocation);
    counters_change_current((int64_t)(block.size - released));
}

/* ---- events ------------------------------------------------------------------ */

void tracker_allocated(void *block, size_t size, const struct stack_start *start)
{
    struct tracker_thread *self = enter();

    if (!self)
        return;
    stack_walk(&self->stack, start, atomic_load_explicit(&frame_limit, memory_order_relaxed));
    guard_record(&self->guard);
    if (tracker_tracing()) {
        put(self, (struct live_block){ (uintptr_t)block, size, 0, epochs_current() }, false, 0);
        tick(self);
    }
    guard_pause(&self->guard);
    leave(self);
}

void tracker_freed(void *block)
{
    struct tracker_thread *self = enter();
    struct live_block old;

    if (!self)
        return;
    guard_record(&self->guard);
    if (tracker_tracing() && live_remove((uintptr_t)block, &old)) {
        self->usable -= usable_size(block);
        count_free(self, &old);
        counters_change_current(-(int64_t)old.size);
        tick(self);
    }
    guard_pause(&self->guard);
    leave(self);
}

void tracker_realloc_begin(struct tracker_realloc *call, void *block)
{
    struct tracker_thread *self = enter();

    call->old.address = 0;
    if (!self)
        return;
    guard_record(&self->guard);
    if (tracker_tracing() && live_remove((uintptr_t)block, &call->old)) {
        call->usable = usable_size(block);
        call->next = self->in_flight;
        self->in_flight = call;
    }
    guard_pause(&self->guard);
    leave(self);
}

/* Take CALL out of SELF's calls under way. */
static void land(struct tracker_thread *self, const struct tracker_realloc *call)
{
    struct tracker_realloc **link = &self->in_flight;

    while (*link && *link != call)
        link = &(*link)->next;
    if (*link)
        *link = call->next;
}

void tracker_realloc_done(struct tracker_realloc *call, void *block, size_t size,
                          const struct stack_start *start)
{
    struct tracker_thread *self = enter();

    if (!self)
        return;
    if (block)
        stack_walk(&self->stack, start, atomic_load_explicit(&frame_limit, memory_order_relaxed));
    guard_record(&self->guard);
    land(self, call);
    if (tracker_tracing()) {
        bool known = call->old.address != 0; /* it may have been forgotten meanwhile */
        bool stays = known && call->old.address == (uintptr_t)block;
        size_t released = known ? call->old.size : 0;

        if (known) {
            self->usable -= call->usable;
            count_free(self, &call->old);
        }
        if (block)
            put(self,
                (struct live_block){ (uintptr_t)block, size, 0,
                                     stays ? call->old.epoch : epochs_current() },
                true, released);
        else
            counters_change_current(-(int64_t)released);
        tick(self);
    }
    guard_pause(&self->guard);
    leave(self);
}

void tracker_realloc_failed(struct tracker_realloc *call)
{
    struct tracker_thread *self = enter();
    struct live_block missed;

    if (!self)
        return;
    guard_record(&self->guard);
    land(self, call);
    if (call->old.address && !live_add(&call->old, &missed)) {
        self->lost_blocks++;
        self->usable -= call->usable;
        count_free(self, &call->old);
        counters_change_current(-(int64_t)call->old.size);
    }
    guard_pause(&self->guard);
    leave(self);
}

void tracker_check_modules(void)
{
    if (modules_check()) {
        trie_refresh();
        cfi_forget();
    }
}

void tracker_unloaded(void)
{
    struct tracker_thread *self = enter();

    if (!self)
        return;
    if (guard_close() == 0) {
        tracker_check_modules();
        guard_open();
    }
    leave(self);
}

/* ---- life ------------------------------------------------------------------- */

bool tracker_init(uint32_t limit)
{
    guard_init(sizeof(struct tracker_thread));
    if (!trie_init(&trie_modules) ||
        trie_intern(NULL, 0, SNAPSHOT_STACK_TRUNCATED) != UNKNOWN_STACK)
        return false;
    cfi_init();
    timeline_start();
    epochs_reset(0);
    atomic_store_explicit(&frame_limit, limit, memory_order_relaxed);
    atomic_store_explicit(&tracker_on, true, memory_order_release);
    return true;
}

/* Forget everything. Call with the gate closed. */
static void forget(void)
{
    live_clear();
    for (struct thread *state = guard_threads(); state; state = state->next) {
        struct tracker_thread *thread = (struct tracker_thread *)state;

        for (struct tracker_realloc *call = thread->in_flight; call; call = call->next)
            call->old.address = 0;
        counters_clear(&thread->counters);
        atomic_store_explicit(&thread->allocations, 0, memory_order_relaxed);
        atomic_store_explicit(&thread->frees, 0, memory_order_relaxed);
        thread->missed_frees = thread->lost_blocks = thread->usable = 0;
    }
    counters_reset_current();
    timeline_clear();
    epochs_reset(timeline_now());
}

/* What is to be done with the gate closed. */
enum change { START, STOP, CLEAR, RESET_PEAK, MARK };

static int change(enum change what, uint32_t limit, const char *label)
{
    struct tracker_thread *self;
    int result;

    if (forked)
        return -ENODATA;
    self = enter();
    if (!self)
        return -EBUSY;
    result = guard_close();
    if (result < 0)
        goto out;
    switch (what) {
    case START:
        if (tracker_tracing())
            break;
        atomic_store_explicit(&frame_limit, limit, memory_order_relaxed);
        forget();
        atomic_store_explicit(&tracker_on, true, memory_order_relaxed);
        break;
    case STOP:
        atomic_store_explicit(&tracker_on, false, memory_order_relaxed);
        forget();
        break;
    case CLEAR:
        forget();
        break;
    case RESET_PEAK:
        counters_reset_peak();
        break;
    case MARK:
        if (tracker_tracing())
            epochs_begin(label, timeline_now());
        else
            result = -ENODATA;
        break;
    }
    guard_open();
out:
    leave(self);
    return result;
}

int tracker_start(uint32_t limit)
{
    if (limit > CONFIG_MAX_FRAMES)
        return -EINVAL;
    return change(START, limit, NULL);
}

int tracker_stop(void)
{
    return change(STOP, 0, NULL);
}

int tracker_clear(void)
{
    return change(CLEAR, 0, NULL);
}

int tracker_reset_peak(void)
{
    return change(RESET_PEAK, 0, NULL);
}

int tracker_mark(const char *label)
{
    return change(MARK, 0, label);
}

uint32_t tracker_frame_limit(void)
{
    return atomic_load_explicit(&frame_limit, memory_order_relaxed);
}

void tracker_forked(void)
{
    forked = true;
    atomic_store_explicit(&tracker_on, false, memory_order_relaxed);
}

/* ---- sums -------------------------------------------------------------------- */

void tracker_sum(struct tracker_totals *out_totals)
{
    struct tracker_totals totals = { 0, 0, 0, 0, 0 };

    for (struct thread *state = guard_threads(); state; state = state->next) {
        struct tracker_thread *thread = (struct tracker_thread *)state;

        totals.allocations += atomic_load_explicit(&thread->allocations, memory_order_relaxed);
        totals.frees += atomic_load_explicit(&thread->frees, memory_order_relaxed);
        totals.missed_frees += thread->missed_frees;
        totals.lost_blocks += thread->lost_blocks;
        totals.usable += thread->usable;
    }
    *out_totals = totals;
}

void tracker_sum_counter(uint32_t stack, struct counter *out_counter)
{
    *out_counter = (struct counter){ { 0 } };
    for (struct thread *state = guard_threads(); state; state = state->next)
        counters_add_to(&((struct tracker_thread *)state)->counters, stack, out_counter);
}

void tracker_each_in_flight(void (*each)(void *context, const struct live_block *block),
                            void *context)
{
    struct live_block taken;

    for (struct thread *state = guard_threads(); state; state = state->next)
        for (struct tracker_realloc *call = ((struct tracker_thread *)state)->in_flight; call;
             call = call->next)
            if (call->old.address && !live_find(call->old.address, &taken))
                each(context, &call->old);
}
