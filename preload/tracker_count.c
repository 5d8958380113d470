/* tracker_count.c - a block comes into the tables or leaves them, and is counted. */
#include "preload/tracker_thread.h"

size_t tracker_usable_estimate(size_t size)
{
    size_t chunk = (size + 8 + 15) & ~(size_t)15;

    return real_is_glibc ? (chunk < 32 ? 32 : chunk) - 8 : 0;
}

/* After counters_change_current(), which may end a peak: this is behind it. */
static inline void count_free(struct tracker_thread *self, const struct live_block *block,
                              uint64_t weight)
{
    struct counter *counter = counters_touch(&self->counters, block->stack);
    bool temporary = block->address == self->newest;

    self->newest = temporary ? 0 : self->newest; /* another thread may get the address */
    if (counter) {
        counter->value[SNAPSHOT_FREES] += weight;
        counter->value[SNAPSHOT_FREED_BYTES] += weight * block->size;
        counter->value[SNAPSHOT_TEMPORARY] += temporary ? weight : 0;
    } else {
        self->lost_blocks++; /* what its stack counts is not right: that much is said */
    }
    tracker_add_own(&self->frees, weight);
}

void tracker_count_allocation(struct tracker_thread *self, const struct live_block *block,
                              uint64_t weight, bool reallocation)
{
    struct counter *counter = counters_touch(&self->counters, block->stack);

    self->newest = block->address;
    if (counter) {
        counter->value[SNAPSHOT_ALLOCATIONS] += weight;
        counter->value[SNAPSHOT_ALLOCATED_BYTES] += weight * block->size;
        counter->value[SNAPSHOT_REALLOCATIONS] += reallocation ? weight : 0;
    } else {
        self->lost_blocks++;
    }
    tracker_add_own(&self->allocations, weight);
}

void tracker_take_away(struct tracker_thread *self, const struct live_block *block, size_t usable)
{
    uint64_t weight = tracker_weight(block);

    self->usable -= weight * usable;
    counters_change_current(&self->counters, -(int64_t)(weight * block->size));
    count_free(self, block, weight);
}

/* Count BLOCK, whose free was not seen. */
static __attribute__((noinline)) void miss(struct tracker_thread *self,
                                           const struct live_block *block)
{
    self->missed_frees++;
    tracker_take_away(self, block, tracker_usable_estimate(block->size));
}

void tracker_put(struct tracker_thread *self, struct live_block block, size_t usable,
                 bool reallocation, const struct live_block *old, size_t old_usable)
{
    struct live_block missed;
    bool added = live_add(&block, &missed);
    uint64_t weight = tracker_weight(&block), old_weight = old ? tracker_weight(old) : 0;
    size_t before = old ? old_weight * old->size : 0;

    if (__builtin_expect(added && missed.address != 0, false))
        miss(self, &missed);
    counters_change_current(&self->counters, (int64_t)((added ? weight * block.size : 0) - before));
    if (old) {
        self->usable -= old_weight * old_usable;
        count_free(self, old, old_weight);
    }
    if (__builtin_expect(added, true)) {
        self->usable += weight * usable;
        tracker_count_allocation(self, &block, weight, reallocation);
    } else {
        self->lost_blocks++;
    }
}

void tracker_put_back(struct tracker_thread *self, const struct live_block *block, size_t usable)
{
    struct live_block missed;

    if (!live_add(block, &missed)) {
        self->lost_blocks++;
        tracker_take_away(self, block, usable);
    } else if (missed.address != 0) {
        miss(self, &missed);
    }
}
