#include "preload/counters.h"

#include "preload/arena.h"
#include "preload/attention.h"

#include <stdatomic.h>
#include <string.h>

#define PAGE 4096
#define FIRST_PEAK 65536u /* bytes; below, every program has many */

static struct {
    _Atomic int64_t current, peak;
    _Atomic int64_t next_size, next_peak; /* to be told of */
    int64_t growth;
    bool watch_peaks;
} totals __attribute__((aligned(64))) = { .next_size = INT64_MAX, .next_peak = INT64_MAX };

_Atomic uint32_t counters_peak __attribute__((aligned(64))) = 1; /* new counters know of none */

#define PAGES (COUNTERS_STACKS / COUNTERS_PER_PAGE)
#define TOUCHED_SIZE (PAGES / 8)

/* Make room for STACK. */
static bool make_room(struct counters *counters, uint32_t stack)
{
    size_t old = counters->capacity * sizeof *counters->all, new;
    uint32_t capacity = counters->capacity ? counters->capacity : COUNTERS_FIRST;
    void *memory;

    if (!counters->touched) {
        counters->touched = arena_reserve(TOUCHED_SIZE);
        if (!counters->touched)
            return false;
        arena_count(PAGE, ARENA_COUNTERS); /* which does for two million stacks */
    }
    while (capacity <= stack)
        capacity *= 2;
    new = capacity * sizeof *counters->all;
    memory = counters->all ? arena_resize(counters->all, old, new, ARENA_COUNTERS)
                           : arena_reserve(new);
    if (!memory)
        return false;
    if (counters->all)
        arena_count(-(int64_t)(new - old), ARENA_COUNTERS); /* not there yet */
    counters->all = memory;
    counters->capacity = capacity;
    return true;
}

static bool is_touched(const struct counters *counters, uint32_t page)
{
    return counters->touched[page / 64] >> page % 64 & 1;
}

/* COUNTER, of STACK, is to be changed for the first time. */
static void touch_page(struct counters *counters, uint32_t stack)
{
    uint32_t page = stack / COUNTERS_PER_PAGE;

    if (is_touched(counters, page))
        return;
    counters->touched[page / 64] |= (uint64_t)1 << page % 64;
    arena_count(PAGE, ARENA_COUNTERS);
}

__attribute__((noinline)) struct counter *counters_touch(struct counters *counters, uint32_t stack)
{
    uint32_t peak = atomic_load_explicit(&counters_peak, memory_order_relaxed);
    struct counter *counter;

    if (stack >= counters->capacity && !make_room(counters, stack))
        return NULL;
    counter = &counters->all[stack];
    if (counter->peak == peak)
        return counter;
    if (counter->peak == 0)
        touch_page(counters, stack);
    counter->peak = peak;
    counter->peak_bytes =
        counter->value[SNAPSHOT_ALLOCATED_BYTES] - counter->value[SNAPSHOT_FREED_BYTES];
    counter->peak_blocks = (uint32_t)(counter->value[SNAPSHOT_ALLOCATIONS] -
                                      counter->value[SNAPSHOT_FREES]);
    return counter;
}

/* Add COUNTER to SUM; PEAK is the newest. */
static inline void add(const struct counter *counter, uint32_t peak, struct counter_sum *sum)
{
    const uint64_t *value = counter->value;
    bool kept = counter->peak == peak;

    for (int i = 0; i <= SNAPSHOT_TEMPORARY; i++)
        sum->value[i] += value[i];
    sum->value[SNAPSHOT_PEAK_BYTES] +=
        kept ? counter->peak_bytes : value[SNAPSHOT_ALLOCATED_BYTES] - value[SNAPSHOT_FREED_BYTES];
    sum->value[SNAPSHOT_PEAK_BLOCKS] +=
        kept ? counter->peak_blocks : value[SNAPSHOT_ALLOCATIONS] - value[SNAPSHOT_FREES];
}

void counters_add_all(const struct counters *counters, uint32_t stack_count,
                      struct counter_sum *sums)
{
    const uint32_t peak = atomic_load_explicit(&counters_peak, memory_order_relaxed);

