#include "model/group.h"

#include "format/snapshot.h"
#include "model/site.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

static const char *const key_names[GROUP_KEYS] = {
    [GROUP_LINENO] = "lineno",       [GROUP_FILENAME] = "filename", [GROUP_FUNCTION] = "function",
    [GROUP_TRACEBACK] = "traceback", [GROUP_MODULE] = "module",     [GROUP_PROGRAM] = "program",
    [GROUP_PROCESS] = "process",
};

/* A group while they are collected. The name is what tells groups apart: the
 * texts of the key, each with its NUL, and its numbers. */
struct entry {
    struct group group;
    uint32_t last_stack; /* counted last, plus 1: a cumulative group counts each once */
    UT_hash_handle hh;
    char name[];
};

/* What the frames of one node of the call trie stand for: entries[first] and on. */
struct frame_entries {
    uint32_t first, count;
};

struct grouping {
    const struct heap *heap;
    struct symbols *symbols;
    const struct group_options *options;
    const struct filter *filter;
    struct entry *table;
    char *name; /* of the entry looked for */
    size_t name_size;
    const struct symbol **traceback; /* for a filter that wants all frames */
    size_t traceback_room;
    struct stack_id *ids;         /* per frame, GROUP_TRACEBACK */
    struct frame_entries *frames; /* per frame, cumulative */
    struct entry **frame_entries;
    size_t frame_entry_count, frame_entry_room;
};

/* Append SIZE bytes at DATA to the name looked for. Returns false for lack of memory. */
static bool name_append(struct grouping *grouping, size_t *length, const void *data, size_t size)
{
    if (*length + size > grouping->name_size) {
        size_t room = (*length + size) * 2;
        char *name = realloc(grouping->name, room);

        if (!name)
            return false;
        grouping->name = name;
        grouping->name_size = room;
    }
    memcpy(grouping->name + *length, data, size);
    *length += size;
    return true;
}

static bool name_append_text(struct grouping *grouping, size_t *length, const char *text)
{
    return name_append(grouping, length, text ? text : "", text ? strlen(text) + 1 : 1);
}

/* Find or make the entry of the group that has the key in GROUP. NULL for lack of
 * memory. */
static struct entry *intern(struct grouping *grouping, const struct group *group)
{
    enum group_key key = grouping->options->key;
    struct entry *entry = NULL;
    size_t length = 0;
    bool ok = true;

    if (key == GROUP_LINENO || key == GROUP_FILENAME)
        ok = name_append_text(grouping, &length, group->file) &&
             name_append(grouping, &length, &group->line, sizeof(group->line));
    else if (key == GROUP_FUNCTION)
        ok = name_append_text(grouping, &length, group->function) &&
             name_append_text(grouping, &length, group->module);
    else if (key == GROUP_MODULE)
        ok = name_append_text(grouping, &length, group->module);
    else if (key == GROUP_PROGRAM || key == GROUP_PROCESS)
        ok = name_append_text(grouping, &length, group->program) &&
             name_append(grouping, &length, &group->pid, sizeof(group->pid));
    else
        ok = name_append(grouping, &length, &group->id, sizeof(group->id));
    if (!ok)
        return NULL;

    HASH_FIND(hh, grouping->table, grouping->name, length, entry);
    if (entry)
        return entry;
    entry = calloc(1, sizeof(*entry) + length);
    if (!entry)
        return NULL;
    memcpy(entry->name, grouping->name, length);
    entry->group = *group;
    HASH_ADD_KEYPTR(hh, grouping->table, entry->name, length, entry);
    if (!entry->hh.tbl) { /* how uthash says that it found no memory */
        free(entry);
        return NULL;
    }
    return entry;
}

