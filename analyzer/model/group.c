#include "model/group.h"

#include "format/snapshot.h"
#include "model/estimate.h"
#include "model/group_table.h"
#include "model/progress.h"
#include "model/selection.h"
#include "model/site.h"
#include "model/traceback.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What the frames of one node of the call trie stand for: entries[first] and on. */
struct frame_entries {
    uint32_t first, count;
};

struct grouping {
    const struct heap *heap;
    struct symbols *symbols;
    const struct group_options *options;
    struct selection selection;
    struct group_table table;
    struct group_held *held;    /* per stack */
    uint32_t *of_stack;         /* per stack, maps_blocks: the number of its group, if it has one */
    uint32_t *of_block;         /* per block, maps_blocks: the number of its group */
    struct traceback traceback; /* all frames of a stack */
    struct stack_id *ids;       /* per frame, GROUP_TRACEBACK */
    struct frame_entries *frames; /* per frame, cumulative */
    struct group_entry **frame_entries;
    size_t frame_entry_count, frame_entry_room;
};

/* The entry of the group that SYMBOL, which is FRAME of STACK or part of it, belongs to. */
static struct group_entry *intern_symbol(struct grouping *grouping, const struct symbol *symbol,
                                         uint32_t frame, uint32_t stack)
{
    struct group group = {.heap = grouping->heap, .stack = stack, .frame = frame};
    struct group_entry *entry;

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
    entry = group_table_add(&grouping->table, &group);
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
static void count_stack(const struct grouping *grouping, struct group_entry *entry, uint32_t stack)
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

/* Find out once which groups FRAME, met in STACK, belongs to. */
static int resolve_frame(struct grouping *grouping, uint32_t frame, uint32_t stack)
{
    struct symbol_list list = symbols_frame(grouping->symbols, frame);
    size_t count = grouping->frame_entry_count;

    if (count + list.count > grouping->frame_entry_room) {
        size_t room = (count + list.count) * 2;
        struct group_entry **entries =
            reallocarray(grouping->frame_entries, room, sizeof(*entries));

        if (!entries)
            return -ENOMEM;
        grouping->frame_entries = entries;
        grouping->frame_entry_room = room;
    }
    grouping->frames[frame] = (struct frame_entries){(uint32_t)count, (uint32_t)list.count};
    for (size_t i = 0; i < list.count; i++) {
        struct group_entry *entry = intern_symbol(grouping, &list.symbols[i], frame, stack);

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
static struct group_entry *intern_thread(struct grouping *grouping, uint32_t stack)
{
    const struct heap *heap = grouping->heap;
    const struct heap_stack *from = &heap->stacks[stack];
    struct group group = {.heap = heap, .stack = stack, .function = site_unknown.place};
    const struct symbol *start;

    if (traceback_collect(&grouping->traceback, heap, grouping->symbols, stack) < 0)
        return NULL;
    if (from->thread) {
        group.tid = heap->threads[from->thread - 1].tid;
        group.thread_name = heap->threads[from->thread - 1].name;
    }
    start = traceback_thread_start(&grouping->traceback, heap, stack);
    group.is_place = !start || !start->function;
    if (start) {
        group.function = start->function ? start->function : start->place;
        group.module = start->module;
    }
    return group_table_add(&grouping->table, &group);
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

        if (traceback_collect(&grouping->traceback, grouping->heap, grouping->symbols,
                              group->stack) < 0)
            return -ENOMEM;
        group->frames = list->frames + count;
        for (size_t j = grouping->traceback.count; j > 0; j--) {
            const struct symbol *symbol = grouping->traceback.symbols[j - 1];

            list->frames[count++] = (struct group_frame){
                .file = symbol->file ? symbol->file : symbol->place,
                .line = symbol->file ? symbol->line : 0,
            };
        }
    }
    return 0;
}

/* The group that all blocks of STACK belong to. NULL for lack of memory. */
static struct group_entry *intern_stack(struct grouping *grouping, uint32_t stack)
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
        if (!grouping->options->follows_tracemalloc)
            break;
        if (traceback_collect(&grouping->traceback, heap, grouping->symbols, stack) < 0)
            return NULL;
        group.frame_count = (uint32_t)grouping->traceback.count;
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
        newest = selection_newest(&grouping->selection, stack, key != GROUP_MODULE, &frame);
        return intern_symbol(grouping, newest, frame, stack);
    }
    return group_table_add(&grouping->table, &group);
}

