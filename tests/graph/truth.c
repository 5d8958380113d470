#include "truth.h"

#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#define MAX_LINES 400

static struct line {
    const char *function, *klass;
    size_t blocks, bytes;
} lines[MAX_LINES];

static struct line *find_line(const char *function, const char *klass)
{
    size_t i = 0;

    for (; i < MAX_LINES && lines[i].function; i++)
        if (strcmp(lines[i].function, function) == 0 && strcmp(lines[i].klass, klass) == 0)
            return &lines[i];
    if (i == MAX_LINES)
        abort();
    lines[i].function = function;
    lines[i].klass = klass;
    return &lines[i];
}

void truth_add(const char *function, const char *klass, size_t count, size_t size)
{
    struct line *line = find_line(function, klass);

    line->blocks += count;
    line->bytes += count * size;
}

void truth_any(const char *function, const char *klass)
{
    find_line(function, klass);
}

void truth_forget(const char *function)
{
    for (size_t i = 0; i < MAX_LINES && lines[i].function; i++)
        if (strcmp(lines[i].function, function) == 0)
            lines[i].function = "forgotten";
}

/* Without stdio, which would allocate. */
void truth_print(void)
{
    char text[256];
    int size;

    for (size_t i = 0; i < MAX_LINES && lines[i].function; i++) {
        if (strcmp(lines[i].function, "forgotten") == 0)
            continue;
        size = lines[i].blocks
                   ? snprintf(text, sizeof text, "%d %s %s %zu %zu\n", (int)getpid(),
                              lines[i].function, lines[i].klass, lines[i].blocks, lines[i].bytes)
                   : snprintf(text, sizeof text, "%d %s %s any any\n", (int)getpid(),
                              lines[i].function, lines[i].klass);
        if (size < 0 || (size_t)size >= sizeof text || write(1, text, (size_t)size) != size)
            abort();
    }
}

/* Who keeps secrets forbids others to look: with NOT_DUMPABLE in the environment we do. */
static __attribute__((constructor)) void keep_secrets(void)
{
    if (getenv("NOT_DUMPABLE"))
        prctl(PR_SET_DUMPABLE, 0);
}

static APART void wipe(void)
{
    volatile char stack[16384];

    memset((char *)stack, 0, sizeof stack);
}

APART void truth_run(void (*function)(void))
{
    function();
    wipe();
}
