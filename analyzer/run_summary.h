/* run_summary.h - the few lines that `heapdelta run` ends with.
 *
 * What leaks, who holds it, what is not known about it, and what to type next. Also knows which snapshots a run has left behind: those of its process, or
 * also of those it started, that were not in the directory before.
 */
#ifndef RUN_SUMMARY_H
#define RUN_SUMMARY_H

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

/* How a run of PROGRAM has ended. */
struct run_end {
    const char *program; /* as it was started; it may have become another */
    int status;          /* as of waitpid() */
    bool cut_off;        /* it did not come by its exit functions */
    size_t snapshots_before; /* in the directory, of earlier runs */
    bool has_pools;      /* it is Python, whose own allocator was not switched off */
};

enum run_summary_form {
    RUN_SUMMARY_TEXT, /* at most 20 lines */
    RUN_SUMMARY_JSON, /* as `heapdelta leaks --format json --limit 0` has it */
    RUN_SUMMARY_NONE,
};

/* Print the summary of a run to stderr, in FORM: it ended as END says and left the snapshots LIST
 * in DIRECTORY. */
void run_summary_print(const struct run_end *end, const char *directory,
                       const struct run_snapshots *list, enum run_summary_form form);

#endif
