/* weak_cache.c - a cache that empties itself.
 *
 *   weak_cache [OBJECTS]      (default 1000)
 *
 * It finds objects that somebody else holds, and creates those that nobody does. When
 * the last user of an object lets go, the object leaves the cache.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "samples/cacheable_config.h"
#include "samples/lib/weak_value_dict.h"
#include "samples/measure.h"
#include "samples/must.h"

struct weak_cache {
    struct weak_value_dict *entries;
    size_t hits;
    size_t misses;
};

typedef struct cacheable_config *(*config_factory)(const char *key);

/* The object of KEY, created by FACTORY if there is none, with a reference for the caller. */
static struct cacheable_config *weak_cache_get(struct weak_cache *cache, const char *key,
                                               config_factory factory)
{
    struct cacheable_config *config = weak_value_dict_get(cache->entries, key);

    if (config) {
        cache->hits++;
        return config;
    }
    cache->misses++;
    config = factory(key);
    must_succeed(weak_value_dict_set(cache->entries, key, config));
    return config;
}

static void weak_cache_show(const struct weak_cache *cache)
{
    size_t total = cache->hits + cache->misses;

    printf("hits %zu, misses %zu, hit rate %.1f%%, size %zu\n", cache->hits, cache->misses,
           total ? 100 * (double)cache->hits / (double)total : 0.0,
           weak_value_dict_count(cache->entries));
}

static struct cacheable_config *create(const char *key)
{
    return cacheable_config_new(key, "MyApp");
}

/* Two users of one object. */
static void share_one(struct weak_cache *cache)
{
    struct cacheable_config *one = weak_cache_get(cache, "app.name", create);
    struct cacheable_config *two = weak_cache_get(cache, "app.name", create);

    printf("same object: %s\n", one == two ? "yes" : "no");
    weak_cache_show(cache);
    object_release(one);
    object_release(two);
    puts("both have let go");
    weak_cache_show(cache);
}

int main(int argc, char **argv)
{
    size_t count = argc > 1 ? strtoul(argv[1], NULL, 10) : 1000;
    struct weak_cache cache = {.entries = must(weak_value_dict_new())};
    struct cacheable_config **held = must(calloc(count + 1, sizeof *held));
    struct footprint empty = {0};
    struct footprint full = {0};

    puts("one object, two users");
    share_one(&cache);

    weak_value_dict_footprint(cache.entries, &empty);
    printf("%zu objects, each used twice\n", count);
    measure_begin();
    for (size_t i = 0; i < 2 * count; i++) {
        char key[40];

        snprintf(key, sizeof key, "config.item.%zu", i % count);
        if (i < count)
            held[i] = weak_cache_get(&cache, key, create);
        else
            object_release(weak_cache_get(&cache, key, create));
    }
    weak_cache_show(&cache);
    weak_value_dict_footprint(cache.entries, &full);
    full.blocks -= empty.blocks;
    full.requested -= empty.requested;
    for (size_t i = 0; i < count; i++)
        cacheable_config_footprint(held[i], &full);
    measure_show("full", &full);

    for (size_t i = 0; i < count; i++)
        object_release(held[i]);
    puts("all have let go");
    weak_cache_show(&cache);
    measure_show("empty", &(struct footprint){0});

    free(held);
    object_release(cache.entries);
    return EXIT_SUCCESS;
}
