#include "model/watch_names.h"

#include "model/allocator_types.h"
#include "model/group.h"
#include "model/intern.h"
#include "model/layouts.h"
#include "model/variables.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#define NAME_SIZE 2048

/* A name by what tells it from others; the texts are interned. */
struct entry {
    const char *key;
    uint32_t number;
    UT_hash_handle hh;
};

struct own {
    struct watch_names names; /* first */
    const struct filter *filter;
    size_t stack_count;
    const char **texts;
    struct group *groups;
    size_t room;
    struct entry *table;
    struct intern *strings;
};

/* Add a name with TEXT and GROUP. Returns its number; 0 for lack of memory. */
static uint32_t add_name(struct own *own, const char *text, const struct group *group)
{
    size_t count = own->names.count;

    if (count == own->room) {
        size_t room = own->room ? own->room * 2 : 64;
        const char **texts = reallocarray(own->texts, room, sizeof(*texts));
        struct group *groups;

        if (!texts)
            return 0;
        own->texts = texts;
        groups = reallocarray(own->groups, room, sizeof(*groups));
        if (!groups)
            return 0;
        own->groups = groups;
        own->room = room;
        own->names.texts = texts;
        own->names.groups = groups;
    }
    own->texts[count] = intern_string(own->strings, text);
    own->groups[count] = *group;
    own->groups[count].heap = NULL;
    if (!own->texts[count])
        return 0;
    own->names.count++;
    return (uint32_t)count;
}

struct watch_names *watch_names_create(enum group_key key, const struct filter *filter)
{
    static const struct group none;
    struct own *own = calloc(1, sizeof(*own));

    if (!own)
        return NULL;
    own->names.key = key;
    own->filter = filter;
    own->strings = intern_create();
    if (!own->strings)
        goto fail;
    add_name(own, "(filtered)", &none);
    add_name(own, "(being looked up)", &none);
    if (own->names.count < WATCH_NAMES_FIRST)
        goto fail;
    return &own->names;
fail:
    watch_names_destroy(&own->names);
    return NULL;
}

void watch_names_destroy(struct watch_names *names)
{
    struct own *own = (struct own *)names;
    struct entry *entry, *next;

    if (!own)
        return;
    HASH_ITER(hh, own->table, entry, next)
    {
        HASH_DEL(own->table, entry);
        free(entry);
    }
    intern_destroy(own->strings);
    free(own->names.of_stack);
    free(own->texts);
    free(own->groups);
    free(own);
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash && slash[1] ? slash + 1 : path;
}

/* What people read: a line has the last part of its file's path, which leaves room for the rest. */
static void write_text(enum group_key key, const struct group *group, char text[NAME_SIZE])
{
    if (key == GROUP_LINENO && !group->is_place)
        snprintf(text, NAME_SIZE, "%s:%u %s", base_name(group->file), group->line,
                 group->function ? group->function : "");
    else
        group_name(key, group, text, NAME_SIZE);
}

/* What tells names apart; of a line the function is no part of it. */
static void write_key(enum group_key key, const struct group *group, char text[NAME_SIZE])
{
    if (key == GROUP_LINENO)
        snprintf(text, NAME_SIZE, "%s:%u", group->file, group->line);
    else if (key == GROUP_THREAD)
        snprintf(text, NAME_SIZE, "%u %s %s", group->tid,
                 group->thread_name ? group->thread_name : "", group->function);
    else
        group_name(key, group, text, NAME_SIZE);
}

/* The number of the name of GROUP, added if it is new; 0 for lack of memory. */
static uint32_t find_name(struct own *own, const struct group *group)
{
    char text[NAME_SIZE];
    struct entry *entry;

    write_key(own->names.key, group, text);
    HASH_FIND_STR(own->table, text, entry);
    if (entry)
        return entry->number;
    entry = calloc(1, sizeof(*entry));
    if (!entry)
        return 0;
    entry->key = intern_string(own->strings, text);
    write_text(own->names.key, group, text);
    entry->number = entry->key ? add_name(own, text, group) : 0;
    if (entry->number)
        HASH_ADD_KEYPTR(hh, own->table, entry->key, strlen(entry->key), entry);
    if (!entry->number || !entry->hh.tbl) {
        free(entry);
        return 0;
    }
    return entry->number;
}

/* Have room for the stacks of HEAP; what is new is not named yet. */
static int make_room(struct own *own, const struct heap *heap)
{
    uint32_t *of_stack = own->names.of_stack;

    if (heap->stack_count <= own->stack_count)
        return 0;
    of_stack = reallocarray(of_stack, heap->stack_count, sizeof(*of_stack));
    if (!of_stack)
        return -ENOMEM;
    own->names.of_stack = of_stack;
    while (own->stack_count < heap->stack_count)
        of_stack[own->stack_count++] = WATCH_NAMES_UNKNOWN;
    return 0;
}

