/* snapshot_write.h - a cut becomes the bytes of a snapshot file (format/snapshot.h).
 *
 * Runs in the short-lived task (image.h), or its copy, while the program goes on.
 */
#ifndef PRELOAD_SNAPSHOT_WRITE_H
#define PRELOAD_SNAPSHOT_WRITE_H

#include "format/snapshot.h"
#include "preload/cut.h"
#include "preload/graph.h"
#include "preload/identity.h"

/* Why and when there is a snapshot. */
struct snapshot_origin {
    enum snapshot_trigger trigger;
    bool counters_only; /* the cut has no list of blocks */
    bool brief;         /* … nor series; and what the memory is used for is not asked */
    uint32_t sequence, parent_pid;
    char label[IDENTITY_NAME_MAX + 1];
};

/* Write CUT, encoded, taken by ORIGIN, with GRAPH, unless that is NULL, to the descriptor FILE,
 * which is empty. 0 or the error. */
int snapshot_write(const struct cut *cut, const struct snapshot_origin *origin,
                   const struct graph *graph, long file);

#endif
