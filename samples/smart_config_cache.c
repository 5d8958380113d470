#include "samples/smart_config_cache.h"

#include <stdlib.h>
#include <string.h>

#include "samples/lib/hash.h"
#include "samples/lib/weak_value_dict.h"
#include "samples/must.h"

struct pinned {
    char *key;
    struct config_entry *entry;
    UT_hash_handle hh;
};

struct smart_config_cache {
    struct weak_value_dict *known;
    struct pinned *pinned; /* in the order they were pinned */
    size_t max_size;
    size_t hits;
    size_t misses;
    size_t evictions;
};

static void entry_finish(void *object)
{
    struct config_entry *entry = object;

    free(entry->key);
    free(entry->value);
    free(entry->source);
}

static const struct object_type config_entry_type = {
    .name = "ConfigEntry",
    .size = sizeof(struct config_entry),
    .finish = entry_finish,
    .weakrefs_offset = offsetof(struct config_entry, weakrefs),
};

struct config_entry *config_entry_new(const char *key, const char *value, const char *source)
{
    struct config_entry *entry =
        must(object_init(malloc(sizeof *entry), &config_entry_type));

    entry->key = must(strdup(key));
    entry->value = must(strdup(value));
    entry->source = source ? must(strdup(source)) : NULL;
    entry->loaded_at = time(NULL);
    return entry;
}

void config_entry_footprint(const struct config_entry *entry, struct footprint *footprint)
{
    footprint_add(footprint, entry, sizeof *entry);
    footprint_add_string(footprint, entry->key);
    footprint_add_string(footprint, entry->value);
    footprint_add_string(footprint, entry->source);
}

struct smart_config_cache *smart_config_cache_create(size_t max_size)
{
    struct smart_config_cache *cache = must(calloc(1, sizeof *cache));

    cache->known = must(weak_value_dict_new());
    cache->max_size = max_size;
    return cache;
}

void smart_config_cache_destroy(struct smart_config_cache *cache)
{
    if (!cache)
        return;
    smart_config_cache_clear(cache);
    object_release(cache->known);
    free(cache);
}

struct config_entry *smart_config_cache_get(struct smart_config_cache *cache, const char *key)
{
    struct config_entry *entry = weak_value_dict_get(cache->known, key); /* the pinned, too */

    if (!entry) {
        cache->misses++;
        return NULL;
    }
    cache->hits++;
    entry->access_count++;
    return entry;
}

static struct pinned *find_pinned(struct smart_config_cache *cache, const char *key)
{
    struct pinned *pinned;

    HASH_FIND_STR(cache->pinned, key, pinned);
    return pinned;
}

static void unpin(struct smart_config_cache *cache, struct pinned *pinned)
{
    HASH_DEL(cache->pinned, pinned);
    object_release(pinned->entry);
    free(pinned->key);
    free(pinned);
}

/* The pinned entry that was accessed least; of equals, the one pinned first. */
static struct pinned *least_accessed(const struct smart_config_cache *cache)
{
    struct pinned *least = cache->pinned;

    for (struct pinned *pinned = least; pinned; pinned = pinned->hh.next)
        if (pinned->entry->access_count < least->entry->access_count)
            least = pinned;
    return least;
}

/* Pin ENTRY, which KEY leads to, after making room for it. */
static void pin(struct smart_config_cache *cache, const char *key, struct config_entry *entry)
{
    struct pinned *pinned;

    while (cache->pinned && HASH_COUNT(cache->pinned) >= cache->max_size) {
        unpin(cache, least_accessed(cache));
        cache->evictions++;
    }
    if (find_pinned(cache, key))
        return;
    pinned = must(calloc(1, sizeof *pinned));
    pinned->key = must(strdup(key));
    pinned->entry = object_retain(entry);
    HASH_ADD_KEYPTR(hh, cache->pinned, pinned->key, strlen(pinned->key), pinned);
    must(pinned->hh.tbl);
}

struct config_entry *smart_config_cache_get_or_create(struct smart_config_cache *cache,
                                                      const char *key,
                                                      config_entry_factory factory, void *data,
                                                      bool keep_strong)
{
    struct config_entry *entry = smart_config_cache_get(cache, key);

    if (entry)
        return entry;
    entry = factory(key, data);
    must_succeed(weak_value_dict_set(cache->known, key, entry));
    if (keep_strong)
        pin(cache, key, entry);
    return entry;
}

bool smart_config_cache_pin(struct smart_config_cache *cache, const char *key)
{
    struct config_entry *entry = weak_value_dict_get(cache->known, key);

    if (!entry)
        return false;
    pin(cache, key, entry);
    object_release(entry);
    return true;
}

bool smart_config_cache_unpin(struct smart_config_cache *cache, const char *key)
{
    struct pinned *pinned = find_pinned(cache, key);

    if (!pinned)
        return false;
    unpin(cache, pinned);
    return true;
}

void smart_config_cache_clear(struct smart_config_cache *cache)
{
    weak_value_dict_clear(cache->known);
    while (cache->pinned)
        unpin(cache, cache->pinned);
}

void smart_config_cache_stats(struct smart_config_cache *cache,
                              struct smart_config_cache_stats *out_stats)
{
    size_t look_ups = cache->hits + cache->misses;
    size_t known = weak_value_dict_count(cache->known);
    size_t pinned = HASH_COUNT(cache->pinned);

    *out_stats = (struct smart_config_cache_stats){
        .hits = cache->hits,
        .misses = cache->misses,
        .hit_rate = look_ups ? (double)cache->hits / (double)look_ups : 0,
        .total_size = known,
        .weak_refs = known - pinned, /* what is pinned lives, so it is known */
        .pinned = pinned,
        .evictions = cache->evictions,
    };
}

void smart_config_cache_memory_usage(struct smart_config_cache *cache,
                                     struct smart_config_cache_memory *out_memory)
{
    size_t count = weak_value_dict_count(cache->known);
    size_t each = count ? sizeof(struct config_entry) : 0;

    *out_memory = (struct smart_config_cache_memory){
        .entry_count = count,
        .estimated_bytes = count * each,
        .per_entry_bytes = each,
    };
}

void smart_config_cache_footprint(struct smart_config_cache *cache, struct footprint *footprint)
{
    footprint_add(footprint, cache, sizeof *cache);
    weak_value_dict_footprint(cache->known, footprint);
    if (cache->pinned)
        hash_table_footprint(cache->pinned->hh.tbl, footprint);
    for (const struct pinned *pinned = cache->pinned; pinned; pinned = pinned->hh.next) {
        footprint_add(footprint, pinned, sizeof *pinned);
        footprint_add_string(footprint, pinned->key);
    }
}
