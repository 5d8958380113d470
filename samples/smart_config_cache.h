/* smart_config_cache.h - a cache that holds what is important and remembers the rest as
 * long as somebody else does.
 *
 *                       ┌ pinned: strong references, at most MAX_SIZE
 *   smart_config_cache ─┤
 *                       └ known: a weak reference to every entry that is alive
 *
 * When an entry is to be pinned and there are MAX_SIZE already, those accessed least are
 * unpinned first (evicted); of equals, the one pinned first. That happens before the new
 * one is looked at, so with a limit of 0 there is one pinned entry, and to pin a pinned
 * entry of a full cache evicts one, too.
 *
 * Threads: one at a time. Functions end the program if there is no memory.
 */
#ifndef SAMPLES_SMART_CONFIG_CACHE_H
#define SAMPLES_SMART_CONFIG_CACHE_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "samples/lib/footprint.h"
#include "samples/lib/object.h"

struct config_entry {
    struct object object;
    struct weakref *weakrefs;
    char *key;
    char *value;
    char *source; /* may be NULL */
    time_t loaded_at;
    size_t access_count;
};

/* A new entry with copies of the texts. */
struct config_entry *config_entry_new(const char *key, const char *value, const char *source);

/* Add ENTRY and its texts to FOOTPRINT. */
void config_entry_footprint(const struct config_entry *entry, struct footprint *footprint);

struct smart_config_cache;

#define SMART_CONFIG_CACHE_UNLIMITED SIZE_MAX

struct smart_config_cache *smart_config_cache_create(size_t max_size);
void smart_config_cache_destroy(struct smart_config_cache *cache);

/* The entry of KEY, with a reference that is the caller's; NULL if it is not known. A hit
 * counts as an access to the entry. */
struct config_entry *smart_config_cache_get(struct smart_config_cache *cache, const char *key);

/* A new entry for KEY, with a reference that becomes the caller's. */
typedef struct config_entry *(*config_entry_factory)(const char *key, void *data);

/* The same, but an unknown entry is made by FACTORY, which DATA is passed to. A new one is
 * pinned if KEEP_STRONG; a known one is left as it is. */
struct config_entry *smart_config_cache_get_or_create(struct smart_config_cache *cache,
                                                      const char *key,
                                                      config_entry_factory factory, void *data,
                                                      bool keep_strong);

/* Hold the entry of KEY from now on. False if it is not known. */
bool smart_config_cache_pin(struct smart_config_cache *cache, const char *key);

/* Hold it no more. False if it was not pinned. */
bool smart_config_cache_unpin(struct smart_config_cache *cache, const char *key);

/* Forget all entries. The counts of hits, misses and evictions go on. */
void smart_config_cache_clear(struct smart_config_cache *cache);

struct smart_config_cache_stats {
    size_t hits;
    size_t misses;
    double hit_rate;   /* 0 to 1; 0 before the first look-up */
    size_t total_size; /* each entry once: weak_refs + pinned */
    size_t weak_refs;  /* known, but not pinned */
    size_t pinned;
    size_t evictions;
};

void smart_config_cache_stats(struct smart_config_cache *cache,
                              struct smart_config_cache_stats *out_stats);

/* An estimate: one entry's size, without its texts, times their number. */
struct smart_config_cache_memory {
    size_t entry_count;
    size_t estimated_bytes;
    size_t per_entry_bytes;
};

void smart_config_cache_memory_usage(struct smart_config_cache *cache,
                                     struct smart_config_cache_memory *out_memory);

/* Add all of CACHE but its entries to FOOTPRINT. */
void smart_config_cache_footprint(struct smart_config_cache *cache, struct footprint *footprint);

#endif
