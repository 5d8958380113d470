/* check_verdict.h - whether what a program left is within the limits of `heapdelta check`. */
#ifndef CHECK_VERDICT_H
#define CHECK_VERDICT_H

#include "check_run.h"
#include "command.h"
#include "model/baseline.h"
#include "model/report.h"
#include "model/suppressions.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct check_limits {
    uint64_t lost;        /* bytes */
    uint64_t growth;      /* bytes a round, or blocks if … */
    bool growth_in_blocks;
    uint64_t peak;        /* bytes; 0: any */
    size_t rounds;        /* that are looked at; 0: all */
    bool needs_rounds;    /* they were asked for */
    size_t warm_up;       /* rounds; SIZE_MAX: a fifth of them */
    struct suppressions *suppressions;
    const struct baseline *baseline; /* what it has, too, does not fail; NULL: none */
};

struct check_verdict {
    struct report *report; /* its rows are what failed; to be given a title */
    bool failed;
    char text[256]; /* what was found, in a line */
    char unjudged[256]; /* why growth can't be judged, which was asked for; empty: it was, or was not */
    struct check_judge *judge; /* whose texts the report has */
};

/* Judge the snapshots of RUN by LIMITS into OUT_VERDICT, for check_verdict_finish() in any case.
 * Returns COMMAND_DONE, or the exit status, with what is wrong said: there is nothing to judge. */
int check_verdict(const struct command *command, const struct check_limits *limits,
                  const struct check_run *run, struct check_verdict *out_verdict);

/* Write to OUT what would suppress each leak that VERDICT failed by. Returns 0 or -ENOMEM. */
int check_verdict_write_suppressions(const struct check_verdict *verdict, FILE *out);

/* Free what VERDICT holds, which may be zeroed. */
void check_verdict_finish(struct check_verdict *verdict);

#endif
