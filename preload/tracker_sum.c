/* tracker_sum.c - what all threads have counted, and what is under way in them. */
#include "preload/tracker_thread.h"

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
    totals.lost_blocks += atomic_load_explicit(&tracker_lost_in_handlers, memory_order_relaxed);
    *out_totals = totals;
}

void tracker_sum_counters(uint32_t stack_count, struct counter_sum *sums)
{
    for (struct thread *state = guard_threads(); state; state = state->next)
        counters_add_all(&((struct tracker_thread *)state)->counters, stack_count, sums);
}

struct counters_size tracker_size(void)
{
    struct counters_size size = counters_size();

    for (struct thread *state = guard_threads(); state; state = state->next)
        counters_add_size(&((struct tracker_thread *)state)->counters, &size);
    if (size.current < 0)
        size.current = 0; /* others allocate meanwhile */
    return size;
}

uint64_t tracker_live_blocks(void)
{
    uint64_t allocations = 0, frees = 0;

    /* First all frees: a block whose free is among them was allocated before. The other way
     * round there might be more frees than allocations. */
    for (struct thread *state = guard_threads(); state; state = state->next)
        frees += atomic_load_explicit(&((struct tracker_thread *)state)->frees,
                                      memory_order_acquire);
    for (struct thread *state = guard_threads(); state; state = state->next)
        allocations += atomic_load_explicit(&((struct tracker_thread *)state)->allocations,
                                            memory_order_relaxed);
    return allocations > frees ? allocations - frees : 0;
}

/* ---- what is under way ---- */

/* Whether one of the calls under way before CALL has the same old block: its
 * real call has freed that, and another thread got the address and reallocates it, too. */
static bool in_flight_before(const struct tracker_realloc *call)
{
    for (struct thread *other = guard_threads(); other; other = other->next)
        for (struct tracker_realloc *before = ((struct tracker_thread *)other)->in_flight; before;
             before = before->next) {
            if (before == call)
                return false;
            if (before->old.address == call->old.address)
                return true;
        }
    return false;
}

void tracker_settle(void)
{
    for (struct thread *state = guard_threads(); state; state = state->next) {
        struct tracker_thread *thread = (struct tracker_thread *)state;

        for (struct tracker_realloc *call = thread->in_flight; call; call = call->next)
            if (call->old.address &&
                (in_flight_before(call) || live_meets(call->old.address, call->old.size))) {
                tracker_take_away(thread, &call->old, call->usable);
                call->old.address = 0;
            }
        if (thread->deferred)
            tracker_settle_deferred(thread);
    }
    for (struct thread *state = guard_threads(); state; state = state->next)
        counters_end_peak(&((struct tracker_thread *)state)->counters);
}

void tracker_each_in_flight(void (*each)(void *context, const struct live_block *block),
                            void *context)
{
    for (struct thread *state = guard_threads(); state; state = state->next) {
        struct tracker_thread *thread = (struct tracker_thread *)state;
        struct deferred_event *event;

        for (struct tracker_realloc *call = thread->in_flight; call; call = call->next)
            if (call->old.address)
                each(context, &call->old);
        for (uint32_t i = 0; thread->deferred && (event = deferred_get(thread->deferred, i)); i++)
            if (event->listed)
                each(context, &event->block);
    }
}
