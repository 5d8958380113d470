/* group_table.h - groups while they are collected, told apart by their keys.
 *
 * For group.c; callers of the model group a heap.
 */
#ifndef MODEL_GROUP_TABLE_H
#define MODEL_GROUP_TABLE_H

#include "model/group_key.h"

#include <stddef.h>
#include <stdint.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

/* The name is what tells groups apart: the texts of the key, each with its NUL, and its numbers. */
struct group_entry {
    struct group group;
    uint32_t last_stack; /* counted last, plus 1: a cumulative group counts each once */
    UT_hash_handle hh;   /* hh.next: in the order in which they were found */
    char name[];
};

/* Valid when zeroed but for the key. */
struct group_table {
    enum group_key key;
    struct group_entry *entries;
    char *name; /* of the entry looked for */
    size_t name_size;
};

/* Find or make the entry of the group that has the key in GROUP. NULL for lack of memory. */
struct group_entry *group_table_add(struct group_table *table, const struct group *group);

/* How many entries there are. */
size_t group_table_count(const struct group_table *table);

/* Free what TABLE has. */
void group_table_finish(struct group_table *table);

#endif
