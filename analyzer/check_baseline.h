/* check_baseline.h - what `heapdelta check --baseline` names: a snapshot, or a directory of them.
 *
 * Of a directory all snapshots at exit count that are of the program which is checked: so one
 * directory, filled by `check -o`, can be the baseline of all the tests of a project.
 */
#ifndef CHECK_BASELINE_H
#define CHECK_BASELINE_H

#include "check_run.h"
#include "command.h"
#include "model/baseline.h"
#include "run_snapshots.h"

#include <stdbool.h>

struct check_baseline {
    struct baseline *baseline; /* NULL: there is none */
    const char *path;          /* that was given */
    const char *directory;     /* the same; NULL: it was a snapshot */
    struct run_snapshots files; /* that lay in the directory before the run */
    bool is_empty;             /* the directory had nothing of the program */
};

/* Take what PATH names into BASELINE, which is zeroed or has another one. Returns -1, or the exit
 * status. */
int check_baseline_take(const struct command *command, const char *path,
                        struct check_baseline *baseline);

/* Load what the directory, if it is one, has of the program that RUN was of in the end. Returns
 * COMMAND_DONE, or the exit status. */
int check_baseline_find(const struct command *command, const struct check_run *run,
                        struct check_baseline *baseline);

/* Free what BASELINE holds. */
void check_baseline_finish(struct check_baseline *baseline);

#endif
