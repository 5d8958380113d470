/* run_snapshots.h - which snapshots a run has left behind.
 *
 * Those of its process, or also of those it started, that were not in the directory before.
 */
#ifndef RUN_SNAPSHOTS_H
#define RUN_SNAPSHOTS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <time.h>

struct run_snapshot {
    char *name; /* without the directory */
    bool at_exit;
    bool is_main; /* of the process that was started */
    int program_length; /* of PROGRAM, which the name begins with */
    struct timespec time;
};

struct run_snapshots {
    struct run_snapshot *snapshots; /* oldest first */
    size_t count;
};

/* Put the snapshots that the process PID, or with ALL any process, has written to
 * DIRECTORY into OUT_LIST, but those in BEFORE (which may be NULL). Finish the list with
 * run_snapshots_finish(). Lack of memory or of the directory makes it shorter. */
void run_snapshots_find(const char *directory, pid_t pid, bool all,
                        const struct run_snapshots *before, struct run_snapshots *out_list);

/* Free what LIST holds. */
void run_snapshots_finish(struct run_snapshots *list);

#endif
