/* cacheable_config.h - an object that can be referred to weakly: fixed members and, as one
 * of them, the list of its weak references (`__weakref__` among the `__slots__`).
 */
#ifndef SAMPLES_CACHEABLE_CONFIG_H
#define SAMPLES_CACHEABLE_CONFIG_H

#include "samples/lib/footprint.h"
#include "samples/lib/object.h"

struct cacheable_config {
    struct object object;
    struct weakref *weakrefs;
    char *key;
    char *value;
};

/* A new object with copies of KEY and VALUE. Ends the program if there is no memory. */
struct cacheable_config *cacheable_config_new(const char *key, const char *value);

/* Add CONFIG and its texts to FOOTPRINT. */
void cacheable_config_footprint(const struct cacheable_config *config,
                                struct footprint *footprint);

#endif
