/* export.h - the forms in which other programs take a snapshot.
 *
 * A form is a `const struct export_form` at the end of an export_<name>.c, and a row in the
 * table of cmd_export.c.
 */
#ifndef EXPORT_H
#define EXPORT_H

#include "model/error.h"
#include "model/heap.h"
#include "model/profile.h"
#include "model/symbols.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct export_options {
    enum profile_value value; /* for the forms that know only one */
    size_t limit;             /* of kinds of paths; 0: all */
};

struct export_form {
    const char *name;   /* as the user types it */
    bool is_binary;     /* nothing for a terminal */
    bool needs_graph;   /* the heap must have edges */
    bool has_one_value; /* takes --value */
    /* Write HEAP to OUT. Returns 0, or -errno and ERROR; whether OUT took it all is the
     * caller's to ask. */
    int (*write)(FILE *out, const struct heap *heap, struct symbols *symbols,
                 const struct export_options *options, struct error *error);
};

/* export_profile.c: the sums of the stacks. */
extern const struct export_form export_pprof, export_folded, export_speedscope, export_massif,
    export_svg;
/* export_table.c: a row for each stack. */
extern const struct export_form export_json, export_csv;
/* export_holders.c */
extern const struct export_form export_dot;
extern const struct export_form export_tracemalloc;

#endif
