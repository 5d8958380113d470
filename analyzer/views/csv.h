/* csv.h - reports for spreadsheets: RFC 4180, sizes as they are.
 *
 * The first line has the keys. A series has a column for each snapshot: sizes_1,
 * sizes_2 … A traceback is one column, newest frame first, its frames separated by
 * "; ". What has no value is empty.
 */
#ifndef VIEWS_CSV_H
#define VIEWS_CSV_H

#include "model/report.h"

#include <stdio.h>

/* Write the COUNT reports at REPORTS, which are of one kind, at least one: the first table of
 * statistics of each; if they have none, their facts, one line a report; if they have
 * none of these either, their first table. Whether the writing went well OUT knows. */
void csv_print(FILE *out, struct report *const *reports, size_t count);

#endif
