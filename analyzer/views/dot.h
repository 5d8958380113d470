/* dot.h - a table of paths as a graph for Graphviz: who holds blocks. */
#ifndef VIEWS_DOT_H
#define VIEWS_DOT_H

#include "model/report.h"

#include <stdio.h>

/* Write the first table of paths of REPORT. Paths that begin alike share their nodes. Returns 0 or
 * -ENOMEM. */
int dot_print(FILE *out, const struct report *report);

#endif
