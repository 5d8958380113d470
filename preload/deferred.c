#include "preload/deferred.h"

#include <stddef.h>

static uint32_t load(const _Atomic uint32_t *number)
{
    return atomic_load_explicit(number, memory_order_relaxed);
}

struct deferred_event *deferred_begin(struct deferred *ring)
{
    if (atomic_exchange_explicit(&ring->busy, true, memory_order_relaxed))
        return NULL;
    if (load(&ring->put) - load(&ring->taken) == DEFERRED_EVENTS) {
        atomic_store_explicit(&ring->busy, false, memory_order_relaxed);
        return NULL;
    }
    return &ring->events[load(&ring->put) % DEFERRED_EVENTS];
}

void deferred_put(struct deferred *ring)
{
    atomic_signal_fence(memory_order_seq_cst);
    atomic_store_explicit(&ring->put, load(&ring->put) + 1, memory_order_relaxed);
    atomic_store_explicit(&ring->busy, false, memory_order_relaxed);
}

void deferred_cancel(struct deferred *ring)
{
    atomic_store_explicit(&ring->busy, false, memory_order_relaxed);
}

bool deferred_expects(const struct deferred *ring, uintptr_t address)
{
    for (uint32_t i = load(&ring->taken); i != load(&ring->put); i++) {
        const struct deferred_event *event = &ring->events[i % DEFERRED_EVENTS];

        if (event->kind <= DEFERRED_BACK && event->block.address == address)
            return true;
    }
    return false;
}

struct deferred_event *deferred_first(struct deferred *ring)
{
    uint32_t taken = load(&ring->taken);

    if (taken == load(&ring->put))
        return NULL;
    atomic_signal_fence(memory_order_seq_cst);
    return &ring->events[taken % DEFERRED_EVENTS];
}

void deferred_drop(struct deferred *ring)
{
    atomic_signal_fence(memory_order_seq_cst);
    atomic_store_explicit(&ring->taken, load(&ring->taken) + 1, memory_order_relaxed);
}

struct deferred_event *deferred_get(struct deferred *ring, uint32_t number)
{
    uint32_t taken = load(&ring->taken);

    return number < load(&ring->put) - taken ? &ring->events[(taken + number) % DEFERRED_EVENTS]
                                             : NULL;
}
