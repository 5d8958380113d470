/* timeline.h - how the heap grew: a sample now and then, of bounded number.
 *
 * At most one sample in 10 ms. When the samples are full every second one is
 * dropped and the interval doubles, so a year fits like a second does.
 *
 * Threads may call at any time; one that finds another at it does nothing.
 */
#ifndef PRELOAD_TIMELINE_H
#define PRELOAD_TIMELINE_H

#include <stddef.h>
#include <stdint.h>

struct timeline_sample {
    uint64_t time; /* ns since timeline_start() */
    uint64_t bytes, blocks, rss;
};

#define TIMELINE_SAMPLES 1024u

/* Time begins. */
void timeline_start(void);

/* ns since timeline_start(). */
uint64_t timeline_now(void);

/* Whether to call timeline_add(): a sample is due, or 10 ms have gone by. Cheap: to be
 * asked every few events. */
int timeline_due(void);

/* Take a sample: BYTES and BLOCKS live now, RSS resident (0: not looked at). */
void timeline_add(uint64_t bytes, uint64_t blocks, uint64_t rss);

/* Copy the samples, oldest first, to OUT_SAMPLES (TIMELINE_SAMPLES long); returns
 * how many. Call with the gate closed. */
uint32_t timeline_copy(struct timeline_sample *out_samples);

/* Forget all samples; time goes on. Call with the gate closed. */
void timeline_clear(void);

#endif
