#include "preload/timeline.h"

#include "preload/lock.h"
#include "preload/syscall.h"

#include <string.h>

#define FIRST_INTERVAL 10000000u /* ns */
#define GUESSED_TICKS 20000000u  /* of FIRST_INTERVAL, until we know better */

static struct timeline_sample samples[TIMELINE_SAMPLES];
static uint32_t count;
static uint64_t interval = FIRST_INTERVAL, start_time;
static uint64_t start_ticks;
static _Atomic uint64_t due_ticks; /* look at the clock from here on */
static struct lock lock;

void timeline_start(void)
{
    start_time = syscall_time(CLOCK_MONOTONIC);
    start_ticks = __builtin_ia32_rdtsc();
    atomic_store_explicit(&due_ticks, start_ticks + GUESSED_TICKS, memory_order_relaxed);
}

uint64_t timeline_now(void)
{
    return syscall_time(CLOCK_MONOTONIC) - start_time;
}

int timeline_due(void)
{
    return __builtin_ia32_rdtsc() >= atomic_load_explicit(&due_ticks, memory_order_relaxed);
}

/* Set the clock to go off after NS from NOW, by the ticks per ns seen so far. */
static void set_due(uint64_t now, uint64_t ns)
{
    uint64_t ticks = __builtin_ia32_rdtsc(), passed = ticks - start_ticks;
    uint64_t per_us = now / 1000 ? passed / (now / 1000) : 1000;

    atomic_store_explicit(&due_ticks, ticks + per_us * (ns / 1000 + 1), memory_order_relaxed);
}

static void halve(void)
{
    count /= 2;
    for (uint32_t i = 0; i < count; i++)
        samples[i] = samples[2 * i + 1];
    interval *= 2;
}

void timeline_add(uint64_t bytes, uint64_t blocks, uint64_t rss)
{
    uint64_t now, last, left;

    if (!lock_try(&lock))
        return;
    now = timeline_now();
    last = count ? samples[count - 1].time : 0;
    if (now - last >= interval || rss) {
        if (count == TIMELINE_SAMPLES)
            halve();
        samples[count++] = (struct timeline_sample){ now, bytes, blocks, rss };
        last = now;
    }
    left = last + interval - now;
    set_due(now, left < FIRST_INTERVAL ? left : FIRST_INTERVAL);
    lock_release(&lock);
}

uint32_t timeline_copy(struct timeline_sample *out_samples)
{
    memcpy(out_samples, samples, count * sizeof *samples);
    return count;
}

void timeline_clear(void)
{
    count = 0;
    interval = FIRST_INTERVAL;
}
