/* tui_none.c - what takes the place of tui.c and tui_draw.c where there is no ncurses. */
#include "views/tui.h"
#include "views/tui_draw.h"

#include <errno.h>

int tui_check(void)
{
    return -ENOSYS;
}

int tui_open(void)
{
    return -ENOSYS;
}

void tui_close(void)
{
}

int tui_wait(int milliseconds, int descriptor)
{
    (void)milliseconds;
    (void)descriptor;
    return TUI_GONE;
}

size_t tui_page(void)
{
    return 0;
}

void tui_draw_table(const struct report *report, size_t first, size_t selected, const char *bottom)
{
    (void)report;
    (void)first;
    (void)selected;
    (void)bottom;
}

void tui_draw_traceback(const struct report *report, size_t first, const char *bottom)
{
    (void)report;
    (void)first;
    (void)bottom;
}

void tui_draw_lines(const char *title, const char *const *lines, size_t count, size_t first,
                    const char *bottom)
{
    (void)title;
    (void)lines;
    (void)count;
    (void)first;
    (void)bottom;
}
