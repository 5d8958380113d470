#include "model/progress.h"

#include <stdarg.h>
#include <stdio.h>

static struct progress outer, inner; /* that which is told of, and all others */
static unsigned depth;               /* phases that are not ended */
static const struct progress_watcher *watching;

void progress_watch(const struct progress_watcher *watcher)
{
    watching = watcher;
}

struct progress *progress_begin(uint64_t total, const char *format, ...)
{
    va_list arguments;

    if (depth++ > 0)
        return &inner;
    va_start(arguments, format);
    vsnprintf(outer.what, sizeof(outer.what), format, arguments);
    va_end(arguments);
    progress_expect(&outer, total);
    progress_to(&outer, 0);
    if (watching)
        watching->begun(&outer);
    return &outer;
}

void progress_end(struct progress *progress)
{
    depth--;
    if (progress == &outer && watching)
        watching->ended();
}
