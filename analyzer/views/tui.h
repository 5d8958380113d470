/* tui.h - reports on a screen that is drawn again and again, and the keys that are pressed.
 *
 * There is one screen: the terminal. It has the size that the terminal has at the moment, and says
 * so if that is less than TUI_ROWS by TUI_COLUMNS. Nothing is told by colour alone, and without a
 * UTF-8 locale, or with NO_COLOR, there is the less of each. Whatever ends the process,
 * the terminal is put back as it was: at tui_close(), at exit() and by signals that nobody handles.
 */
#ifndef VIEWS_TUI_H
#define VIEWS_TUI_H

#include "model/report.h"

#include <stdbool.h>
#include <stddef.h>

#define TUI_ROWS    24
#define TUI_COLUMNS 80

/* What tui_wait() returns besides characters. */
enum tui_key {
    TUI_NONE = 0x200, /* the time is over, or it was woken */
    TUI_RESIZED,
    TUI_ENTER,
    TUI_ESCAPE,
    TUI_BACKSPACE,
    TUI_UP,
    TUI_DOWN,
    TUI_LEFT,
    TUI_RIGHT,
    TUI_PAGE_UP,
    TUI_PAGE_DOWN,
    TUI_HOME,
    TUI_END,
    TUI_OTHER,
    TUI_GONE, /* the terminal is */
};

/* Is the terminal, as TERM has it, of a kind that can be drawn on? Returns 0; -EINVAL: no, or not known;
 * -ENOSYS: this program was built without screens. */
int tui_check(void);

/* Take the terminal. Returns 0; -ENOTTY: stdin and stdout are none; or as tui_check(). */
int tui_open(void);

/* Give it back. Any time. */
void tui_close(void);

/* Wait for a key for MILLISECONDS, or until DESCRIPTOR (-1: none) can be read. Returns a byte, or
 * an enum tui_key. */
int tui_wait(int milliseconds, int descriptor);

/* How many rows of a table are on the screen. */
size_t tui_page(void);

/* Draw the first table of REPORT, on a line each, from the row FIRST on, as much as there is room
 * for, with a sign at the row SELECTED; above it the title, facts, notes and the total. BOTTOM is
 * the last line. */
void tui_draw_table(const struct report *report, size_t first, size_t selected, const char *bottom);

/* Draw the traceback of the first row of REPORT below its title, from the frame FIRST on. */
void tui_draw_traceback(const struct report *report, size_t first, const char *bottom);

/* Draw the COUNT lines at LINES from FIRST on, below TITLE. */
void tui_draw_lines(const char *title, const char *const *lines, size_t count, size_t first,
                    const char *bottom);

#endif
