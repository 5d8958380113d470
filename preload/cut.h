/* cut.h - the state of the heap at one moment, exact, because the gate is closed.
 *
 *   before it closes   memory is had for all that is to be copied, as much as was needed now
 *   while it is        what may change is copied as it lies, from one memory to the other;
 *                      what only grows (stacks, frames) is remembered by its number of entries
 *   once it is open    cut_encode() looks at the copies, and gives them back
 */
#ifndef PRELOAD_CUT_H
#define PRELOAD_CUT_H

#include "preload/arena.h"
#include "preload/buffer.h"
#include "preload/live_copy.h"
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
    uint64_t peak, threads_seen;
    struct tracker_totals totals;
    uint64_t tracer[ARENA_USES];
    struct timeline_sample samples[TIMELINE_SAMPLES];
    uint32_t sample_count;
    bool counters_only;
    bool brief; /* set before cut_take(): the series is left out */
    bool blocks_left; /* to a copy of the process, for cut_take_blocks(): here there are none */

    struct buffer modules; /* struct module, from number 1 on */
    struct buffer epochs;  /* struct epoch */

    /* The copies, until they are encoded. */
    struct live_copy live, tracked; /* of domain 0, of the others */
    struct buffer sums;    /* struct counter_sum, by stack */
    struct buffer moments; /* series_copy() */

    /* Made of them by cut_encode(). */
    uint64_t bytes, live_blocks; /* for which, in a sample, others stand: */
    uint64_t block_count, tracked_count, truncated;
    uint32_t series_count;
    struct buffer blocks;   /* as SNAPSHOT_BLOCKS, then as SNAPSHOT_TRACKED */
    size_t tracked_size;    /* … bytes of the latter */
    struct buffer weights;  /* as SNAPSHOT_WEIGHTS */
    struct buffer counters, more_counters; /* as SNAPSHOT_COUNTERS, SNAPSHOT_MORE_COUNTERS */
    struct buffer series;   /* as SNAPSHOT_SERIES */
    struct buffer places;   /* uint64_t: of blocks, one in each MEMORY_USE_PLACE bytes */
    struct buffer progress; /* as SNAPSHOT_PROGRESS */
    uint64_t last_address;  /* while blocks are put */
};

/* Fill in CUT, zeroed memory but for `brief`, but for what cut_encode() makes, and begin the epoch
 * LABEL, unless that is NULL; without the list of blocks if COUNTERS_ONLY. Call inside (guard.h).
 * -ENODATA when not tracing, -ETIMEDOUT if a thread did not come to rest, -ENOMEM. To be given back
 * by cut_finish(), also then. If all went well TAKEN, if there is one, is called with CONTEXT
 * before the gate opens, and says whether a copy of the process is there that will take the
 * blocks: copying the list of them is most of what the gate is closed for. */
int cut_take(struct cut *cut, const char *label, bool counters_only, bool (*taken)(void *context),
             void *context);

/* In a copy of the process, made by TAKEN: take the blocks. */
void cut_take_blocks(struct cut *cut);

/* Encode the copies, and give their memory back. Any time; once. 0 or -ENOMEM. */
int cut_encode(struct cut *cut);

/* In a copy of the process, where more modules were found: have all of them in CUT. */
bool cut_renew_modules(struct cut *cut);

void cut_finish(struct cut *cut);

#endif
