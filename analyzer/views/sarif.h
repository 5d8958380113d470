/* sarif.h - leaks as a SARIF file (OASIS, version 2.1.0), which code hosts show at their lines. */
#ifndef VIEWS_SARIF_H
#define VIEWS_SARIF_H

#include "model/report.h"

#include <stdbool.h>
#include <stdio.h>

struct sarif_run {
    const char *version; /* of heapdelta */
    const char *command; /* that was checked */
    int status;          /* its own */
    const char *error;   /* why it failed by itself, or can't be judged; NULL: neither */
};

/* Write a result for each row of REPORT's that is of REPORT_VERDICTS, found by RUN. Returns 0 or
 * -ENOMEM. */
int sarif_print(FILE *out, const struct report *report, const struct sarif_run *run);

#endif
