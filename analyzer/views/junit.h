/* junit.h - leaks as a JUnit file, which CI servers show as a test that failed.
 *
 * There is no one schema of these files; this is the part that all of those in use have in common:
 * a suite of one case, which has a failure (what was found), an error (the program failed by
 * itself, or could not be judged), or neither.
 */
#ifndef VIEWS_JUNIT_H
#define VIEWS_JUNIT_H

#include "model/report.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct junit_case {
    const char *name;    /* of the test */
    uint64_t duration;   /* ns */
    const char *failure; /* what was found, in a line; NULL: nothing */
    const char *error;   /* why the program failed by itself, or …; NULL: it did not */
    bool is_unjudged;    /* … nobody can say that all is well: with the error goes what was found */
};

/* Write REPORT, whose rows are of REPORT_VERDICTS, as what was found in CASE. */
void junit_print(FILE *out, const struct report *report, const struct junit_case *test);

#endif
