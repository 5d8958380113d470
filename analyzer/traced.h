/* traced.h - a command line that is to run traced: the library, the environment, the directory.
 *
 * A thin user of the environment variables of format/control.h. The shim takes
 * them out again before main() if it finds what is put in here: the variables
 * at the end of the environment, and an LD_PRELOAD that was there before as
 * `ours:what it was`, at its old place.
 */
#ifndef TRACED_H
#define TRACED_H

#include "command.h"

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

#define TRACED_PROGRAM_MAX 64

/* Variables that are ours to set for the program, and no one else's. */
enum traced_variable {
    TRACED_OUT,
    TRACED_NFRAME,
    TRACED_OFF,
    TRACED_INTERVAL,
    TRACED_GROWTH,
    TRACED_PEAK,
    TRACED_KEEP,
    TRACED_COUNTERS,
    TRACED_MARKS,
    TRACED_THREADS,
    TRACED_GRAPH,
    TRACED_SAMPLE,
    TRACED_MIN_SIZE,
    TRACED_MAX_SIZE,
    TRACED_SIGNALS,
    TRACED_FOLLOW,
    TRACED_EXEC_COUNT, /* taken out only */
    TRACED_COUNT,
};

struct traced {
    const char *out; /* the directory as the user named it; NULL: after the program and its PID */
    const char *values[TRACED_COUNT]; /* of the variables; NULL: not set */
    /* By traced_prepare(): */
    bool created; /* `out` was not there before */
    char library[PATH_MAX];
    char program[TRACED_PROGRAM_MAX + 1]; /* as it is part of file names */
    char absolute[PATH_MAX];              /* of `out`, or of the working directory */
};

/* Find the library and the directory that is known before the PID is, for the program
 * EXECUTABLE that COMMAND is to run. Returns -1, or the exit status to end with. */
int traced_prepare(struct traced *traced, const struct command *command, const char *executable);

/* The environment of the process PID, see the top; of launch_program. */
char **traced_environment(pid_t pid, const void *traced);

/* The directory of the process PID, as the user types it. */
void traced_directory(const struct traced *traced, pid_t pid, char out_name[PATH_MAX]);

/* Create the directory PATH and those above it; sets OUT_CREATED if PATH itself was not
 * there. Returns 0 if it can be written to afterwards, else -errno. */
int traced_make_directory(const char *path, bool *out_created);

/* What execution of NAME by COMMAND failed with, to the user and as exit status. */
int traced_fail_exec(const struct command *command, const char *name, int code);

#endif
