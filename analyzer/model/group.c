#include "model/group.h"

#include "format/snapshot.h"
#include "model/estimate.h"
#include "model/progress.h"
#include "model/site.h"
#include "model/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>


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
    struct group_held *held;         /* per stack */
    uint32_t *of_stack; /* per stack, maps_blocks: the number of its group, which may be none */
    uint32_t *of_block; /* per block, maps_blocks: the number of its group */
    struct verdict *verdicts;
    const struct symbol **traceback; /* all frames of a stack */
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
    else if (key == GROUP_THREAD)
        ok = name_append_text(grouping, &length, group->function) &&
             name_append_text(grouping, &length, group->module) &&
             name_append_text(grouping, &length, group->thread_name) &&
             name_append(grouping, &length, &group->tid, sizeof(group->tid));
    else if (key == GROUP_SIZE)
        ok = name_append(grouping, &length, &group->size_min, sizeof(group->size_min));
    else if (key == GROUP_TYPE)
        ok = name_append_text(grouping, &length, group->type);
    else if (key == GROUP_DOMAIN)
        ok = name_append(grouping, &length, &group->domain, sizeof(group->domain));
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
    entry->group.number = HASH_COUNT(grouping->table);
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
    case GROUP_THREAD:
    case GROUP_FUNCTION:
        group.function = symbol->function ? symbol->function : symbol->place;
        group.is_place = !symbol->function;
        /* fall through */
    case GROUP_MODULE:
        group.module = symbol->module;
        break;
    case GROUP_TRACEBACK: /* these are of no single frame */
    case GROUP_SIZE:
    case GROUP_TYPE:
    case GROUP_DOMAIN:
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

static void add_counters(uint64_t *counters, const struct heap_stack *from)
{
    counters[SNAPSHOT_ALLOCATIONS] += from->allocations;
    counters[SNAPSHOT_ALLOCATED_BYTES] += from->allocated_bytes;
    counters[SNAPSHOT_FREES] += from->frees;
    counters[SNAPSHOT_FREED_BYTES] += from->freed_bytes;
    counters[SNAPSHOT_REALLOCATIONS] += from->reallocations;
    counters[SNAPSHOT_TEMPORARY] += from->temporary;
    counters[SNAPSHOT_PEAK_BYTES] += from->peak_bytes;
    counters[SNAPSHOT_PEAK_BLOCKS] += from->peak_blocks;
}

/* Count the blocks of STACK to ENTRY. */
static void count_stack(const struct grouping *grouping, struct entry *entry, uint32_t stack)
{
    const struct heap_stack *from = &grouping->heap->stacks[stack];

    if (entry->last_stack == stack + 1 && !grouping->options->follows_tracemalloc)
        return;
    entry->last_stack = stack + 1;
    entry->group.size += grouping->held[stack].bytes;
    entry->group.count += grouping->held[stack].blocks;
    entry->group.variance += grouping->held[stack].variance;
    add_counters(entry->group.counters, from);
    if (from->flags & SNAPSHOT_STACK_TRUNCATED)
        entry->group.truncated = true;
    if (from->flags & SNAPSHOT_STACK_LIMITED)
        entry->group.limited = true;
}

