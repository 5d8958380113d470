/* verdicts.h - what is wrong with a heap, in words.
 *
 *   held and growing  event_handler_new (event_handler.c:72)
 *       31.2 KiB in 1000 blocks; with what they hold 58.7 KiB in 3000
 *       grows and is not let go: 794 blocks more since the start-up, in 9 of 9 parts of the run
 *       held by  global `registry` (…)  → …  → [each]
 */
#ifndef VIEWS_VERDICTS_H
#define VIEWS_VERDICTS_H

#include "model/report.h"
#include "views/paths.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* Write TABLE, which is of REPORT_VERDICTS, to OUT; PATHS has the files. A path that is wider than
 * WIDTH columns (0: any number) has a line for each step. Long names of functions are shortened
 * unless WHOLE_NAMES. */
void verdicts_print(FILE *out, const struct report_table *table, const struct paths *paths,
                    size_t width, bool whole_names, bool colours);

#endif
