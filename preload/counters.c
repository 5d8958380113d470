#include "preload/counters.h"

#include "preload/arena.h"
#include "preload/attention.h"

#include <stdatomic.h>
#include <string.h>

#define FIRST_PEAK 65536u /* bytes; below, every program has many */

static struct {
    _Atomic int64_t current, peak;
    _Atomic int64_t next_size, next_peak; /* to be told of */
    int64_t growth;
    bool watch_peaks;
} totals __attribute__((aligned(64))) = { .next_size = INT64_MAX, .next_peak = INT64_MAX };

_Atomic uint32_t counters_peak __attribute__((aligned(64))) = 1; /* new counters know of none */

__attribute__((noinline)) struct counter *counters_make(struct counters *counters, uint32_t stack)
{
    struct counters_section **section = &counters->sections[counters_section_of(stack)];
    struct counters_page **page;

    if (!*section)
        *section = arena_alloc(sizeof **section, ARENA_COUNTERS);
    if (!*section)
        return NULL;
    page = &(*section)->pages[counters_page_of(stack)];
    if (!*page)
        *page = arena_alloc(sizeof **page, ARENA_COUNTERS);
    return *page ? &(*page)->counters[stack % COUNTERS_PER_PAGE] : NULL;
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

void counters_add_to(const struct counters *counters, uint32_t stack, struct counter_sum *sum)
{
    const struct counters_section *section = counters->sections[counters_section_of(stack)];
    const struct counters_page *page = section ? section->pages[counters_page_of(stack)] : NULL;

    if (page)
        add(&page->counters[stack % COUNTERS_PER_PAGE],
            atomic_load_explicit(&counters_peak, memory_order_relaxed), sum);
}

void counters_add_all(const struct counters *counters, uint32_t stack_count,
                      struct counter_sum *sums)
{
    const uint32_t peak = atomic_load_explicit(&counters_peak, memory_order_relaxed);

    for (uint32_t first = 0; first < stack_count; first += COUNTERS_PER_PAGE) {
        const struct counters_section *section = counters->sections[counters_section_of(first)];
        const struct counters_page *page = section ? section->pages[counters_page_of(first)] : NULL;
        uint32_t left = stack_count - first;
        uint32_t count = left < COUNTERS_PER_PAGE ? left : COUNTERS_PER_PAGE;

        for (uint32_t i = 0; page && i < count; i++)
            add(&page->counters[i], peak, &sums[first + i]);
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
    for (uint32_t i = 0; i < COUNTERS_SECTIONS; i++)
        for (uint32_t j = 0; counters->sections[i] && j < COUNTERS_PAGES_PER_SECTION; j++)
            if (counters->sections[i]->pages[j])
                memset(counters->sections[i]->pages[j], 0, sizeof(struct counters_page));
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
__attribute__((noinline)) void counters_reach(struct counters *counters)
{
    int64_t change = atomic_load_explicit(&counters->change, memory_order_relaxed);

    if (change < atomic_load_explicit(&counters->highest, memory_order_relaxed))
        counters_end_peak(counters);
    if (change >= counters->up || change <= counters->floor)
        counters_settle(counters);
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
