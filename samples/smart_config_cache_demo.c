/* smart_config_cache_demo.c - 1000 entries, the first 100 pinned; then everybody lets go.
 *
 *   smart_config_cache_demo [ENTRIES [PINNED]]      (default 1000 100)
 *
 * Snapshots: `before`, `filled`, `dropped`. To see what came in between:
 *
 *   heapdelta diff --limit 5 *.before.hds *.filled.hds
 */
#include <stdio.h>
#include <stdlib.h>

#include "samples/measure.h"
#include "samples/must.h"
#include "samples/smart_config_cache.h"

static struct config_entry *create(const char *key, void *data)
{
    char value[32];

    snprintf(value, sizeof value, "value_%zu", *(size_t *)data);
    return config_entry_new(key, value, "demo");
}

static void show(struct smart_config_cache *cache)
{
    struct smart_config_cache_stats stats;
    struct smart_config_cache_memory memory;

    smart_config_cache_stats(cache, &stats);
    printf("hits %zu, misses %zu, hit rate %.1f%%, evictions %zu\n", stats.hits, stats.misses,
           100 * stats.hit_rate, stats.evictions);
    printf("total size %zu: %zu weakly known, %zu pinned\n", stats.total_size, stats.weak_refs,
           stats.pinned);
    smart_config_cache_memory_usage(cache, &memory);
    printf("estimated: %zu entries of %zu bytes, %zu bytes\n", memory.entry_count,
           memory.per_entry_bytes, memory.estimated_bytes);
}

int main(int argc, char **argv)
{
    size_t count = argc > 1 ? strtoul(argv[1], NULL, 10) : 1000;
    size_t pinned = argc > 2 ? strtoul(argv[2], NULL, 10) : 100;
    struct config_entry **entries = must(calloc(count + 1, sizeof *entries));
    struct smart_config_cache *cache;
    struct footprint filled = {0};
    struct footprint dropped = {0};

    printf("%zu entries, the first %zu pinned\n", count, pinned);
    measure_begin();
    cache = smart_config_cache_create(pinned);
    for (size_t i = 0; i < count; i++) {
        char key[32];

        snprintf(key, sizeof key, "config.item.%zu", i);
        entries[i] = smart_config_cache_get_or_create(cache, key, create, &i, i < pinned);
    }
    show(cache);
    smart_config_cache_footprint(cache, &filled);
    for (size_t i = 0; i < count; i++)
        config_entry_footprint(entries[i], &filled);
    measure_show("filled", &filled);

    puts("everybody lets go; only the pinned remain");
    for (size_t i = 0; i < count; i++) {
        if (i < pinned)
            config_entry_footprint(entries[i], &dropped);
        object_release(entries[i]);
    }
    show(cache);
    smart_config_cache_footprint(cache, &dropped);
    measure_show("dropped", &dropped);

    smart_config_cache_destroy(cache);
    measure_show("destroyed", &(struct footprint){0});
    free(entries);
    return EXIT_SUCCESS;
}
