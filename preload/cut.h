/* cut.h - the state of the heap at one moment, exact, because the gate is closed.
 *
 * Blocks and counters are encoded into memory as the file will have them; what only
 * grows (stacks, frames, modules, epochs) is remembered by its number of entries.
 */
#ifndef PRELOAD_CUT_H
#define PRELOAD_CUT_H

#include "preload/arena.h"
#include "preload/buffer.h"
#include "preload/timeline.h"
#include "preload/tracker.h"

#include <stdbool.h>
#include <stdint.h>

struct cut {
    uint64_t time;    /* ns since 1970 */
    uint64_t elapsed; /* ns since tracing began */
    uint64_t pause;   /* ns that the gate was closed for it */
    uint32_t epoch, epoch_count, frame_limit;
    uint32_t stack_count, frame_count, module_count;
    uint64_t bytes, block_count, peak, truncated, threads_seen;
    struct tracker_totals totals;
    uint64_t tracer[ARENA_USES];
    struct buffer blocks; /* as SNAPSHOT_BLOCKS */
    struct buffer counters; /* as SNAPSHOT_COUNTERS */
    struct buffer series;   /* as SNAPSHOT_SERIES */
    uint32_t series_count;
    struct timeline_sample samples[TIMELINE_SAMPLES];
    uint32_t sample_count;
    uint64_t last_address; /* while blocks are put */
};

/* Fill in CUT, zeroed memory, and begin the epoch LABEL; without the list of blocks if
 * COUNTERS_ONLY. Call inside (guard.h). -ENODATA when not tracing, -ETIMEDOUT if a
 * thread did not come to rest, -ENOMEM. To be given back by cut_finish(), also then. If all
 * went well TAKEN, if there is one, is called with CONTEXT before the gate opens. */
int cut_take(struct cut *cut, const char *label, bool counters_only, void (*taken)(void *context),
             void *context);

void cut_finish(struct cut *cut);

#endif
