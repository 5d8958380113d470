#include "samples/cacheable_config.h"

#include <stdlib.h>
#include <string.h>

#include "samples/must.h"

static void finish(void *object)
{
    struct cacheable_config *config = object;

    free(config->key);
    free(config->value);
}

static const struct object_type cacheable_config_type = {
    .name = "CacheableConfig",
    .size = sizeof(struct cacheable_config),
    .finish = finish,
    .weakrefs_offset = offsetof(struct cacheable_config, weakrefs),
};

struct cacheable_config *cacheable_config_new(const char *key, const char *value)
{
    struct cacheable_config *config =
        must(object_init(malloc(sizeof *config), &cacheable_config_type));

    config->key = must(strdup(key));
    config->value = must(strdup(value));
    return config;
}

void cacheable_config_footprint(const struct cacheable_config *config,
                                struct footprint *footprint)
{
    footprint_add(footprint, config, sizeof *config);
    footprint_add_string(footprint, config->key);
    footprint_add_string(footprint, config->value);
}