    for (uint32_t first = 0; first < stack_count && first < counters->capacity;
         first += COUNTERS_PER_PAGE) {
        uint32_t left = stack_count - first;
        uint32_t count = left < COUNTERS_PER_PAGE ? left : COUNTERS_PER_PAGE;

        if (is_touched(counters, first / COUNTERS_PER_PAGE))
            for (uint32_t i = first; i < first + count; i++)
                add(&counters->all[i], peak, &sums[i]);
    }
}

void counters_complete(struct counter_sum *sum)
{
    /* Two threads that share a stack's blocks may not have come by the same instant. */
    if ((int64_t)sum->value[SNAPSHOT_PEAK_BYTES] < 0)
        sum->value[SNAPSHOT_PEAK_BYTES] = 0;
    if ((int32_t)sum->value[SNAPSHOT_PEAK_BLOCKS] < 0)
        sum->value[SNAPSHOT_PEAK_BLOCKS] = 0;
    sum->value[SNAPSHOT_PEAK_BLOCKS] = (uint32_t)sum->value[SNAPSHOT_PEAK_BLOCKS];
}

void counters_clear(struct counters *counters)
{
    for (uint32_t first = 0; first < counters->capacity; first += COUNTERS_PER_PAGE)
        if (is_touched(counters, first / COUNTERS_PER_PAGE))
            memset(&counters->all[first], 0, COUNTERS_PER_PAGE * sizeof *counters->all);
    atomic_store_explicit(&counters->change, 0, memory_order_relaxed);
    atomic_store_explicit(&counters->highest, 0, memory_order_relaxed);
    counters_forget_peak(counters);
}

void counters_forget_peak(struct counters *counters)
{
    counters->at_peak = false;
    counters->room = 0;
    counters->up = counters->down = counters->floor = 0; /* to be found at the next change */
}

void counters_watch(uint64_t growth, bool peak)
{
    totals.growth = growth > INT64_MAX / 2 ? 0 : (int64_t)growth;
    totals.watch_peaks = peak;
    atomic_store_explicit(&totals.next_size, totals.growth ? totals.growth : INT64_MAX,
                          memory_order_relaxed);
    atomic_store_explicit(&totals.next_peak, peak ? FIRST_PEAK : INT64_MAX, memory_order_relaxed);
}

/* The live bytes are CURRENT now: that is as much growth as was waited for. */
static void grown(int64_t current)
{
    int64_t next = atomic_load_explicit(&totals.next_size, memory_order_relaxed), later;

    do {
        if (current < next)
            return; /* another thread was first */
        later = next + ((current - next) / totals.growth + 1) * totals.growth;
    } while (!atomic_compare_exchange_weak_explicit(&totals.next_size, &next, later,
                                                    memory_order_relaxed, memory_order_relaxed));
    attention_raise(ATTENTION_GROWTH);
}

/* The live bytes shrink from PEAK, which is as high as was waited for. */
static void peaked(int64_t peak)
{
    int64_t next = atomic_load_explicit(&totals.next_peak, memory_order_relaxed);

    do
        if (peak < next)
            return;
    while (!atomic_compare_exchange_weak_explicit(&totals.next_peak, &next, peak + peak / 10 + 1,
                                                  memory_order_relaxed, memory_order_relaxed));
    attention_raise(ATTENTION_PEAK);
}

/* Raise the peak to SIZE, if it is less; returns what it was. */
static int64_t raise_peak(int64_t size)
{
    int64_t peak = atomic_load_explicit(&totals.peak, memory_order_relaxed);

    while (size > peak &&
           !atomic_compare_exchange_weak_explicit(&totals.peak, &peak, size, memory_order_relaxed,
                                                  memory_order_relaxed))
        ;
    return peak;
}

static int64_t least(int64_t one, int64_t other)
{
    return one < other ? one : other;
}

