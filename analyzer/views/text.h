/* text.h - reports for people.
 *
 * Sizes have units, paths are cut to what tells them apart, columns are aligned.
 * Bytes that are no printable text are shown as \xNN.
 */
#ifndef VIEWS_TEXT_H
#define VIEWS_TEXT_H

#include "model/report.h"

#include <stdbool.h>
#include <stdio.h>

/* Whether OUT is a terminal, and colours are welcome: see NO_COLOR at no-color.org. */
bool text_has_colours(FILE *out);

/* Columns of the terminal OUT; 0 if it is none: lines may be as long as they like. */
size_t text_terminal_width(FILE *out);

/* Write REPORT in lines of WIDTH columns, as far as its numbers fit; 0: of any
 * length. Returns 0 or -ENOMEM. Whether the writing went well OUT knows. */
int text_print(FILE *out, const struct report *report, size_t width);

/* Write each row of each table of REPORT on a line of its own, as "KEY name=value
 * name=value …". */
void text_print_lines(FILE *out, const struct report *report);

#endif
