/* tracker_handler.c - events in a signal handler that interrupted the tracker. */
#include "preload/tracker_thread.h"

#include "preload/arena.h"
#include "preload/epochs.h"

_Atomic uint32_t tracker_era;
_Atomic uint64_t tracker_lost_in_handlers;

/* ---- putting aside ---- */

/* Where to put aside an event of KIND in the calling thread, NULL if that can't be. */
static struct deferred_event *defer(enum deferred_kind kind, struct tracker_thread **out_self)
{
    struct tracker_thread *self = (struct tracker_thread *)guard_self();
    struct deferred_event *event = NULL;

    *out_self = self;
    if (self && !self->deferred) {
        self->deferred = arena_map(sizeof *self->deferred, ARENA_OTHER);
        self->guard.noted = self->deferred != NULL;
    }
    if (self && self->deferred)
        event = deferred_begin(self->deferred);
    if (event) {
        event->kind = kind;
        event->listed = false;
        event->era = atomic_load_explicit(&tracker_era, memory_order_acquire);
    }
    return event;
}

void tracker_defer_new(void *block, size_t size, bool reallocation,
                      const struct stack_start *start)
{
    struct tracker_thread *self;
    struct deferred_event *event = defer(DEFERRED_NEW, &self);

    if (!event) {
        atomic_fetch_add_explicit(&tracker_lost_in_handlers, 1, memory_order_relaxed);
        return;
    }
    stack_walk(&event->stack, start, tracker_limit());
    event->block = (struct live_block){ (uintptr_t)block, size, 0, epochs_current() };
    event->usable = tracker_usable(block);
    event->reallocation = reallocation;
    deferred_put(self->deferred);
}

static void defer_free(uintptr_t address)
{
    struct tracker_thread *self;
    struct deferred_event *event = defer(DEFERRED_FREE, &self);

    if (!event)
        return; /* noticed when the address comes back */
    event->block.address = address;
    deferred_put(self->deferred);
}

/* Take the block at ADDRESS out of the table, which is put aside as KIND at the same moment,
 * for a snapshot to know (tracker_settle()). NULL if it is not there or there is no room. */
static struct deferred_event *move_aside(uintptr_t address, enum deferred_kind kind)
{
    struct tracker_thread *self;
    struct deferred_event *event = defer(kind, &self);

    if (!event)
        return NULL;
    if (!live_try_remove(address, &event->block)) {
        deferred_cancel(self->deferred);
        return NULL;
    }
    event->usable = tracker_usable((const void *)address);
    deferred_put(self->deferred);
    return event;
}

struct deferred_event *tracker_remove_now(uintptr_t address, enum deferred_kind kind)
{
    struct tracker_thread *self = (struct tracker_thread *)guard_self();
    struct deferred_event *event;
    bool recording;

    if (!self)
        return NULL;
    recording = atomic_load_explicit(&self->guard.recording, memory_order_relaxed);
    if (!recording)
        guard_record(&self->guard);
    else if (atomic_load_explicit(&guard_closed, memory_order_acquire))
        return NULL;
    event = move_aside(address, kind);
    if (!recording)
        guard_pause(&self->guard);
    if (!event && self->deferred && deferred_expects(self->deferred, address))
        defer_free(address);
    return event;
}

void tracker_end_aside(const struct tracker_realloc *call, enum deferred_kind kind)
{
    enum deferred_kind held = DEFERRED_HELD;

    if (call->aside)
        atomic_compare_exchange_strong(&call->aside->kind, &held, kind);
}

__attribute__((noinline)) void tracker_defer_realloc(const struct tracker_realloc *call, void *block,
                                                    size_t size, const struct stack_start *start)
{
    tracker_end_aside(call, DEFERRED_GONE);
    if (block)
        tracker_defer_new(block, size, true, start);
}

/* ---- coming out ---- */

/* Do what was put aside. */
static void take_deferred(struct tracker_thread *self)
{
    struct deferred_event *event;
    struct live_block old;

    for (; (event = deferred_first(self->deferred)); deferred_drop(self->deferred)) {
        guard_record(&self->guard);
        if (tracker_tracing() &&
            event->era == atomic_load_explicit(&tracker_era, memory_order_relaxed))
            switch (event->kind) {
            case DEFERRED_NEW:
                event->block.stack = tracker_intern(self, &event->stack, NULL);
                tracker_put(self, event->block, event->usable, event->reallocation, NULL, 0);
                break;
            case DEFERRED_HELD: /* the thread is not in this child of fork */
            case DEFERRED_BACK:
                tracker_put_back(self, &event->block, event->usable);
                break;
            case DEFERRED_GONE:
                tracker_take_away(self, &event->block, event->usable);
                break;
            case DEFERRED_DONE:
                break;
            case DEFERRED_FREE:
                if (live_remove(event->block.address, &old))
                    tracker_take_away(self, &old, tracker_usable_estimate(old.size));
                break;
            }
        guard_pause(&self->guard);
    }
}

static inline bool anything_deferred(const struct tracker_thread *self)
{
    return __builtin_expect(self->deferred != NULL, false) && deferred_first(self->deferred);
}

void tracker_out_with_deferred(struct tracker_thread *self)
{
    do {
        if (anything_deferred(self))
            take_deferred(self);
        guard_leave(&self->guard);
    } while (anything_deferred(self) && tracker_enter() == self);
}

void tracker_leave_late(struct tracker_thread *self)
{
    if (self->guard.noted && tracker_enter() == self)
        tracker_out_with_deferred(self);
}

/* ---- for a snapshot ---- */

void tracker_settle_deferred(struct tracker_thread *thread)
{
    struct deferred_event *event;

    for (uint32_t i = 0; (event = deferred_get(thread->deferred, i)); i++) {
        enum deferred_kind kind = event->kind; /* its handler may go on meanwhile */

        event->listed = false;
        if (event->era != atomic_load_explicit(&tracker_era, memory_order_relaxed))
            continue;
        if (kind == DEFERRED_HELD)
            event->listed = !live_meets(event->block.address, event->block.size);
        else if (kind == DEFERRED_BACK)
            event->listed = true;
        if (kind == DEFERRED_GONE || (kind == DEFERRED_HELD && !event->listed)) {
            tracker_take_away(thread, &event->block, event->usable);
            event->kind = DEFERRED_DONE;
        }
    }
}
