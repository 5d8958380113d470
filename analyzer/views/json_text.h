/* json_text.h - a JSON string, for documents that are too big to be built in memory first. */
#ifndef VIEWS_JSON_TEXT_H
#define VIEWS_JSON_TEXT_H

#include <stdio.h>

/* Write TEXT to OUT as a JSON string with its quotes; what is no UTF-8 as U+FFFD. It is ASCII for
 * what a browser or a script might take for its own: < > & and control characters are escaped. */
void json_text_print(FILE *out, const char *text);

#endif
