/* output.h - where a command's result goes: stdout, or a file that appears whole.
 *
 * What is written to output->file reaches a named file only when output_close()
 * succeeds; until then the old file, if there was one, stays as it was.
 */
#ifndef OUTPUT_H
#define OUTPUT_H

#include "model/error.h"

#include <stdio.h>

struct output {
    FILE *file;
    const char *path; /* NULL: stdout */
    char *target;     /* the file it is to become; NULL: stdout, a device, a pipe */
    char *temporary;  /* the file beside it that is written */
    int fd;           /* below `file`; -1: a terminal */
    int failed;       /* -errno of the first write to it that failed, which stdio forgets; 0: none */
};

/* Open stdout, or PATH if it is neither NULL nor "-"; PATH must outlive the output, which must stay
 * where it is. A file larger than it may be is an error from here on, not SIGXFSZ. Returns 0 or -errno
 * and ERROR. */
int output_open(struct output *output, const char *path, struct error *error);

/* Finish what was written to stdout so far, but not stdout itself: it is opened again, because more
 * follows. Returns as output_close(). */
int output_flush(struct output *output, struct error *error);

/* Finish the output: everything is written. Returns 0, or -errno and ERROR, which
 * is empty where the reader of a pipe just went away. */
int output_close(struct output *output, struct error *error);

/* Throw away what was written to a file. */
void output_discard(struct output *output);

#endif
