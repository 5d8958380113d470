#include "preload/counters.h"

#include "preload/arena.h"
#include "preload/attention.h"

#include <stdatomic.h>
#include <string.h>

#define FIRST_PEAK 65536u /* bytes; below, every program has many */

static struct {
    _Atomic uint64_t current, peak;
    _Atomic uint64_t next_size, next_peak; /* to be told of */
    uint64_t growth;
    bool watch_peaks;
} totals __attribute__((aligned(64))) = { .next_size = UINT64_MAX, .next_peak = UINT64_MAX };

/* Where STACK counts. */
static uint32_t section_of(uint32_t stack)
{
    return stack / COUNTERS_PER_PAGE / COUNTERS_PAGES_PER_SECTION;
}

static uint32_t page_of(uint32_t stack)
{
    return stack / COUNTERS_PER_PAGE % COUNTERS_PAGES_PER_SECTION;
}

struct counter *counters_of(struct counters *counters, uint32_t stack)
{
    struct counters_section **section = &counters->sections[section_of(stack)];
    struct counters_page **page;

    if (!*section)
        *section = arena_alloc(sizeof **section, ARENA_COUNTERS);
    if (!*section)
        return NULL;
    page = &(*section)->pages[page_of(stack)];
    if (!*page)
        *page = arena_alloc(sizeof **page, ARENA_COUNTERS);
    return *page ? &(*page)->counters[stack % COUNTERS_PER_PAGE] : NULL;
}

void counters_add_to(const struct counters *counters, uint32_t stack, struct counter *sum)
{
    const struct counters_section *section = counters->sections[section_of(stack)];
    const struct counters_page *page = section ? section->pages[page_of(stack)] : NULL;

    for (int i = 0; page && i < SNAPSHOT_COUNTERS_PER_STACK; i++)
        sum->value[i] += page->counters[stack % COUNTERS_PER_PAGE].value[i];
}

void counters_clear(struct counters *counters)
{
    for (uint32_t i = 0; i < COUNTERS_SECTIONS; i++)
        for (uint32_t j = 0; counters->sections[i] && j < COUNTERS_PAGES_PER_SECTION; j++)
            if (counters->sections[i]->pages[j])
                memset(counters->sections[i]->pages[j], 0, sizeof(struct counters_page));
}

void counters_watch(uint64_t growth, bool peak)
{
    totals.growth = growth;
    totals.watch_peaks = peak;
    atomic_store_explicit(&totals.next_size, growth ? growth : UINT64_MAX, memory_order_relaxed);
    atomic_store_explicit(&totals.next_peak, peak ? FIRST_PEAK : UINT64_MAX, memory_order_relaxed);
}

/* The live bytes are CURRENT now: that is as much growth as was waited for. */
static __attribute__((noinline)) void grown(uint64_t current)
{
    uint64_t next = atomic_load_explicit(&totals.next_size, memory_order_relaxed);

    do
        if (current < next)
            return; /* another thread was first */
    while (!atomic_compare_exchange_weak_explicit(
        &totals.next_size, &next, next + (current - next) / totals.growth * totals.growth + totals.growth,
        memory_order_relaxed, memory_order_relaxed));
    attention_raise(ATTENTION_GROWTH);
}

/* The live bytes shrink from PEAK, which is as high as was waited for. */
static __attribute__((noinline)) void peaked(uint64_t peak)
{
    uint64_t next = atomic_load_explicit(&totals.next_peak, memory_order_relaxed);

    do
        if (peak < next)
            return;
    while (!atomic_compare_exchange_weak_explicit(&totals.next_peak, &next, peak + peak / 10 + 1,
                                                  memory_order_relaxed, memory_order_relaxed));
    attention_raise(ATTENTION_PEAK);
}

void counters_change_current(int64_t change)
{
    uint64_t current = atomic_fetch_add_explicit(&totals.current, (uint64_t)change,
                                                 memory_order_relaxed) +
                       (uint64_t)change;
    uint64_t peak = atomic_load_explicit(&totals.peak, memory_order_relaxed);

    if (change <= 0) {
        if (__builtin_expect(
                peak >= atomic_load_explicit(&totals.next_peak, memory_order_relaxed), false))
            peaked(peak);
        return;
    }
    while (current > peak &&
           !atomic_compare_exchange_weak_explicit(&totals.peak, &peak, current,
                                                  memory_order_relaxed, memory_order_relaxed))
        ;
    if (__builtin_expect(current >= atomic_load_explicit(&totals.next_size, memory_order_relaxed),
                         false))
        grown(current);
}

uint64_t counters_current(void)
{
    return atomic_load_explicit(&totals.current, memory_order_relaxed);
}

uint64_t counters_peak(void)
{
    return atomic_load_explicit(&totals.peak, memory_order_relaxed);
}

void counters_reset_peak(void)
{
    atomic_store_explicit(&totals.peak, counters_current(), memory_order_relaxed);
}

void counters_reset_current(void)
{
    atomic_store_explicit(&totals.current, 0, memory_order_relaxed);
    atomic_store_explicit(&totals.peak, 0, memory_order_relaxed);
    counters_watch(totals.growth, totals.watch_peaks);
}
