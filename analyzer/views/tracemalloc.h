/* tracemalloc.h - statistics in the very words of Python's tracemalloc.
 *
 * A row is what str() says of a Statistic or a StatisticDiff, where there are tracebacks
 * followed by the lines of Traceback.format().
 */
#ifndef VIEWS_TRACEMALLOC_H
#define VIEWS_TRACEMALLOC_H

#include "model/report.h"

#include <stdbool.h>
#include <stdio.h>

/* Print the rows of REPORT's table of statistics. Tracebacks begin with their oldest frame
 * unless MOST_RECENT_FIRST. */
void tracemalloc_print(FILE *out, const struct report *report, bool most_recent_first);

#endif
