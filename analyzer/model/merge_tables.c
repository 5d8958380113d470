#include "model/merge_tables.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

/* A text or a module that is there already, by the bytes that tell it apart. */
struct known {
    uint32_t number;
    UT_hash_handle hh;
    uint8_t key[];
};

int merge_no_memory(struct error *error)
{
    return error_set(error, -ENOMEM, "not enough memory to merge the snapshots");
}

void *merge_array_add(struct merge_array *array, size_t size)
{
    void *element;

    if (array->count == array->room) {
        size_t room = array->room ? array->room * 2 : 64;
        void *data = reallocarray(array->data, room, size);

        if (!data)
            return NULL;
        array->data = data;
        array->room = room;
    }
    element = (char *)array->data + array->count++ * size;
    memset(element, 0, size);
    return element;
}

uint32_t merge_known(const struct known *table, const void *key, size_t size)
{
    const struct known *known = NULL;

    HASH_FIND(hh, table, key, size, known);
    return known ? known->number : 0;
}

bool merge_known_add(struct known **table, const void *key, size_t size, uint32_t number)
{
    struct known *entry = calloc(1, sizeof(*entry) + size);

    if (!entry)
        return false;
    memcpy(entry->key, key, size);
    entry->number = number;
    HASH_ADD_KEYPTR(hh, *table, entry->key, size, entry);
    if (entry->hh.tbl)
        return true;
    free(entry); /* how uthash says that it found no memory */
    return false;
}

int merge_text(struct merge *merge, const char *text, uint32_t *out_offset, struct error *error)
{
    size_t size = strlen(text) + 1, offset = merge->strings.size;

    *out_offset = *text ? merge_known(merge->texts, text, size) : 0;
    if (!*text || *out_offset)
        return 0;
    if (offset > UINT32_MAX - size)
        return error_set(error, -ERANGE, "the names in the snapshots are too long to be merged");
    if (!merge_known_add(&merge->texts, text, size, (uint32_t)offset) ||
        !snapshot_bytes_add(&merge->strings, text, size))
        return merge_no_memory(error);
    *out_offset = (uint32_t)offset;
    return 0;
}

static void known_destroy(struct known *table)
{
    struct known *entry, *next;

    HASH_ITER(hh, table, entry, next)
    {
        HASH_DEL(table, entry);
        free(entry);
    }
}

void merge_tables_finish(struct merge *merge)
{
    known_destroy(merge->texts);
    known_destroy(merge->modules_known);
    free(merge->strings.data);
    free(merge->parts.data);
    free(merge->modules.data);
    free(merge->segments.data);
    free(merge->frames.data);
    free(merge->stacks.data);
    free(merge->blocks.data);
    free(merge->tracked.data);
    free(merge->names.data);
    free(merge->threads.data);
    free(merge->slots);
}
