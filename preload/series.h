/* series.h - what each stack held at up to 64 moments, so that one snapshot can tell
 * growth.
 *
 * A moment keeps only what changed since the one before. When all 64 are taken, two
 * become one and the interval doubles. Call with the gate closed; on lack of memory
 * a moment is left out, or all that were so far.
 */
#ifndef PRELOAD_SERIES_H
#define PRELOAD_SERIES_H

#include "preload/buffer.h"

#include <stdbool.h>
#include <stdint.h>

/* Whether a moment is due at TIME, ns since tracing began. Any thread, any time. */
bool series_due(uint64_t time);

/* Add the moment TIME: LIVE tells what each of STACK_COUNT stacks holds. */
void series_add(uint64_t time, uint32_t stack_count,
                void (*live)(uint32_t stack, uint64_t *out_bytes, uint64_t *out_blocks));

/* How many bytes series_copy() would put; any time, about. */
size_t series_size(void);

/* Put a copy of all moments into BUFFER: as they are, for that is quick. */
void series_copy(struct buffer *buffer);

/* Put the moments in COPY into BUFFER as SNAPSHOT_SERIES has them; returns how many. Any
 * time. */
uint32_t series_put(const struct buffer *copy, struct buffer *buffer);

/* Forget all moments. */
void series_clear(void);

#endif