/* What waits for the live bytes to reach a size is to be told at once. */
static void set_limits(struct counters *counters, int64_t current, int64_t peak)
{
    int64_t next_size = atomic_load_explicit(&totals.next_size, memory_order_relaxed);
    int64_t next_peak = atomic_load_explicit(&totals.next_peak, memory_order_relaxed);

    counters->room = peak - current;
    if (peak >= next_peak) { /* the first free is waited for */
        counters->up = 1;
        counters->floor = -1;
    } else {
        counters->up = least(COUNTERS_WINDOW, least(next_size, next_peak) - current);
        counters->floor = -COUNTERS_WINDOW;
    }
    counters->down = counters->at_peak ? -1 : counters->floor;
}

__attribute__((noinline)) void counters_settle(struct counters *counters)
{
    int64_t change = atomic_load_explicit(&counters->change, memory_order_relaxed);
    int64_t highest = atomic_load_explicit(&counters->highest, memory_order_relaxed);
    int64_t before = atomic_fetch_add_explicit(&totals.current, change, memory_order_relaxed);
    int64_t old_peak = raise_peak(before + highest);
    int64_t peak = old_peak > before + highest ? old_peak : before + highest;

    counters->at_peak = change == highest && before + change >= peak &&
                        (counters->at_peak || peak > old_peak);
    atomic_store_explicit(&counters->change, 0, memory_order_relaxed);
    atomic_store_explicit(&counters->highest, 0, memory_order_relaxed);
    if (peak >= atomic_load_explicit(&totals.next_peak, memory_order_relaxed) && change < 0)
        peaked(peak);
    if (before + highest >= atomic_load_explicit(&totals.next_size, memory_order_relaxed))
        grown(before + highest);
    set_limits(counters, before + change, peak);
}

void counters_end_peak(struct counters *counters)
{
    int64_t highest = atomic_load_explicit(&counters->highest, memory_order_relaxed);

    /* Others may have allocated or freed much since the maximum seemed new. */
    if (counters->at_peak &&
        atomic_load_explicit(&totals.current, memory_order_relaxed) + highest >=
            atomic_load_explicit(&totals.peak, memory_order_relaxed))
        atomic_fetch_add_explicit(&counters_peak, 1, memory_order_relaxed);
    counters->at_peak = false;
    if (counters->room < highest)
        counters->room = highest;
    counters->down = counters->floor;
}

/* COUNTERS has changed to one of its limits, or beyond. */
static __attribute__((noinline)) void reach(struct counters *counters)
{
    int64_t change = atomic_load_explicit(&counters->change, memory_order_relaxed);

    if (change < atomic_load_explicit(&counters->highest, memory_order_relaxed))
        counters_end_peak(counters);
    if (change >= counters->up || change <= counters->floor)
        counters_settle(counters);
}

void counters_change_current(struct counters *counters, int64_t change)
{
    int64_t now;
    bool allowed = counters_may_change(counters, change, &now);

    counters_set_current(counters, now);
    if (!allowed)
        reach(counters);
}

struct counters_size counters_size(void)
{
    return (struct counters_size){ atomic_load_explicit(&totals.current, memory_order_relaxed),
                                   atomic_load_explicit(&totals.peak, memory_order_relaxed) };
}

void counters_add_size(const struct counters *counters, struct counters_size *size)
{
    int64_t highest =
        size->current + atomic_load_explicit(&counters->highest, memory_order_relaxed);

    size->peak = highest > size->peak ? highest : size->peak;
    size->current += atomic_load_explicit(&counters->change, memory_order_relaxed);
}

void counters_reset_peak(void)
{
    atomic_store_explicit(&totals.peak,
                          atomic_load_explicit(&totals.current, memory_order_relaxed),
                          memory_order_relaxed);
    atomic_fetch_add_explicit(&counters_peak, 1, memory_order_relaxed);
}

void counters_reset_current(void)
{
    atomic_store_explicit(&totals.current, 0, memory_order_relaxed);
    atomic_store_explicit(&totals.peak, 0, memory_order_relaxed);
    counters_watch((uint64_t)totals.growth, totals.watch_peaks);
}
