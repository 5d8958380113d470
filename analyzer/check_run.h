/* check_run.h - runs a program for `heapdelta check`, and ends its rounds.
 *
 * At the end of each round there is a snapshot, of counters only; the one at exit has the blocks
 * and the heap graph.
 */
#ifndef CHECK_RUN_H
#define CHECK_RUN_H

#include "command.h"
#include "run_snapshots.h"
#include "traced.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* So many rounds are kept: more marks are thinned out, more rounds by others not ended. */
#define CHECK_ROUNDS_MAX 200u

enum check_rounds_by {
    CHECK_BY_MARK,     /* the program calls heapdelta_mark() */
    CHECK_BY_SIGNAL,   /* we get a signal */
    CHECK_BY_INTERVAL, /* time passes */
    CHECK_BY_LINE,     /* the program wants the next line of its standard input */
};

struct check_rounds {
    enum check_rounds_by by;
    int signal;
    uint64_t interval; /* ns */
    size_t count;      /* 0: as many as there are; after CHECK_ROUNDS_MAX of them no more are ended. Else the
                        * program is told to end (SIGTERM) after that many, unless they are its own, by
                        * mark or line */
};

struct check_run {
    pid_t pid;
    int status;          /* as of waitpid() */
    bool ended_by_us;    /* after the last round, or since it ends no more: */
    uint64_t duration;   /* ns */
    size_t round_count;  /* that we ended; 0 by mark */
    size_t unanswered;   /* requests in a row that it did not honour within 10 s */
    bool refused;        /* … and that it did not want to, or could not any more */
    char directory[PATH_MAX];
    bool is_temporary;   /* it is removed again */
    struct run_snapshots snapshots;
    size_t snapshots_before; /* that lay in the directory already, of any program */
};

/* Run the file PATH by the command ARGV, which TRACED was prepared for, and divide it into ROUNDS. Without
 * a directory in TRACED there is a temporary one. Returns -1, or the exit status to end with; to be
 * finished with check_run_finish() in either case. */
int check_run(const struct command *command, struct traced *traced, const char *path, char **argv,
              const struct check_rounds *rounds, struct check_run *out_run);

/* Remove what is temporary of RUN, and free what it holds. */
void check_run_finish(struct check_run *run);

#endif
