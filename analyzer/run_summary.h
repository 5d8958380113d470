/* run_summary.h - the few lines that `heapdelta run` ends with.
 *
 * What leaks, who holds it, what is not known about it, and what to type next.
 */
#ifndef RUN_SUMMARY_H
#define RUN_SUMMARY_H

#include "run_snapshots.h"

#include <stdbool.h>
#include <stddef.h>

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
