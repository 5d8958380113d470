/* columns.h - a table with its columns aligned under headings. */
#ifndef VIEWS_COLUMNS_H
#define VIEWS_COLUMNS_H

#include "model/report.h"

#include <stdio.h>

/* Write TABLE to OUT. Returns 0 or -ENOMEM. */
int columns_print(FILE *out, const struct report_table *table);

#endif
