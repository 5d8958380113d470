#include "samples/lib/weak_value_dict.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "samples/lib/hash.h"
#include "samples/lib/weakref.h"

/* The dictionary holds its entries. Whoever takes one out of the table, under the lock,
 * has that reference and releases it afterwards. */
struct entry {
    struct weakref ref;
    char *key;
    struct weakref *dict; /* for the callback: the dictionary may be gone by then */
    bool in_table;
    UT_hash_handle hh;
};

struct weak_value_dict {
    struct object object;
    struct weakref *weakrefs;
    struct weakref *self; /* shared by all entries */
    pthread_mutex_t lock; /* for the entries; nothing is released under it */
    struct entry *entries;
};

static void entry_finish(void *object)
{
    struct entry *entry = object;

    weakref_finish(&entry->ref);
    object_release(entry->dict);
    free(entry->key);
}

static const struct object_type entry_type = {
    .name = "weak_value_dict entry",
    .size = sizeof(struct entry),
    .finish = entry_finish,
};

static struct entry *find(const struct weak_value_dict *dict, const char *key)
{
    struct entry *entry;

    HASH_FIND_STR(dict->entries, key, entry);
    return entry;
}

static void take_out(struct weak_value_dict *dict, struct entry *entry)
{
    HASH_DEL(dict->entries, entry);
    entry->in_table = false;
}

/* The object of an entry is dead. */
static void forget(struct weakref *ref, void *data)
{
    struct entry *entry = (struct entry *)ref;
    struct weak_value_dict *dict = weakref_get(entry->dict);
    bool ours = false;

    (void)data;
    if (!dict)
        return;
    pthread_mutex_lock(&dict->lock);
    if (entry->in_table) {
        take_out(dict, entry);
        ours = true;
    }
    pthread_mutex_unlock(&dict->lock);
    if (ours)
        object_release(entry);
    object_release(dict);
}

static void finish(void *object)
{
    struct weak_value_dict *dict = object;

    weak_value_dict_clear(dict);
    object_release(dict->self);
    pthread_mutex_destroy(&dict->lock);
}

static const struct object_type dict_type = {
    .name = "weak_value_dict",
    .size = sizeof(struct weak_value_dict),
    .finish = finish,
    .weakrefs_offset = offsetof(struct weak_value_dict, weakrefs),
};

struct weak_value_dict *weak_value_dict_new(void)
{
    struct weak_value_dict *dict =
        object_init(malloc(sizeof(struct weak_value_dict)), &dict_type);

    if (!dict)
        return NULL;
    pthread_mutex_init(&dict->lock, NULL);
    dict->self = weakref_new(dict, NULL, NULL);
    if (!dict->self) {
        object_release(dict);
        return NULL;
    }
    return dict;
}

/* An entry of DICT for KEY and OBJECT, in no table yet; NULL if there is no memory. */
static struct entry *entry_new(struct weak_value_dict *dict, const char *key, void *object)
{
    struct entry *entry =
        weakref_init(malloc(sizeof *entry), &entry_type, object, forget, NULL);

    if (!entry)
        return NULL;
    entry->dict = object_retain(dict->self);
    entry->key = strdup(key);
    if (!entry->key) {
        object_release(entry);
        return NULL;
    }
    return entry;
}

int weak_value_dict_set(struct weak_value_dict *dict, const char *key, void *object)
{
    struct entry *entry = entry_new(dict, key, object);
    struct entry *old;
    bool added;

    if (!entry)
        return -ENOMEM;
    pthread_mutex_lock(&dict->lock);
    old = find(dict, key);
    HASH_ADD_KEYPTR(hh, dict->entries, entry->key, strlen(entry->key), entry);
    added = entry->hh.tbl != NULL;
    entry->in_table = added;
    if (added && old)
        take_out(dict, old);
    pthread_mutex_unlock(&dict->lock);

    /* In the table, the entry is no longer ours: another thread may have taken it out. */
    object_release(added ? old : entry);
    return added ? 0 : -ENOMEM;
}

void *weak_value_dict_get(struct weak_value_dict *dict, const char *key)
{
    struct entry *entry;
    void *object;

    pthread_mutex_lock(&dict->lock);
    entry = find(dict, key);
    object = entry ? weakref_get(&entry->ref) : NULL;
    pthread_mutex_unlock(&dict->lock);
    return object;
}

/* Take the entry of KEY, of the oldest if KEY is NULL, out of DICT. */
static bool remove_entry(struct weak_value_dict *dict, const char *key)
{
    struct entry *entry;

    pthread_mutex_lock(&dict->lock);
    entry = key ? find(dict, key) : dict->entries;
    if (entry)
        take_out(dict, entry);
    pthread_mutex_unlock(&dict->lock);
    object_release(entry);
    return entry != NULL;
}

bool weak_value_dict_remove(struct weak_value_dict *dict, const char *key)
{
    return remove_entry(dict, key);
}

bool weak_value_dict_remove_oldest(struct weak_value_dict *dict)
{
    return remove_entry(dict, NULL);
}

void weak_value_dict_clear(struct weak_value_dict *dict)
{
    while (remove_entry(dict, NULL))
        ;
}

void **weak_value_dict_values(struct weak_value_dict *dict, size_t *out_count)
{
    size_t count = 0;
    void **values;

    pthread_mutex_lock(&dict->lock);
    values = malloc((HASH_COUNT(dict->entries) + 1) * sizeof *values); /* not 0 bytes */
    for (struct entry *entry = dict->entries; values && entry; entry = entry->hh.next) {
        values[count] = weakref_get(&entry->ref);
        count += values[count] != NULL;
    }
    pthread_mutex_unlock(&dict->lock);
    if (values)
        *out_count = count;
    return values;
}

size_t weak_value_dict_count(struct weak_value_dict *dict)
{
    size_t count;

    pthread_mutex_lock(&dict->lock);
    count = HASH_COUNT(dict->entries);
    pthread_mutex_unlock(&dict->lock);
    return count;
}

void weak_value_dict_footprint(struct weak_value_dict *dict, struct footprint *footprint)
{
    footprint_add(footprint, dict, sizeof *dict);
    footprint_add(footprint, dict->self, sizeof *dict->self);
    pthread_mutex_lock(&dict->lock);
    if (dict->entries)
        hash_table_footprint(dict->entries->hh.tbl, footprint);
    for (const struct entry *entry = dict->entries; entry; entry = entry->hh.next) {
        footprint_add(footprint, entry, sizeof *entry);
        footprint_add_string(footprint, entry->key);
    }
    pthread_mutex_unlock(&dict->lock);
}
