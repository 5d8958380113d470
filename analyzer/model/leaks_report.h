/* leaks_report.h - verdicts as a report: what is lost, what grows, who holds it. */
#ifndef MODEL_LEAKS_REPORT_H
#define MODEL_LEAKS_REPORT_H

#include "model/holder_path.h"
#include "model/report.h"
#include "model/symbols.h"
#include "model/verdict.h"

#include <stdbool.h>
#include <stddef.h>

struct leaks_options {
    bool all;     /* what is well, too */
    bool leaks_only; /* nothing but leaks */
    bool explain; /* what each verdict rests on */
    bool fold;    /* parts of a leak are told with it, and have no row */
    bool brief;   /* without tracebacks */
    bool no_sums; /* of the classes, for people */
    bool of_several; /* each row tells of which process it is */
    size_t limit; /* rows; 0: all */
};

/* Add to REPORT the sums of each class, and a table with a row for each of VERDICTS, worst first:
 * of leaks, of what the allocator keeps and of what is possibly lost, or of all. INPUT is what the
 * verdicts were made of; PATHS, of its graph, may be NULL. A report that runs out of memory says
 * so itself; returns 0, or -ENOMEM. */
int leaks_report(const struct verdicts *verdicts, const struct verdict_input *input,
                 struct holder_paths *paths, struct symbols *symbols,
                 const struct leaks_options *options, struct report *report);

/* Say what was found in a phrase, as "2 leaks of 3002 blocks" or "no leak", in BUFFER of SIZE bytes. */
void leaks_summary(const struct verdicts *verdicts, char *buffer, size_t size);

/* Note what VERDICTS can't tell, if there is anything. */
void leaks_add_notes(const struct verdicts *verdicts, struct report *report);

#endif
