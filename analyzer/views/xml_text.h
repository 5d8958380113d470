/* xml_text.h - text of unknown origin in an XML or HTML document. */
#ifndef VIEWS_XML_TEXT_H
#define VIEWS_XML_TEXT_H

#include <stdio.h>

/* Write TEXT to OUT, at most COLUMNS characters of it (0: all), so that it is nothing but text,
 * within an element or an attribute in quotes. What XML can't say is written as U+FFFD. Returns
 * how many characters were written. */
size_t xml_text_print(FILE *out, const char *text, size_t columns);

#endif
