/* series.h - what each stack held at up to 64 moments, so that one snapshot can tell
 * growth.
 *
 * A moment keeps only what changed since the one before. It is due after so many allocations,
 * so that moments are about equally far apart in the program's work on a fast machine and a slow one,
 * and a program that ends in a millisecond has some; or after some time, for one that
 * allocates rarely. When all 64 are taken, two become one and both intervals double.
 *
 * To look at all stacks takes time in which the program stands still, so moments are further
 * apart where there are many stacks and threads: some ns for each allocation.
 *
 * Call with the gate closed, but where it says any time; on lack of memory a moment is left
 * out, or all that were so far.
 */
#ifndef PRELOAD_SERIES_H
#define PRELOAD_SERIES_H

#include "preload/buffer.h"

#include <stdbool.h>
#include <stdint.h>

/* Whether a moment is due at TIME, ns since tracing began, after ALLOCATIONS. Any thread, any
 * time. */
bool series_due(uint64_t time, uint64_t allocations);

/* After how many events of its own a thread should ask again, at least. Any thread, any time. */
uint32_t series_step(void);

#define SERIES_AT_ONCE 16u /* stacks, which a page of counters is a multiple of */

/* Tells what COUNT stacks, SERIES_AT_ONCE at most, hold from number FIRST on, a multiple of that. */
typedef void series_live(uint32_t first, uint32_t count, uint64_t *out_bytes, uint64_t *out_blocks);

/* Add the moment TIME, after ALLOCATIONS by THREAD_COUNT threads: LIVE tells what each of
 * STACK_COUNT stacks holds. */
void series_add(uint64_t time, uint64_t allocations, uint32_t thread_count, uint32_t stack_count,
                series_live *live);

/* How many bytes series_copy() would put; any time, about. */
size_t series_size(void);

/* Put a copy of all moments into BUFFER: as they are, for that is quick. */
void series_copy(struct buffer *buffer);

/* Put the moments in COPY into SERIES and PROGRESS as SNAPSHOT_SERIES and SNAPSHOT_PROGRESS have
 * them; returns how many. Any time. */
uint32_t series_put(const struct buffer *copy, struct buffer *series, struct buffer *progress);

/* Forget all moments. */
void series_clear(void);

#endif
