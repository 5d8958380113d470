/* chart.h - a table of times and bytes as a line of blocks. */
#ifndef VIEWS_CHART_H
#define VIEWS_CHART_H

#include "model/report.h"

#include <stdio.h>

/* Write the course of the first column of bytes of TABLE, whose first column is a time
 * that grows; nothing if it has less than two rows. */
void chart_print(FILE *out, const struct report_table *table);

#endif