/* Count the blocks of STACK to its group or groups. */
static int add_stack(struct grouping *grouping, uint32_t stack)
{
    struct group_entry *entry;

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

/* The group of BLOCK, by its size or type; BEFORE, if not NULL, is that of another. NULL for lack
 * of memory. */
static struct group_entry *intern_block(struct grouping *grouping, const struct heap_block *block,
                                        struct group_entry *before)
{
    struct group group = {.heap = grouping->heap, .stack = block->stack};

    if (grouping->options->key == GROUP_SIZE) {
        if (before && block->size >= before->group.size_min &&
            block->size <= before->group.size_max)
            return before;
        group_size_class(block->size, &group.size_min, &group.size_max);
    } else {
        group.type =
            grouping->options->types
                ? grouping->options->types->names[selection_type(&grouping->selection, block)]
                : NULL;
        if (before && before->group.type == group.type)
            return before;
    }
    return group_table_add(&grouping->table, &group);
}

/* Count each of the COUNT blocks at BLOCKS that is kept to its size class or type. */
static int add_blocks(struct grouping *grouping, const struct heap_block *blocks, size_t count)
{
    const struct types *types = grouping->options->types;
    struct group_entry *entry = NULL; /* of the block before */
    uint64_t weight;

    for (size_t i = 0; i < count; i++) {
        const struct heap_block *block = &blocks[i];
        int counted =
            grouping->held[block->stack].kept ? selection_counts(&grouping->selection, block) : 0;

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

/* Put the blocks that count into the groups of their stacks. */
static int map_blocks(struct grouping *grouping)
{
    const struct heap *heap = grouping->heap;

    for (size_t i = 0; i < heap->block_count; i++) {
        uint32_t stack = heap->blocks[i].stack;
        int counted = grouping->held[stack].kept
                          ? selection_counts(&grouping->selection, &heap->blocks[i])
                          : 0;

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
    size_t count = group_table_count(&grouping->table);

    if (!list)
        return NULL;
    list->groups = calloc(count + 1, sizeof(*list->groups));
    if (!list->groups)
        goto fail;
    list->key = grouping->options->key;
    list->sample_mean = estimate_is(grouping->heap) ? grouping->heap->sampling->mean : 0;
    for (size_t i = 0; i < grouping->heap->stack_count; i++) {
        if (!grouping->held[i].kept)
            continue;
        list->size += grouping->held[i].bytes;
        list->blocks += grouping->held[i].blocks;
        list->variance += grouping->held[i].variance;
        add_counters(list->counters, &grouping->heap->stacks[i]);
    }
    for (struct group_entry *entry = grouping->table.entries; entry; entry = entry->hh.next)
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

    if (!grouping->options->held && selection_find_held(&grouping->selection, grouping->held) < 0)
        return NULL;
    for (uint32_t i = 0; i < heap->stack_count; i++) {
        struct group_held *held = &grouping->held[i];
        int kept;

        progress_to(progress, i);
        if (held->blocks == 0 && !(grouping->options->past && heap->stacks[i].allocations > 0))
            continue;
        /* Where types count, only what is kept is held. */
        kept = filter_wants_types(grouping->selection.filter)
                   ? 1
                   : selection_keeps(&grouping->selection, i, NULL);
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
    struct grouping grouping = {
        .heap = heap,
        .symbols = symbols,
        .options = options,
        .table = {.key = options->key},
        .held = options->held ? options->held
                              : calloc(heap->stack_count + 1, sizeof(struct group_held)),
    };
    struct group_list *list = NULL;
    struct progress *progress =
        progress_begin(heap->stack_count, "naming %zu stacks", heap->stack_count);
    bool ready = selection_init(&grouping.selection, heap, symbols, options) == 0 && grouping.held;

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
    group_table_finish(&grouping.table);
    selection_finish(&grouping.selection);
    traceback_finish(&grouping.traceback);
    if (!options->held)
        free(grouping.held);
    free(grouping.ids);
    free(grouping.frames);
    free(grouping.frame_entries);
    free(grouping.of_stack);
    free(grouping.of_block);
    return list;
}

int group_find_held(const struct heap *heap, struct symbols *symbols,
                    const struct group_options *options, struct group_held *out_held)
{
    struct selection selection;
    int kept = selection_init(&selection, heap, symbols, options);

    if (kept == 0)
        kept = selection_find_held(&selection, out_held);
    for (uint32_t i = 0; i < heap->stack_count && kept >= 0; i++) {
        kept = filter_wants_types(selection.filter) ? 1 : selection_keeps(&selection, i, NULL);
        out_held[i].kept = kept > 0;
    }
    selection_finish(&selection);
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
