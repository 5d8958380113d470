/* captured.h - descriptor 2 as a pipe, for what is written to standard error. */
#ifndef UNIT_CAPTURED_H
#define UNIT_CAPTURED_H

#include "unit.h"

#include <fcntl.h>
#include <unistd.h>

/* Make descriptor 2 the end of a new pipe. Returns its other end. */
static inline int captured_begin(void)
{
    int ends[2];

    assert_int_equal(pipe2(ends, O_NONBLOCK), 0);
    assert_int_equal(dup2(ends[1], 2), 2);
    close(ends[1]);
    return ends[0];
}

/* All that was written to the pipe PIPE since, as a string until the next call. */
static inline const char *captured_text(int pipe)
{
    static char text[8192];
    ssize_t size = read(pipe, text, sizeof(text) - 1);

    text[size < 0 ? 0 : size] = '\0';
    return text;
}

#endif