/* The entry of the group that SYMBOL, which is FRAME of STACK or part of it, belongs to. */
static struct entry *intern_symbol(struct grouping *grouping, const struct symbol *symbol,
                                   uint32_t frame, uint32_t stack)
{
    struct group group = {.heap = grouping->heap, .stack = stack, .frame = frame};
    struct entry *entry;

    switch (grouping->options->key) {
    case GROUP_LINENO:
        group.line = symbol->file ? symbol->line : 0;
        group.function = symbol->function;
        /* fall through */
    case GROUP_FILENAME:
        group.file = symbol->file ? symbol->file : symbol->place;
        group.is_place = !symbol->file;
        break;
    case GROUP_FUNCTION:
        group.function = symbol->function ? symbol->function : symbol->place;
        group.is_place = !symbol->function;
        /* fall through */
    case GROUP_MODULE:
        group.module = symbol->module;
        break;
    case GROUP_TRACEBACK: /* these are of no single frame */
    case GROUP_PROGRAM:
    case GROUP_PROCESS:
    case GROUP_KEYS:
        break;
    }
    entry = intern(grouping, &group);
    if (entry && group.function && entry->group.function != group.function &&
        (!entry->group.function || strcmp(entry->group.function, group.function) != 0))
        entry->group.several_functions = true;
    return entry;
}

static void count_stack(struct entry *entry, const struct heap *heap, uint32_t stack)
{
    const struct heap_stack *from = &heap->stacks[stack];

    if (entry->last_stack == stack + 1)
        return;
    entry->last_stack = stack + 1;
    entry->group.size += from->live_bytes;
    entry->group.count += from->live_blocks;
    if (from->flags & SNAPSHOT_STACK_TRUNCATED)
        entry->group.truncated = true;
    if (from->flags & SNAPSHOT_STACK_LIMITED)
        entry->group.limited = true;
}

static const struct symbol *newest_symbol(const struct grouping *grouping, uint32_t stack,
                                          bool skip_standard, uint32_t *out_frame)
{
    return site_newest(grouping->heap, grouping->symbols, grouping->filter, stack, skip_standard,
                       out_frame);
}

/* Collect all frames of STACK in grouping->traceback. Returns their number, 0 for
 * lack of memory. */
static size_t collect_traceback(struct grouping *grouping, uint32_t stack)
{
    const struct heap *heap = grouping->heap;
    uint32_t frame = heap->stacks[stack].frame;
    size_t count = 0;

    do {
        struct symbol_list list = {.symbols = &site_unknown, .count = 1};

        if (frame)
            list = symbols_frame(grouping->symbols, frame);
        if (count + list.count > grouping->traceback_room) {
            size_t room = (count + list.count) * 2;
            const struct symbol **traceback =
                reallocarray(grouping->traceback, room, sizeof(*traceback));

            if (!traceback)
                return 0;
            grouping->traceback = traceback;
            grouping->traceback_room = room;
        }
        for (size_t i = 0; i < list.count; i++)
            grouping->traceback[count++] = &list.symbols[i];
        frame = heap->frames[frame].parent;
    } while (frame);
    return count;
}

/* Does the filter keep the blocks of STACK? Returns 1 or 0, or -ENOMEM. */
static int keeps(struct grouping *grouping, uint32_t stack)
{
    const struct symbol *newest;
    uint32_t frame;
    size_t count;

    if (!filter_has_patterns(grouping->filter))
        return 1;
    if (!filter_wants_all_frames(grouping->filter)) {
        newest = newest_symbol(grouping, stack, true, &frame);
        return filter_keeps(grouping->filter, &newest, 1);
    }
    count = collect_traceback(grouping, stack);
    return count ? filter_keeps(grouping->filter, grouping->traceback, count) : -ENOMEM;
}

/* Find out once which groups FRAME, met in STACK, belongs to. */
static int resolve_frame(struct grouping *grouping, uint32_t frame, uint32_t stack)
{
    struct symbol_list list = symbols_frame(grouping->symbols, frame);
    size_t count = grouping->frame_entry_count;

    if (count + list.count > grouping->frame_entry_room) {
        size_t room = (count + list.count) * 2;
        struct entry **entries = reallocarray(grouping->frame_entries, room, sizeof(*entries));

        if (!entries)
            return -ENOMEM;
        grouping->frame_entries = entries;
        grouping->frame_entry_room = room;
    }
    grouping->frames[frame] = (struct frame_entries){(uint32_t)count, (uint32_t)list.count};
    for (size_t i = 0; i < list.count; i++) {
        struct entry *entry = intern_symbol(grouping, &list.symbols[i], frame, stack);

        if (!entry)
            return -ENOMEM;
        grouping->frame_entries[count++] = entry;
    }
    grouping->frame_entry_count = count;
    return 0;
}

