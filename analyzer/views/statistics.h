/* statistics.h - a table of places and numbers as tracemalloc words them.
 *
 *     cache.c:31 (cache_add)  size=46.9 KiB (+46.9 KiB), count=1000 (+1000), average=48 B
 *         main.c:10 (main)
 */
#ifndef VIEWS_STATISTICS_H
#define VIEWS_STATISTICS_H

#include "model/report.h"
#include "views/paths.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* Write TABLE, whose paths are in PATHS, in lines of WIDTH columns, as far as its numbers
 * fit; 0: of any length. Long names of functions are shortened unless WHOLE_NAMES. Returns 0
 * or -ENOMEM. */
int statistics_print(FILE *out, const struct report_table *table, const struct paths *paths,
                     size_t width, bool whole_names);

/* Write the traceback of ROW, a frame a line. */
void statistics_print_traceback(FILE *out, const struct report_row *row,
                                const struct paths *paths, bool whole_names);

#endif
