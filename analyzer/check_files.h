/* check_files.h - the files that `heapdelta check` writes for CI servers: JUnit, SARIF, JSON,
 * suppressions. */
#ifndef CHECK_FILES_H
#define CHECK_FILES_H

#include "check_run.h"
#include "check_verdict.h"
#include "command.h"

struct check_files {
    const char *junit, *sarif, *json, *gen_suppressions; /* in which %p is PROGRAM.PID; NULL: none */
    const char *name; /* of the test; NULL: the command */
};

/* What was found, and how the program itself ended. */
struct check_outcome {
    struct check_verdict verdict;
    char own[128]; /* how it failed by itself; empty: it did not */
    int status;    /* with which it does, as a shell has it */
    char command[512];
};

/* Write those of FILES that are wanted, about RUN of PROGRAM and its OUTCOME, for COMMAND.
 * Directories that are missing are made, one each. Returns COMMAND_DONE, or the exit status, with
 * what is wrong said. */
int check_files_write(const struct command *command, const struct check_files *files,
                      const char *program, const struct check_run *run,
                      const struct check_outcome *outcome);

#endif