/* Count the blocks of STACK to the groups of all its frames. */
static int add_all_frames(struct grouping *grouping, uint32_t stack)
{
    const struct heap *heap = grouping->heap;

    for (uint32_t frame = heap->stacks[stack].frame; frame; frame = heap->frames[frame].parent) {
        const struct frame_entries *entries = &grouping->frames[frame];

        if (entries->count == 0 && resolve_frame(grouping, frame, stack) < 0)
            return -ENOMEM;
        for (uint32_t i = 0; i < entries->count; i++)
            count_stack(grouping->frame_entries[entries->first + i], heap, stack);
    }
    return 0;
}

/* Count the blocks of STACK to its group or groups. */
static int add_stack(struct grouping *grouping, uint32_t stack)
{
    const struct heap *heap = grouping->heap;
    const struct group_options *options = grouping->options;
    struct entry *entry;

    if (options->key == GROUP_TRACEBACK) {
        struct group group = {.heap = heap, .stack = stack};

        group.id = grouping->ids[heap->stacks[stack].frame];
        entry = intern(grouping, &group);
    } else if (options->key == GROUP_PROGRAM || options->key == GROUP_PROCESS) {
        const struct heap_part *part = &heap->parts[heap->stacks[stack].part];
        struct group group = {.heap = heap, .stack = stack, .program = part->program};

        if (options->key == GROUP_PROCESS)
            group.pid = part->process->pid;
        entry = intern(grouping, &group);
    } else if (options->cumulative && heap->stacks[stack].frame) {
        return add_all_frames(grouping, stack);
    } else {
        uint32_t frame;
        const struct symbol *newest =
            newest_symbol(grouping, stack, options->key != GROUP_MODULE, &frame);

        entry = intern_symbol(grouping, newest, frame, stack);
    }
    if (!entry)
        return -ENOMEM;
    count_stack(entry, heap, stack);
    return 0;
}

/* Like strcmp(), NULL before every text. */
static int compare_texts(const char *a, const char *b)
{
    if (!a || !b)
        return (a != NULL) - (b != NULL);
    return strcmp(a, b);
}

int group_compare(enum group_key key, const struct group *a, const struct group *b)
{
    int order = 0;

    switch (key) {
    case GROUP_LINENO:
    case GROUP_FILENAME:
        order = compare_texts(a->file, b->file);
        return order ? order : (a->line > b->line) - (a->line < b->line);
    case GROUP_FUNCTION:
        order = compare_texts(a->function, b->function);
        return order ? order : compare_texts(a->module, b->module);
    case GROUP_MODULE:
        return compare_texts(a->module, b->module);
    case GROUP_PROGRAM:
    case GROUP_PROCESS:
        order = compare_texts(a->program, b->program);
        return order ? order : (a->pid > b->pid) - (a->pid < b->pid);
    case GROUP_TRACEBACK:
        if (memcmp(&a->id, &b->id, sizeof(a->id)) == 0)
            return 0;
        order = stack_id_order(a->heap, a->heap->stacks[a->stack].frame, b->heap,
                               b->heap->stacks[b->stack].frame);
        /* Builds of one module may differ where names and offsets do not. */
        return order ? order : memcmp(&a->id, &b->id, sizeof(a->id));
    case GROUP_KEYS:
        break;
    }
    return 0;
}

/* The order of a list: the larger first. */
static int compare_groups(const void *a, const void *b, void *key)
{
    const struct group *left = a, *right = b;

    if (left->size != right->size)
        return left->size < right->size ? 1 : -1;
    if (left->count != right->count)
        return left->count < right->count ? 1 : -1;
    return -group_compare(*(enum group_key *)key, left, right);
}

/* The entries as a sorted list. */
static struct group_list *finish_list(struct grouping *grouping, uint64_t size, uint64_t blocks)
{
    struct group_list *list = calloc(1, sizeof(*list));
    size_t count = HASH_COUNT(grouping->table);

