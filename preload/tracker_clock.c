/* tracker_clock.c - when a thread looks at the time, and what is due then. */
#include "preload/tracker_thread.h"

#include "preload/attention.h"
#include "preload/series.h"
#include "preload/timeline.h"
#include "preload/trie.h"

#include <string.h>

int32_t tracker_tick_events = TRACKER_TICK_EVENTS;

/* How often all threads have allocated, and how many states of threads there are. */
static uint64_t all_allocations(uint32_t *out_threads)
{
    uint64_t sum = 0;

    *out_threads = 0;
    for (struct thread *state = guard_threads(); state; state = state->next) {
        sum += atomic_load_explicit(&((struct tracker_thread *)state)->allocations,
                                    memory_order_relaxed);
        ++*out_threads;
    }
    return sum;
}

static __attribute__((noinline)) void look_at_the_clocks(struct tracker_thread *self)
{
    uint32_t threads;

    if (timeline_due()) {
        timeline_add((uint64_t)tracker_size().current, tracker_live_blocks(), 0);
        attention_raise(ATTENTION_TICK);
    } else if (series_due(0, all_allocations(&threads))) {
        attention_raise(ATTENTION_TICK);
    }
    self->next_look = self->events + series_step();
}

/* Whether SELF has come so far that a moment of the series may be due. */
static inline bool has_come_far(const struct tracker_thread *self)
{
    return (int32_t)(self->events - self->next_look) >= 0;
}

/* SELF, which records, has recorded as many events as it was to. */
void tracker_look(struct tracker_thread *self)
{
    self->events += (uint32_t)tracker_tick_events;
    self->countdown = tracker_tick_events - 1;
    if (has_come_far(self) || timeline_due())
        look_at_the_clocks(self);
}

void tracker_tick(struct tracker_thread *self)
{
    tracker_look(self);
    guard_pause(&self->guard);
    tracker_out(self);
}

_Static_assert(COUNTERS_PER_PAGE % SERIES_AT_ONCE == 0, "what is asked for at once is of one page");

static void live_of_stacks(uint32_t first, uint32_t count, uint64_t *out_bytes,
                           uint64_t *out_blocks)
{
    memset(out_bytes, 0, count * sizeof *out_bytes);
    memset(out_blocks, 0, count * sizeof *out_blocks);
    for (struct thread *state = guard_threads(); state; state = state->next)
        counters_add_live(&((struct tracker_thread *)state)->counters, first, count, out_bytes,
                          out_blocks);
}

void tracker_add_to_series(void)
{
    struct tracker_thread *self;
    uint32_t threads;

    if (!series_due(timeline_now(), all_allocations(&threads)) || !(self = tracker_enter()))
        return;
    if (guard_close() == 0) {
        uint64_t now = timeline_now(), allocations = all_allocations(&threads);

        if (tracker_tracing() && series_due(now, allocations))
            series_add(now, allocations, threads, trie_stack_count(), live_of_stacks);
        guard_open();
    }
    tracker_out(self);
}
