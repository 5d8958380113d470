/* json.h - reports for programs: the keys of docs/man, integers as they are.
 *
 * A number that does not fit in 63 bits (an address of the kernel) is a string of
 * its decimal digits, since few readers of JSON would hold it. Text that is no
 * UTF-8 has U+FFFD in place of each wrong byte.
 *
 * Functions return 0, or -ENOMEM. Whether the writing went well OUT knows.
 */
#ifndef VIEWS_JSON_H
#define VIEWS_JSON_H

#include "model/report.h"

#include <stdio.h>

/* Write the one report at REPORTS as an object, several (COUNT of them) as an array
 * of such. */
int json_print(FILE *out, struct report *const *reports, size_t count);

/* Write REPORT as an object on one line. */
int json_print_line(FILE *out, struct report *report);

/* Write each row of each table of REPORT as an object on a line of its own, which
 * begins with the table's key as "section". */
int json_print_lines(FILE *out, const struct report *report);

#endif
