/* tracker_life.c - how tracing begins, changes and ends, in this process and its children. */
#include "preload/tracker_thread.h"

#include "preload/attention.h"
#include "preload/cfi.h"
#include "preload/config.h"
#include "preload/epochs.h"
#include "preload/live_domains.h"
#include "preload/modules.h"
#include "preload/real.h"
#include "preload/series.h"
#include "preload/syscall.h"
#include "preload/timeline.h"
#include "preload/trie.h"

#include <errno.h>
#include <sys/auxv.h>
#include <time.h>

_Atomic bool tracker_on, tracker_plain;
static bool untraced; /* for good: there is no memory, or this is a child of fork */

static const struct trie_modules trie_modules = { modules_find, modules_loaded };

/* Whether the short way is open (tracker_event.h). */
static void set_plain(void)
{
    bool plain = tracker_tracing() && !sampling_on && tracker_limit() == 0 && real_is_glibc && live_spaced &&
                 !guard_fences;

    atomic_store_explicit(&tracker_plain, plain, memory_order_release);
}

void tracker_set_tracing(bool on)
{
    atomic_store_explicit(&tracker_on, on, memory_order_release);
    set_plain();
    attention_set_awake(on);
}

bool tracker_init(bool on)
{
    bool back;

    guard_init(sizeof(struct tracker_thread));
    guard_fenced = set_plain;
    if (config->threads)
        guard_thread_ends = tracker_name_thread;
    untraced = true; /* until there is something to trace with */
    if (!trie_init(&trie_modules) ||
        trie_add(NULL, 0, SNAPSHOT_STACK_TRUNCATED, 0, 0) != TRACKER_UNKNOWN_STACK)
        return false;
    cfi_init();
    live_spaced = real_is_glibc;
    modules_find(getauxval(AT_ENTRY), &back); /* the executable is always in the list */
    timeline_start();
    epochs_reset(0);
    tracker_set_tracing(on);
    untraced = false;
    return true;
}

/* Forget everything. Call with the gate closed. */
static void forget(void)
{
    live_clear();
    live_domains_clear();
    for (struct thread *state = guard_threads(); state; state = state->next) {
        struct tracker_thread *thread = (struct tracker_thread *)state;

        for (struct tracker_realloc *call = thread->in_flight; call; call = call->next)
            call->old.address = 0;
        counters_clear(&thread->counters);
        atomic_store_explicit(&thread->allocations, 0, memory_order_relaxed);
        atomic_store_explicit(&thread->frees, 0, memory_order_relaxed);
        thread->next_look = thread->events;
        thread->missed_frees = thread->lost_blocks = thread->usable = 0;
        thread->newest = 0;
    }
    atomic_store_explicit(&tracker_lost_in_handlers, 0, memory_order_relaxed);
    counters_reset_current();
    timeline_clear();
    series_clear();
    epochs_reset(timeline_now());
    /* Last: what a handler puts aside meanwhile may still have an epoch of before. */
    atomic_fetch_add_explicit(&tracker_era, 1, memory_order_release);
}

/* Make the shared total the whole. Call with the gate closed. */
static void settle_counters(void)
{
    for (struct thread *state = guard_threads(); state; state = state->next)
        counters_settle(&((struct tracker_thread *)state)->counters);
}

/* What is to be done with the gate closed. */
enum change { START, STOP, CLEAR, RESET_PEAK, MARK };

static int change(enum change what, uint32_t new_limit, const char *label)
{
    struct tracker_thread *self;
    int result;

    if (untraced || atomic_load(&guard_silent))
        return -ENODATA;
    self = tracker_enter();
    if (!self)
        return tracker_not_entered();
    result = guard_close();
    if (result < 0)
        goto out;
    switch (what) {
    case START:
        if (tracker_tracing())
            break;
        atomic_store_explicit(&tracker_limit_now, new_limit, memory_order_relaxed);
        tracker_check_modules(); /* while stopped nobody noticed */
        forget();
        tracker_set_tracing(true);
        break;
    case STOP:
        tracker_set_tracing(false);
        forget();
        break;
    case CLEAR:
        forget();
        break;
    case RESET_PEAK:
        settle_counters();
        counters_reset_peak();
        for (struct thread *state = guard_threads(); state; state = state->next)
            counters_forget_peak(&((struct tracker_thread *)state)->counters);
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
    tracker_out(self);
    return result;
}

int tracker_start(uint32_t new_limit)
{
    if (new_limit > CONFIG_MAX_FRAMES)
        return -EINVAL;
    return change(START, new_limit, NULL);
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
    return tracker_limit();
}

void tracker_configure(uint32_t new_limit, bool exact_clock)
{
    atomic_store_explicit(&tracker_limit_now, new_limit, memory_order_relaxed);
    set_plain();
    tracker_tick_events = exact_clock ? 1 : TRACKER_TICK_EVENTS;
    for (struct thread *state = guard_threads(); state; state = state->next)
        ((struct tracker_thread *)state)->countdown = 0;
}

/* CALL of THREAD will never end. Its block is what the real call made of it, by the stack
 * that the old one had, or what it was before. */
static void abandon(struct tracker_thread *thread, const struct tracker_realloc *call)
{
    struct live_block block = call->old;

    if (!call->old.address)
        return;
    if (!call->returned) {
        tracker_put_back(thread, &block, call->usable);
        return;
    }
    if (!call->block) {
        tracker_take_away(thread, &block, call->usable);
        return;
    }
    block.address = (uintptr_t)call->block;
    block.size = call->size;
    if (block.address != call->old.address)
        block.epoch = epochs_current();
    tracker_put(thread, block, tracker_usable(call->block), true, &call->old, call->usable);
}

#define REALLOC_NAPS 500 /* 10 ms: the allocator may wait for who forks */

void tracker_await_reallocs(void)
{
    const struct timespec nap = { .tv_nsec = 20000 };
    int naps = 0;

    for (struct thread *state = guard_threads(); state; state = state->next) {
        struct tracker_realloc *call = ((struct tracker_thread *)state)->in_flight;

        while (state != guard_self() && call && naps < REALLOC_NAPS)
            if (atomic_load_explicit(&call->returned, memory_order_acquire))
                call = call->next;
            else if (naps++ < REALLOC_NAPS)
                SYSCALL_2(SYS_nanosleep, &nap, NULL);
    }
}

void tracker_forked(bool traced)
{
    struct thread *self = guard_self();

    if (!traced) {
        untraced = true;
        tracker_set_tracing(false);
        return;
    }
    sampling_forked((uint64_t)syscall_getpid());
    /* The other threads are not in this process. What they were reallocating is, and
     * nobody will free it. */
    for (struct thread *state = guard_threads(); state; state = state->next) {
        struct tracker_thread *thread = (struct tracker_thread *)state;

        for (struct tracker_realloc *call = thread->in_flight; call && state != self;
             call = call->next)
            abandon(thread, call);
        if (state != self)
            thread->in_flight = NULL;
    }
}