/* Mark in HELD at most LIMIT of the stacks that are to be named. Returns how many more there are. */
static long choose(const struct own *own, const struct heap *heap, size_t limit,
                   struct group_held *held)
{
    long left = 0;

    for (size_t i = 0; i < heap->stack_count; i++) {
        if (own->names.of_stack[i] != WATCH_NAMES_UNKNOWN || heap->stacks[i].allocations == 0)
            continue;
        if (limit > 0) {
            held[i].blocks = 1;
            limit--;
        } else {
            left++;
        }
    }
    return left;
}

/* The types that stacks of HEAP allocate. */
struct types_of {
    struct variables *variables;
    struct layouts *layouts;
    struct allocator_types *allocators;
};

static void finish_types(struct types_of *types)
{
    allocator_types_destroy(types->allocators);
    layouts_destroy(types->layouts);
    variables_destroy(types->variables);
}

static int init_types(struct types_of *types, const struct heap *heap, struct symbols *symbols)
{
    types->variables = variables_create(heap, symbols);
    types->layouts = types->variables ? layouts_create(types->variables) : NULL;
    types->allocators =
        types->layouts ? allocator_types_create(heap, symbols, types->layouts) : NULL;
    return types->allocators ? 0 : -ENOMEM;
}

/* The number of the type that STACK allocates; 0 for lack of memory. */
static uint32_t name_type(struct own *own, const struct types_of *types, uint32_t stack)
{
    bool sure;
    uint32_t layout = allocator_types_find(types->allocators, stack, &sure);
    struct group group = {.stack = stack};

    if (layout != LAYOUTS_NONE)
        group.type = intern_string(own->strings, layouts_name(types->layouts, layout));
    return find_name(own, &group);
}

/* Name the stacks marked in HELD that the filter keeps, by their type. */
static int name_types(struct own *own, const struct heap *heap, struct symbols *symbols,
                      const struct group_held *held, const uint32_t *first_stacks)
{
    struct types_of types = {0};
    int result = init_types(&types, heap, symbols);

    for (uint32_t i = 0; i < heap->stack_count && result == 0; i++) {
        if (held[i].blocks == 0 || first_stacks[i] == 0)
            continue;
        own->names.of_stack[i] = name_type(own, &types, i);
        if (own->names.of_stack[i] == 0)
            result = -ENOMEM;
    }
    finish_types(&types);
    return result;
}

/* Name the stacks marked in HELD that the filter keeps, by the groups in LIST. */
static int name_groups(struct own *own, const struct heap *heap, const struct group_list *list,
                       const struct group_held *held, const uint32_t *first_stacks)
{
    for (size_t i = 0; i < list->count; i++) {
        uint32_t number = find_name(own, &list->groups[i]);

        if (number == 0)
            return -ENOMEM;
        own->names.of_stack[list->groups[i].stack] = number;
    }
    for (uint32_t i = 0; i < heap->stack_count; i++)
        if (held[i].blocks && first_stacks[i])
            own->names.of_stack[i] = own->names.of_stack[first_stacks[i] - 1];
    return 0;
}

long watch_names_update(struct watch_names *names, const struct heap *heap, struct symbols *symbols,
                        size_t limit)
{
    struct own *own = (struct own *)names;
    struct group_held *held = calloc(heap->stack_count + 1, sizeof(*held));
    uint32_t *first_stacks = calloc(heap->stack_count + 1, sizeof(*first_stacks));
    bool by_type = names->key == GROUP_TYPE;
    struct group_options options = {
        .key = by_type ? GROUP_MODULE : names->key,
        .held = held,
        .filter = own->filter,
        .first_stacks = first_stacks,
    };
    struct group_list *list = NULL;
    long result = -ENOMEM, left;

    if (!held || !first_stacks || make_room(own, heap) < 0)
        goto out;
    left = choose(own, heap, limit, held);
    list = group_create(heap, symbols, &options);
    if (!list)
        goto out;
    for (size_t i = 0; i < heap->stack_count; i++)
        if (held[i].blocks && !first_stacks[i])
            names->of_stack[i] = WATCH_NAMES_NONE;
    result = by_type ? name_types(own, heap, symbols, held, first_stacks)
                     : name_groups(own, heap, list, held, first_stacks);
    if (result == 0)
        result = left;
out:
    group_destroy(list);
    free(first_stacks);
    free(held);
    return result;
}