    if (!list)
        return NULL;
    list->groups = calloc(count + 1, sizeof(*list->groups));
    if (!list->groups) {
        free(list);
        return NULL;
    }
    list->key = grouping->options->key;
    list->size = size;
    list->blocks = blocks;
    for (struct entry *entry = grouping->table; entry; entry = entry->hh.next)
        list->groups[list->count++] = entry->group;
    qsort_r(list->groups, list->count, sizeof(*list->groups), compare_groups, &list->key);
    return list;
}

struct group_list *group_create(const struct heap *heap, struct symbols *symbols,
                                const struct group_options *options)
{
    struct filter *plain = options->filter ? NULL : filter_create();
    struct grouping grouping = {
        .heap = heap,
        .symbols = symbols,
        .options = options,
        .filter = options->filter ? options->filter : plain,
    };
    struct group_list *list = NULL;
    uint64_t size = 0, blocks = 0;
    struct entry *entry, *next;

    if (!grouping.filter)
        return NULL;
    if (options->key == GROUP_TRACEBACK) {
        grouping.ids = stack_id_create(heap);
        if (!grouping.ids)
            goto out;
    }
    if (options->cumulative) {
        grouping.frames = calloc(heap->frame_count + 1, sizeof(*grouping.frames));
        if (!grouping.frames)
            goto out;
    }
    for (uint32_t i = 0; i < heap->stack_count; i++) {
        int kept;

        if (heap->stacks[i].live_blocks == 0)
            continue;
        kept = keeps(&grouping, i);
        if (kept < 0 || (kept && add_stack(&grouping, i) < 0))
            goto out;
        if (kept) {
            size += heap->stacks[i].live_bytes;
            blocks += heap->stacks[i].live_blocks;
        }
    }
    list = finish_list(&grouping, size, blocks);
out:
    HASH_ITER(hh, grouping.table, entry, next)
    {
        HASH_DEL(grouping.table, entry);
        free(entry);
    }
    free(grouping.name);
    free(grouping.traceback);
    free(grouping.ids);
    free(grouping.frames);
    free(grouping.frame_entries);
    filter_destroy(plain);
    return list;
}

void group_destroy(struct group_list *list)
{
    if (!list)
        return;
    free(list->groups);
    free(list);
}

const char *group_key_name(enum group_key key)
{
    return key_names[key];
}

bool group_key_of_frames(enum group_key key)
{
    return key != GROUP_TRACEBACK && key != GROUP_PROGRAM && key != GROUP_PROCESS;
}

int group_key_find(const char *name, enum group_key *out_key)
{
    for (int i = 0; i < GROUP_KEYS; i++) {
        if (strcmp(name, key_names[i]) == 0) {
            *out_key = (enum group_key)i;
            return 0;
        }
    }
    return -EINVAL;
}

void group_name(enum group_key key, const struct group *group, char *buffer, size_t size)
{
    char line[16] = "";

    switch (key) {
    case GROUP_LINENO:
        if (group->is_place) { /* which names the function already */
            snprintf(buffer, size, "%s", group->file);
            break;
        }
        snprintf(line, sizeof(line), ":%" PRIu32, group->line);
        if (group->function)
            snprintf(buffer, size, "%s%s (%s%s)", group->file, line, group->function,
                     group->several_functions ? ", …" : "");
        else
            snprintf(buffer, size, "%s%s", group->file, line);
        break;
    case GROUP_FILENAME:
        snprintf(buffer, size, "%s", group->file);
        break;
    case GROUP_FUNCTION:
        if (group->module && !group->is_place)
            snprintf(buffer, size, "%s [%s]", group->function, group->module);
        else
            snprintf(buffer, size, "%s", group->function);
        break;
    case GROUP_MODULE:
        snprintf(buffer, size, "%s", group->module ? group->module : site_unknown.place);
        break;
    case GROUP_TRACEBACK:
        snprintf(buffer, size, "stack %" PRIu32, group->stack);
        break;
    case GROUP_PROGRAM:
        snprintf(buffer, size, "%s", group->program);
        break;
    case GROUP_PROCESS:
        snprintf(buffer, size, "%s (process %" PRIu32 ")", group->program, group->pid);
        break;
    case GROUP_KEYS:
        snprintf(buffer, size, "%s", "");
        break;
    }
}
