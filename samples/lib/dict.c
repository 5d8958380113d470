#include "samples/lib/dict.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "samples/lib/hash.h"

struct entry {
    const char *name;
    struct value value;
    UT_hash_handle hh;
};

struct dict {
    struct object object;
    struct entry *entries; /* in the order they were first set */
};

/* Turn the borrowed VALUE into one that is ours. */
static int own(struct value *value)
{
    if (value->kind == VALUE_TEXT) {
        value->text = strdup(value->text);
        if (!value->text)
            return -ENOMEM;
    } else if (value->kind == VALUE_OBJECT) {
        object_retain(value->object);
    }
    return 0;
}

static void disown(struct value value)
{
    if (value.kind == VALUE_TEXT)
        free((char *)value.text);
    else if (value.kind == VALUE_OBJECT)
        object_release(value.object);
}

static void delete_entry(struct dict *dict, struct entry *entry)
{
    struct value value = entry->value;

    HASH_DEL(dict->entries, entry);
    free(entry);
    disown(value);
}

static void finish(void *object)
{
    struct dict *dict = object;

    while (dict->entries)
        delete_entry(dict, dict->entries);
}

static const struct object_type dict_type = {
    .name = "dict",
    .size = sizeof(struct dict),
    .finish = finish,
};

struct dict *dict_new(void)
{
    return object_init(malloc(sizeof(struct dict)), &dict_type);
}

static struct entry *find(const struct dict *dict, const char *name)
{
    struct entry *entry;

    HASH_FIND_STR(dict->entries, name, entry);
    return entry;
}

int dict_set(struct dict *dict, const char *name, struct value value)
{
    struct entry *entry = find(dict, name);

    if (own(&value) != 0)
        return -ENOMEM;
    if (entry) {
        struct value old = entry->value;

        entry->value = value;
        disown(old);
        return 0;
    }
    entry = calloc(1, sizeof *entry);
    if (entry) {
        entry->name = name;
        entry->value = value;
        HASH_ADD_KEYPTR(hh, dict->entries, entry->name, strlen(entry->name), entry);
    }
    if (!entry || !entry->hh.tbl) {
        free(entry);
        disown(value);
        return -ENOMEM;
    }
    return 0;
}

const struct value *dict_get(const struct dict *dict, const char *name)
{
    const struct entry *entry = find(dict, name);

    return entry ? &entry->value : NULL;
}

bool dict_delete(struct dict *dict, const char *name)
{
    struct entry *entry = find(dict, name);

    if (!entry)
        return false;
    delete_entry(dict, entry);
    return true;
}

size_t dict_count(const struct dict *dict)
{
    return HASH_COUNT(dict->entries);
}

void dict_visit_objects(const struct dict *dict, void (*visit)(void *object, void *data),
                        void *data)
{
    for (const struct entry *entry = dict->entries; entry; entry = entry->hh.next)
        if (entry->value.kind == VALUE_OBJECT)
            visit(entry->value.object, data);
}

void dict_footprint(const struct dict *dict, struct footprint *footprint)
{
    footprint_add(footprint, dict, sizeof *dict);
    if (dict->entries)
        hash_table_footprint(dict->entries->hh.tbl, footprint);
    for (const struct entry *entry = dict->entries; entry; entry = entry->hh.next) {
        footprint_add(footprint, entry, sizeof *entry);
        if (entry->value.kind == VALUE_TEXT)
            footprint_add_string(footprint, entry->value.text);
    }
}