static const struct symbol *newest_symbol(const struct grouping *grouping, uint32_t stack,
                                          bool skip_standard, uint32_t *out_frame)
{
    return site_newest(grouping->heap, grouping->symbols, grouping->filter, stack,
                       skip_standard && !grouping->options->follows_tracemalloc, out_frame);
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

/* Functions that threads begin in before the one that they are for. */
static bool begins_thread(const struct symbol *symbol)
{
    static const char *const functions[] = {
        "_start", "__libc_start_main*", "__libc_start_call_main", "clone", "clone3", "__clone",
        "__clone3", "start_thread", "thread_start", "execute_native_thread_routine",
    };

    if (!symbol->function)
        return symbol->module && strncmp(symbol->module, "libc.so", strlen("libc.so")) == 0;
    for (size_t i = 0; i < sizeof(functions) / sizeof(*functions); i++) {
        if (text_matches(functions[i], strlen(functions[i]), symbol->function,
                         strlen(symbol->function)))
            return true;
    }
    return filter_is_standard(symbol);
}

/* What the thread of STACK, whose COUNT frames were just collected, began with; NULL: not known. */
static const struct symbol *thread_start(const struct grouping *grouping, uint32_t stack,
                                         size_t count)
{
    const struct heap_stack *from = &grouping->heap->stacks[stack];
    const struct symbol *first = grouping->traceback[count - 1];

    if (from->flags & (SNAPSHOT_STACK_TRUNCATED | SNAPSHOT_STACK_LIMITED) || !from->frame)
        return NULL;
    for (size_t i = count; i > 0 && begins_thread(first); i--)
        first = grouping->traceback[i - 1];
    return begins_thread(first) ? grouping->traceback[count - 1] : first;
}

/* Does the filter keep the blocks of STACK that are of TYPE? Returns 1 or 0, or -ENOMEM. */
static int keeps(struct grouping *grouping, uint32_t stack, const char *type)
{
    const struct heap_stack *from = &grouping->heap->stacks[stack];
    struct filter_owner owner = {.domain = from->domain, .type = type};
    bool wants_threads = filter_wants_threads(grouping->filter);
    const struct symbol *newest;
    uint32_t frame;
    size_t count;

    if (!filter_has_patterns(grouping->filter))
        return 1;
    newest = newest_symbol(grouping, stack, true, &frame);
    if (!wants_threads && !filter_wants_all_frames(grouping->filter))
        return filter_keeps(grouping->filter, &owner, newest, &newest, 1);
    count = collect_traceback(grouping, stack);
    if (count == 0)
        return -ENOMEM;
    if (wants_threads)
        owner.thread_start = thread_start(grouping, stack, count);
    if (from->thread) {
        owner.tid = grouping->heap->threads[from->thread - 1].tid;
        owner.thread_name = grouping->heap->threads[from->thread - 1].name;
    }
    return filter_keeps(grouping->filter, &owner, newest, grouping->traceback, count);
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
            count_stack(grouping, grouping->frame_entries[entries->first + i], stack);
    }
    return 0;
}

/* The group of the thread of STACK. NULL for lack of memory. */
static struct entry *intern_thread(struct grouping *grouping, uint32_t stack)
{
    const struct heap *heap = grouping->heap;
    const struct heap_stack *from = &heap->stacks[stack];
    struct group group = {.heap = heap, .stack = stack, .function = site_unknown.place};
    size_t count = collect_traceback(grouping, stack);
    const struct symbol *start;

    if (count == 0)
        return NULL;
    if (from->thread) {
        group.tid = heap->threads[from->thread - 1].tid;
        group.thread_name = heap->threads[from->thread - 1].name;
    }
    start = thread_start(grouping, stack, count);
    group.is_place = !start || !start->function;
    if (start) {
        group.function = start->function ? start->function : start->place;
        group.module = start->module;
    }
    return intern(grouping, &group);
}

/* Keep in LIST the frames of the groups in it, if these are their keys. */
static int add_frames(struct grouping *grouping, struct group_list *list)
{
    size_t count = 0, room = 0;

    for (size_t i = 0; i < list->count; i++)
        room += list->groups[i].frame_count;
    list->frames = calloc(room + 1, sizeof(*list->frames));
    if (!list->frames)
        return -ENOMEM;
    for (size_t i = 0; i < list->count; i++) {
        struct group *group = &list->groups[i];
        size_t length = collect_traceback(grouping, group->stack);

        if (length == 0)
            return -ENOMEM;
        group->frames = list->frames + count;
        for (size_t j = length; j > 0; j--) {
            const struct symbol *symbol = grouping->traceback[j - 1];

            list->frames[count++] = (struct group_frame){
                .file = symbol->file ? symbol->file : symbol->place,
                .line = symbol->file ? symbol->line : 0,
            };
        }
    }
    return 0;
}

/* The group that all blocks of STACK belong to. NULL for lack of memory. */
static struct entry *intern_stack(struct grouping *grouping, uint32_t stack)
{
    const struct heap *heap = grouping->heap;
    const struct heap_part *part = &heap->parts[heap->stacks[stack].part];
    struct group group = {.heap = heap, .stack = stack};
    enum group_key key = grouping->options->key;
    const struct symbol *newest;
    uint32_t frame;

