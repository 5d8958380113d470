/* tui_draw.h - reports on the screen, which is drawn again and again.
 *
 * There is one screen: the terminal, taken by tui_open(). It has the size that the terminal has at the
 * moment, and says so if that is less than TUI_ROWS by TUI_COLUMNS. Nothing is told by colour
 * alone, and without a UTF-8 locale, or with NO_COLOR, there is the less of each.
 */
#ifndef VIEWS_TUI_DRAW_H
#define VIEWS_TUI_DRAW_H

#include "model/report.h"

#include <stddef.h>

#define TUI_ROWS    24
#define TUI_COLUMNS 80

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
