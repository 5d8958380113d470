/* utf8.h - text of unknown origin, looked at before it is shown.
 *
 * Names in a snapshot are whatever bytes the traced program had: not always
 * UTF-8, and perhaps made to play tricks on a terminal.
 */
#ifndef VIEWS_UTF8_H
#define VIEWS_UTF8_H

#include <stdio.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes of the character that TEXT, which is not empty, begins with; 0 if it begins
 * with no well-formed one. The character goes to OUT_CODE. */
size_t utf8_next(const char *text, uint32_t *out_code);

/* Write TEXT to OUT for people: what is no printable character as \xNN. */
void utf8_print(FILE *out, const char *text);

/* How many columns TEXT, written by utf8_print(), takes: one per character. */
size_t utf8_width(const char *text);

/* Write TEXT, written by utf8_print(), to OUT in at most WIDTH columns (0: as many as it takes). */
void utf8_print_start(FILE *out, const char *text, size_t width);

#endif