    switch (key) {
    case GROUP_TRACEBACK:
        group.id = grouping->ids[heap->stacks[stack].frame];
        if (grouping->options->follows_tracemalloc)
            group.frame_count = (uint32_t)collect_traceback(grouping, stack);
        break;
    case GROUP_PROCESS:
        group.pid = part->process->pid;
        /* fall through */
    case GROUP_PROGRAM:
        group.program = part->program;
        break;
    case GROUP_DOMAIN:
        group.domain = heap->stacks[stack].domain;
        break;
    case GROUP_THREAD:
        return intern_thread(grouping, stack);
    default:
        newest = newest_symbol(grouping, stack, key != GROUP_MODULE, &frame);
        return intern_symbol(grouping, newest, frame, stack);
    }
    return intern(grouping, &group);
}

/* Count the blocks of STACK to its group or groups. */
static int add_stack(struct grouping *grouping, uint32_t stack)
{
    struct entry *entry;

    if (grouping->options->cumulative && grouping->heap->stacks[stack].frame)
        return add_all_frames(grouping, stack);
    entry = intern_stack(grouping, stack);
    if (!entry)
        return -ENOMEM;
    count_stack(grouping, entry, stack);
    if (grouping->of_stack)
        grouping->of_stack[stack] = entry->group.number;
    if (grouping->options->first_stacks)
        grouping->options->first_stacks[stack] = entry->group.stack + 1;
    return 0;
}

/* What the filter does with blocks of a stack and a type. */
struct verdict {
    uint64_t key; /* the type's number above the stack's */
    bool kept;
    UT_hash_handle hh;
};

/* The number of the type of BLOCK; those of other domains have none. */
static uint32_t type_of(const struct grouping *grouping, const struct heap_block *block)
{
    const struct heap *heap = grouping->heap;

    if (!grouping->options->types || block < heap->blocks ||
        block >= heap->blocks + heap->block_count)
        return 0;
    return grouping->options->types->of_block[block - heap->blocks];
}

/* Does BLOCK count? Returns 1 or 0, or -ENOMEM. */
static int counts(struct grouping *grouping, const struct heap_block *block)
{
    uint32_t type = type_of(grouping, block);
    uint64_t key = (uint64_t)type << 32 | block->stack;
    struct verdict *verdict;
    int kept;

    if (block->epoch < grouping->options->since)
        return 0;
    if (!filter_wants_types(grouping->filter))
        return 1;
    HASH_FIND(hh, grouping->verdicts, &key, sizeof(key), verdict);
    if (verdict)
        return verdict->kept;
    kept = keeps(grouping, block->stack,
                 grouping->options->types ? grouping->options->types->names[type] : NULL);
    verdict = kept < 0 ? NULL : calloc(1, sizeof(*verdict));
    if (!verdict)
        return -ENOMEM;
    verdict->key = key;
    verdict->kept = kept;
    HASH_ADD(hh, grouping->verdicts, key, sizeof(key), verdict);
    if (verdict->hh.tbl)
        return kept;
    free(verdict);
    return -ENOMEM;
}

static void free_verdicts(struct grouping *grouping)
{
    struct verdict *verdict, *next;

    HASH_ITER(hh, grouping->verdicts, verdict, next)
    {
        HASH_DEL(grouping->verdicts, verdict);
        free(verdict);
    }
}

/* The group of BLOCK, by its size or type; BEFORE, if not NULL, is that of another. NULL for lack of
 * memory. */
static struct entry *intern_block(struct grouping *grouping, const struct heap_block *block,
                                  struct entry *before)
{
    struct group group = {.heap = grouping->heap, .stack = block->stack};

    if (grouping->options->key == GROUP_SIZE) {
        if (before && block->size >= before->group.size_min && block->size <= before->group.size_max)
            return before;
        group_size_class(block->size, &group.size_min, &group.size_max);
    } else {
        group.type = grouping->options->types
                         ? grouping->options->types->names[type_of(grouping, block)]
                         : NULL;
        if (before && before->group.type == group.type)
            return before;
    }
    return intern(grouping, &group);
}

/* Count each of the COUNT blocks at BLOCKS that is kept to its size class or type. */
static int add_blocks(struct grouping *grouping, const struct heap_block *blocks, size_t count)
{
    const struct types *types = grouping->options->types;
    struct entry *entry = NULL; /* of the block before */
    uint64_t weight;

    for (size_t i = 0; i < count; i++) {
        const struct heap_block *block = &blocks[i];
        int counted = grouping->held[block->stack].kept ? counts(grouping, block) : 0;

        if (counted == 0)
            continue;
        entry = counted < 0 ? NULL : intern_block(grouping, block, entry);
        if (!entry)
            return -ENOMEM;
        weight = estimate_weight(grouping->heap, block);
        entry->group.size += weight * block->size;
        entry->group.count += weight;
        entry->group.variance += estimate_variance(block->size, weight);
        if (grouping->of_block && blocks == grouping->heap->blocks)
            grouping->of_block[i] = entry->group.number;
        if (types)
            entry->group.found[blocks == grouping->heap->blocks ? types->how[i] : TYPES_UNKNOWN] +=
                weight;
    }
    return 0;
}

