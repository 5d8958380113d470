/* tree.h - rows of frames above those that they called, as text.
 *
 *        size   share  count
 *    1.5 MiB   100 %    120  main (app.c:40)
 *                            work (app.c:31)
 *    1.0 MiB  66.7 %    100  ├─ load (load.c:7)
 *                            │  read_all (load.c:31)
 *    512 KiB  33.3 %     20  └─ … 3 more
 *
 * What is only called by the frame above it, and holds as much, stands below it without a number.
 */
#ifndef VIEWS_TREE_H
#define VIEWS_TREE_H

#include "model/report.h"
#include "views/paths.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* Write TABLE, a REPORT_TREE, to OUT, in lines of at most WIDTH columns (0: of any length); the
 * files in it have been added to PATHS. Names of functions are shortened unless WHOLE_NAMES.
 * Returns 0 or -ENOMEM. */
int tree_print(FILE *out, const struct report_table *table, const struct paths *paths, size_t width,
               bool whole_names);

/* Writes `"KEY": VALUE, …` of ROW, without braces. Returns 0 or -ENOMEM. */
typedef int tree_members(FILE *out, const struct report_table *table, const struct report_row *row);

/* Write TABLE as JSON: the outermost nodes as an array of objects, what is below each in its
 * "children", what was left out there in its "omitted". Returns 0 or -ENOMEM. */
int tree_print_json(FILE *out, const struct report_table *table, tree_members *members);

#endif
