/* export.h - the forms in which other programs take a snapshot.
 *
 * A form is a file export_<name>.c that ends in one `const struct export_form`, and a row in
 * the table of cmd_export.c.
 */
#ifndef EXPORT_H
#define EXPORT_H

#include "model/error.h"
#include "model/heap.h"
#include "model/symbols.h"

#include <stdbool.h>
#include <stdio.h>

struct export_form {
    const char *name;    /* as the user types it */
    const char *summary; /* for the help, one line */
    bool is_binary;      /* nothing for a terminal */
    /* Write HEAP to OUT. Returns 0, or -errno and ERROR; whether OUT took it all is the
     * caller's to ask. */
    int (*write)(FILE *out, const struct heap *heap, struct symbols *symbols, struct error *error);
};

extern const struct export_form export_tracemalloc;

#endif