static int add_held(struct grouping *grouping, const struct heap_block *blocks, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct group_held *held = &grouping->held[blocks[i].stack];
        int counted = counts(grouping, &blocks[i]);
        uint64_t weight;

        if (counted < 0)
            return counted;
        if (counted == 0)
            continue;
        weight = estimate_weight(grouping->heap, &blocks[i]);
        held->bytes += weight * blocks[i].size;
        held->blocks += weight;
        held->variance += estimate_variance(blocks[i].size, weight);
    }
    return 0;
}

/* Sum up for each stack what counts. */
static int find_held(struct grouping *grouping)
{
    const struct heap *heap = grouping->heap;

    if (grouping->options->since || filter_wants_types(grouping->filter)) {
        int result = add_held(grouping, heap->blocks, heap->block_count);

        return result < 0 ? result : add_held(grouping, heap->tracked, heap->tracked_count);
    }
    for (size_t i = 0; i < heap->stack_count; i++)
        grouping->held[i] =
            (struct group_held){heap->stacks[i].live_bytes, heap->stacks[i].live_blocks,
                                heap->stacks[i].live_variance, false};
    return 0;
}

/* Put the blocks that count into the groups of their stacks. */
static int map_blocks(struct grouping *grouping)
{
    const struct heap *heap = grouping->heap;

    for (size_t i = 0; i < heap->block_count; i++) {
        uint32_t stack = heap->blocks[i].stack;
        int counted = grouping->held[stack].kept ? counts(grouping, &heap->blocks[i]) : 0;

        if (counted < 0)
            return counted;
        if (counted > 0)
            grouping->of_block[i] = grouping->of_stack[stack];
    }
    return 0;
}

