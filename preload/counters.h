/* counters.h - what each stack has allocated and freed, per thread; current and peak.
 *
 * Each thread counts in pages of its own, indexed by stack number, so counting
 * takes no lock and the sum over all threads is exact once none of them records.
 * Pages stay with the thread's state when the thread ends (guard.h) and go on to
 * count for the next. A free counts for the stack that allocated, in the pages of
 * the thread that freed: one thread's numbers alone may seem negative.
 *
 * The current total and its peak are shared: one atomic addition an event.
 */
#ifndef PRELOAD_COUNTERS_H
#define PRELOAD_COUNTERS_H

#include "format/snapshot.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define COUNTERS_PER_PAGE 64u
#define COUNTERS_PAGES_PER_SECTION 512u
#define COUNTERS_SECTIONS 2048u /* 2^26 stacks in all */

/* By enum snapshot_counter. */
struct counter {
    uint64_t value[SNAPSHOT_COUNTERS_PER_STACK];
};

struct counters_page {
    struct counter counters[COUNTERS_PER_PAGE];
};

struct counters_section {
    struct counters_page *pages[COUNTERS_PAGES_PER_SECTION];
};

/* A thread's. Zeroed memory has counted nothing. */
struct counters {
    struct counters_section *sections[COUNTERS_SECTIONS];
};

/* The counter of STACK in COUNTERS, made if need be; NULL on lack of memory. */
struct counter *counters_of(struct counters *counters, uint32_t stack);

/* Add what COUNTERS has counted for STACK to SUM. */
void counters_add_to(const struct counters *counters, uint32_t stack, struct counter *sum);

/* Set all of COUNTERS to 0. */
void counters_clear(struct counters *counters);

/* Raise ATTENTION_GROWTH each time the live bytes have grown by GROWTH above what they
 * have been before (0: never), and with PEAK, ATTENTION_PEAK at the first free after a
 * peak a tenth above the one before. */
void counters_watch(uint64_t growth, bool peak);

/* The bytes of the live blocks change by CHANGE; the peak follows. */
void counters_change_current(int64_t change);

uint64_t counters_current(void);
uint64_t counters_peak(void);

/* Set the peak to the current value; set both to 0 and watch from there. */
void counters_reset_peak(void);
void counters_reset_current(void);

#endif
