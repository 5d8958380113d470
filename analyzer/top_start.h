/* top_start.h - the program that `heapdelta top -- COMMAND` starts, by `heapdelta run`.
 *
 * The terminal is ours: its output goes to a file, its input is empty.
 */
#ifndef TOP_START_H
#define TOP_START_H

#include "model/error.h"

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

struct top_start {
    pid_t runner; /* `heapdelta run`; 0: it has ended */
    int status;   /* of it then, as waitpid() has it */
    char output[PATH_MAX];
    char directory[PATH_MAX]; /* of its snapshots, once it was found; empty: not known */
};

/* Start ARGV; its snapshots go to DIRECTORY, as `heapdelta run -o` says it (NULL: one of its own).
 * Returns 0, or ERROR and -ENOENT: there is no such command; or another -errno. */
int top_start(struct top_start *start, char *const *argv, const char *directory,
              struct error *error);

/* Wait until it is traced. Returns its PID, or ERROR and -ESRCH: it has ended before; -EINTR. */
pid_t top_start_find(struct top_start *start, struct error *error);

/* Ask it to end (TERM). */
void top_start_end(struct top_start *start);

/* Wait for at most MILLISECONDS until it has ended. Returns whether it has; not if meanwhile another
 * signal is to end us. */
bool top_start_wait(struct top_start *start, unsigned milliseconds);

/* Kill it. */
void top_start_kill(struct top_start *start);

#endif
