/* info_report.h - what a snapshot contains, and whether its numbers add up, as a report. */
#ifndef INFO_REPORT_H
#define INFO_REPORT_H

#include "model/heap.h"
#include "model/report.h"
#include "model/snapshot_tree.h"

#include <stdbool.h>

/* The report on HEAP, with MODULES also on what is known of each module. NULL for lack of memory. */
struct report *info_report(const struct heap *heap, bool modules);

/* The report on the processes of TREE, which is that of DIRECTORY. NULL for lack of memory. */
struct report *info_report_of_tree(const struct snapshot_tree *tree, const char *directory);

#endif
