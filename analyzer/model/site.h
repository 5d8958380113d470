/* site.h - the place in the program that allocated a block.
 *
 * That is the newest frame of its stack that is not skipped (filter.h). Stacks that differ
 * further out only, have the same site.
 */
#ifndef MODEL_SITE_H
#define MODEL_SITE_H

#include "model/error.h"
#include "model/filter.h"
#include "model/heap.h"
#include "model/symbols.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Stands in for the frames of a stack that has none. */
extern const struct symbol site_unknown;

/* The newest frame of STACK that FILTER does not skip, as it does those of the C++ standard
 * library with SKIP_STANDARD; the very newest if all are skipped. With SKIP_STANDARD, also of
 * functions of Python itself that an extension called, that. Its number is put in OUT_FRAME. */
const struct symbol *site_newest(const struct heap *heap, struct symbols *symbols,
                                 const struct filter *filter, uint32_t stack, bool skip_standard,
                                 uint32_t *out_frame);

struct site {
    const struct symbol *symbol;
    uint32_t stack; /* the first that has it */
};

/* The sites of all stacks. */
struct sites {
    struct site *sites;
    size_t count;
    uint32_t *of_stack; /* per stack: index in sites */
};

/* Find the sites of HEAP's stacks, which hold pointers into SYMBOLS. Returns 0 or -ENOMEM. */
int sites_create(const struct heap *heap, struct symbols *symbols, const struct filter *filter,
                 struct sites **out_sites);

/* Free SITES, which may be NULL. */
void sites_destroy(struct sites *sites);

/* Mark in OUT_MEMBERS, a zeroed byte for each block of HEAP, the blocks that TEXT names: FILE:LINE,
 * FUNCTION, FILE, stack:N or 0xADDRESS (any address in a block). Put in OUT_OUTER whether TEXT is
 * not where they were allocated, but further out on their stacks. Returns 0, or -ENOENT if there
 * is none, -EINVAL if TEXT is no site, both said in ERROR, or -ENOMEM. */
int site_select(const struct heap *heap, struct symbols *symbols, const char *text,
                uint8_t *out_members, bool *out_outer, struct error *error);

#endif