/* Let LIST, which is sorted, have the map of the blocks, which has numbers so far. */
static int finish_map(struct grouping *grouping, struct group_list *list)
{
    uint32_t *place = calloc(list->count + 1, sizeof(*place)); /* per number */

    if (!place)
        return -ENOMEM;
    for (size_t i = 0; i < list->count; i++)
        place[list->groups[i].number] = (uint32_t)i;
    for (size_t i = 0; i < grouping->heap->block_count; i++) {
        if (grouping->of_block[i] != GROUP_NONE)
            grouping->of_block[i] = place[grouping->of_block[i]];
    }
    free(place);
    list->of_block = grouping->of_block;
    grouping->of_block = NULL;
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

/* The entries as a sorted list. NULL for lack of memory. */
static struct group_list *finish_list(struct grouping *grouping)
{
    struct group_list *list = calloc(1, sizeof(*list));
    size_t count = HASH_COUNT(grouping->table);

    if (!list)
        return NULL;
    list->groups = calloc(count + 1, sizeof(*list->groups));
    if (!list->groups)
        goto fail;
    list->key = grouping->options->key;
    for (size_t i = 0; i < grouping->heap->stack_count; i++) {
        if (!grouping->held[i].kept)
            continue;
        list->size += grouping->held[i].bytes;
        list->blocks += grouping->held[i].blocks;
        list->variance += grouping->held[i].variance;
        add_counters(list->counters, &grouping->heap->stacks[i]);
    }
    for (struct entry *entry = grouping->table; entry; entry = entry->hh.next)
        list->groups[list->count++] = entry->group;
    if (list->key == GROUP_TRACEBACK && grouping->options->follows_tracemalloc &&
        add_frames(grouping, list) < 0)
        goto fail;
    qsort_r(list->groups, list->count, sizeof(*list->groups), compare_groups, &list->key);
    if (grouping->of_block && finish_map(grouping, list) < 0)
        goto fail;
    return list;

fail:
    group_destroy(list);
    return NULL;
}

/* Make room for which group each stack and each block is in. */
static int init_maps(struct grouping *grouping)
{
    const struct heap *heap = grouping->heap;

    grouping->of_stack = calloc(heap->stack_count + 1, sizeof(*grouping->of_stack));
    grouping->of_block = malloc((heap->block_count + 1) * sizeof(*grouping->of_block));
    if (!grouping->of_stack || !grouping->of_block)
        return -ENOMEM;
    memset(grouping->of_block, 0xff, (heap->block_count + 1) * sizeof(*grouping->of_block));
    return 0;
}

/* Group what counts. NULL for lack of memory. */
static struct group_list *group_all(struct grouping *grouping, struct progress *progress)
{
    const struct heap *heap = grouping->heap;
    bool by_block = group_key_of_blocks(grouping->options->key);

    if (!grouping->options->held && find_held(grouping) < 0)
        return NULL;
    for (uint32_t i = 0; i < heap->stack_count; i++) {
        struct group_held *held = &grouping->held[i];
        int kept;

        progress_to(progress, i);
        if (held->blocks == 0 && !(grouping->options->past && heap->stacks[i].allocations > 0))
            continue;
        /* Where types count, only what is kept is held. */
        kept = filter_wants_types(grouping->filter) ? 1 : keeps(grouping, i, NULL);
        if (kept < 0 || (kept && !by_block && add_stack(grouping, i) < 0))
            return NULL;
        held->kept = kept;
    }
    if (by_block && (add_blocks(grouping, heap->blocks, heap->block_count) < 0 ||
                     add_blocks(grouping, heap->tracked, heap->tracked_count) < 0))
        return NULL;
    if (!by_block && grouping->of_block && map_blocks(grouping) < 0)
        return NULL;
    return finish_list(grouping);
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
        .held = options->held ? options->held
                              : calloc(heap->stack_count + 1, sizeof(struct group_held)),
    };
    struct group_list *list = NULL;
    struct progress *progress =
        progress_begin(heap->stack_count, "naming %zu stacks", heap->stack_count);
    struct entry *entry, *next;
    bool ready = grouping.filter && grouping.held;

    if (ready && options->key == GROUP_TRACEBACK) {
        grouping.ids = options->follows_tracemalloc ? stack_id_create_by_names(heap, symbols)
                                                    : stack_id_create(heap);
        ready = grouping.ids;
    }
    if (ready && options->cumulative) {
        grouping.frames = calloc(heap->frame_count + 1, sizeof(*grouping.frames));
        ready = grouping.frames;
    }
    if (ready && options->maps_blocks)
        ready = init_maps(&grouping) == 0;
    if (ready)
        list = group_all(&grouping, progress);
    progress_end(progress);
    HASH_ITER(hh, grouping.table, entry, next)
    {
        HASH_DEL(grouping.table, entry);
        free(entry);
    }
    free_verdicts(&grouping);
    free(grouping.name);
    if (!options->held)
        free(grouping.held);
    free(grouping.traceback);
    free(grouping.ids);
    free(grouping.frames);
    free(grouping.frame_entries);
    free(grouping.of_stack);
    free(grouping.of_block);
    filter_destroy(plain);
    return list;
}

int group_find_held(const struct heap *heap, struct symbols *symbols,
                    const struct group_options *options, struct group_held *out_held)
{
    struct filter *plain = options->filter ? NULL : filter_create();
    struct grouping grouping = {
        .heap = heap,
        .symbols = symbols,
        .options = options,
        .filter = options->filter ? options->filter : plain,
        .held = out_held,
    };
    int kept = grouping.filter ? find_held(&grouping) : -ENOMEM;

    for (uint32_t i = 0; i < heap->stack_count && kept >= 0; i++) {
        kept = filter_wants_types(grouping.filter) ? 1 : keeps(&grouping, i, NULL);
        out_held[i].kept = kept > 0;
    }
    free_verdicts(&grouping);
    free(grouping.traceback);
    filter_destroy(plain);
    return kept < 0 ? kept : 0;
}

bool group_needs_blocks(const struct group_options *options)
{
    return options->since > 0 || group_key_of_blocks(options->key) || group_needs_types(options);
}

bool group_needs_types(const struct group_options *options)
{
    return options->key == GROUP_TYPE || (options->filter && filter_wants_types(options->filter));
}

void group_destroy(struct group_list *list)
{
    if (!list)
        return;
    free(list->frames);
    free(list->of_block);
    free(list->groups);
    free(list);
}
