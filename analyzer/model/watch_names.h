/* watch_names.h - what the stacks of a watched program are called, found out once each.
 *
 * The names of a key (group_key.h) are numbered as they are found, from WATCH_NAMES_FIRST on, and
 * stay, so that rows (watch.h) can be followed from one snapshot of the run to the next. A type is
 * that which the functions that allocated say (allocator_types.h): there are no single blocks to
 * look at.
 */
#ifndef MODEL_WATCH_NAMES_H
#define MODEL_WATCH_NAMES_H

#include "model/filter.h"
#include "model/group_key.h"
#include "model/heap.h"
#include "model/symbols.h"

#include <stddef.h>
#include <stdint.h>

enum {
    WATCH_NAMES_NONE = 0,    /* of stacks that the filter does not keep */
    WATCH_NAMES_UNKNOWN = 1, /* of those that were not looked at yet */
    WATCH_NAMES_FIRST = 2,
};

struct watch_names {
    enum group_key key;
    uint32_t *of_stack; /* per stack of the heap given last */
    const char *const *texts; /* by number: one line for people */
    const struct group *groups; /* by number: the key; what else they have means nothing */
    size_t count;
};

/* Create names of KEY, which is GROUP_LINENO, GROUP_FILENAME, GROUP_FUNCTION, GROUP_MODULE,
 * GROUP_THREAD or GROUP_TYPE, for the stacks that FILTER keeps. NULL for lack of memory. */
struct watch_names *watch_names_create(enum group_key key, const struct filter *filter);

/* Free NAMES, which may be NULL. */
void watch_names_destroy(struct watch_names *names);

/* Name stacks of HEAP, a snapshot of the run that NAMES are of, that have allocated and have no name
 * yet, at most LIMIT of them. SYMBOLS are those of HEAP, and have to outlive NAMES. Returns how many
 * are left to be named, or -ENOMEM. */
long watch_names_update(struct watch_names *names, const struct heap *heap, struct symbols *symbols,
                        size_t limit);

#endif
