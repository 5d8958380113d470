/* held_by.h - a table of paths: who holds blocks, and what would go with them. */
#ifndef VIEWS_HELD_BY_H
#define VIEWS_HELD_BY_H

#include "model/report.h"
#include "views/paths.h"

#include <stddef.h>
#include <stdio.h>

/* Write TABLE, which is of REPORT_PATHS, to OUT; PATHS has the files. A path that is wider than
 * WIDTH columns (0: any number) has a line for each step. */
void held_by_print(FILE *out, const struct report_table *table, const struct paths *paths,
                   size_t width);

/* Write the path of ROW, which has COUNT blocks, indented by INDENT columns. */
void held_by_print_path(FILE *out, const struct report_row *row, uint64_t count, size_t indent,
                        const struct paths *paths, size_t width);

/* Write what goes with the blocks of ROW, indented by INDENT columns. */
void held_by_print_parts(FILE *out, const struct report_row *row, size_t indent,
                         const struct paths *paths);

#endif
