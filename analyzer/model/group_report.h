/* group_report.h - the part of a report's row that says which group it is about. */
#ifndef MODEL_GROUP_REPORT_H
#define MODEL_GROUP_REPORT_H

#include "model/group_key.h"
#include "model/report.h"
#include "model/source_lines.h"
#include "model/symbols.h"

/* Add the columns for groups of KEY to the table of REPORT. */
void group_report_columns(enum group_key key, struct report *report);

/* Put the cells of these columns for GROUP. */
void group_report_key(enum group_key key, const struct group *group, struct report *report);

/* Give the row the traceback of GROUP, a stack, with the lines of its source files if SOURCES is
 * not NULL. SYMBOLS are those of its heap. */
void group_report_traceback(const struct group *group, struct symbols *symbols,
                            struct source_lines *sources, struct report *report);

#endif
