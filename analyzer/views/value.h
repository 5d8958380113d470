/* value.h - one value of a report, as people read it. */
#ifndef VIEWS_VALUE_H
#define VIEWS_VALUE_H

#include "model/report.h"

#include <stddef.h>
#include <stdio.h>

/* Write CELL, of KIND and FLAGS, to OUT: nothing if it has no value. A series has
 * SERIES_LENGTH numbers. */
void value_print(FILE *out, const struct report_cell *cell, enum report_kind kind, unsigned flags,
                 size_t series_length);

#endif
