#include "model/group_table.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Append SIZE bytes at DATA to the name looked for. Returns false for lack of memory. */
static bool name_append(struct group_table *table, size_t *length, const void *data, size_t size)
{
    if (*length + size > table->name_size) {
        size_t room = (*length + size) * 2;
        char *name = realloc(table->name, room);

        if (!name)
            return false;
        table->name = name;
        table->name_size = room;
    }
    memcpy(table->name + *length, data, size);
    *length += size;
    return true;
}

static bool name_append_text(struct group_table *table, size_t *length, const char *text)
{
    return name_append(table, length, text ? text : "", text ? strlen(text) + 1 : 1);
}

struct group_entry *group_table_add(struct group_table *table, const struct group *group)
{
    enum group_key key = table->key;
    struct group_entry *entry = NULL;
    size_t length = 0;
    bool ok = true;

    if (key == GROUP_LINENO || key == GROUP_FILENAME)
        ok = name_append_text(table, &length, group->file) &&
             name_append(table, &length, &group->line, sizeof(group->line));
    else if (key == GROUP_FUNCTION)
        ok = name_append_text(table, &length, group->function) &&
             name_append_text(table, &length, group->module);
    else if (key == GROUP_THREAD)
        ok = name_append_text(table, &length, group->function) &&
             name_append_text(table, &length, group->module) &&
             name_append_text(table, &length, group->thread_name) &&
             name_append(table, &length, &group->tid, sizeof(group->tid));
    else if (key == GROUP_SIZE)
        ok = name_append(table, &length, &group->size_min, sizeof(group->size_min));
    else if (key == GROUP_TYPE)
        ok = name_append_text(table, &length, group->type);
    else if (key == GROUP_DOMAIN)
        ok = name_append(table, &length, &group->domain, sizeof(group->domain));
    else if (key == GROUP_MODULE)
        ok = name_append_text(table, &length, group->module);
    else if (key == GROUP_PROGRAM || key == GROUP_PROCESS)
        ok = name_append_text(table, &length, group->program) &&
             name_append(table, &length, &group->pid, sizeof(group->pid));
    else
        ok = name_append(table, &length, &group->id, sizeof(group->id));
    if (!ok)
        return NULL;

    HASH_FIND(hh, table->entries, table->name, length, entry);
    if (entry)
        return entry;
    entry = calloc(1, sizeof(*entry) + length);
    if (!entry)
        return NULL;
    memcpy(entry->name, table->name, length);
    entry->group = *group;
    entry->group.number = HASH_COUNT(table->entries);
    HASH_ADD_KEYPTR(hh, table->entries, entry->name, length, entry);
    if (!entry->hh.tbl) { /* how uthash says that it found no memory */
        free(entry);
        return NULL;
    }
    return entry;
}

size_t group_table_count(const struct group_table *table)
{
    return HASH_COUNT(table->entries);
}

void group_table_finish(struct group_table *table)
{
    struct group_entry *entry, *next;

    HASH_ITER(hh, table->entries, entry, next)
    {
        HASH_DEL(table->entries, entry);
        free(entry);
    }
    free(table->name);
}
