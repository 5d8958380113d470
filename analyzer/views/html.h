/* html.h - reports and profiles as one page that opens in any browser, from disk, without a network.
 *
 * The page is what lies in html/, with the data in it: compressed, in base64, so nothing that a
 * snapshot says is ever HTML. What it does with them its scripts know (html/main.js).
 */
#ifndef VIEWS_HTML_H
#define VIEWS_HTML_H

#include "model/profile.h"
#include "model/report.h"

#include <stddef.h>
#include <stdio.h>

struct html_part {
    const char *key; /* under which the scripts find it */
    struct report *report;
};

struct html_page {
    const char *title;
    const struct html_part *parts;
    size_t part_count;
    const struct profile *stacks;     /* of the first and the last snapshot, or of the only one */
    const char *const *stack_sources; /* per frame of it: its line of source, or NULL */
    const struct profile *held;       /* NULL: there is no graph */
};

/* Write PAGE. Returns 0 or -ENOMEM. */
int html_print(FILE *out, const struct html_page *page);

#endif
