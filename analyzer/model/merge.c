#include "model/merge.h"

#include "format/snapshot.h"
#include "model/estimate.h"
#include "model/snapshot_build.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#define ADDRESS_BITS  48                            /* what a process has for its blocks */
#define MODULES_MOVED ((uint64_t)1 << ADDRESS_BITS) /* where modules are moved to, and up */
#define MODULE_ALIGN  ((uint64_t)1 << 20)

/* A text or a module that is there already, by the bytes that tell it apart. */
struct known {
    uint32_t number;
    UT_hash_handle hh;
    uint8_t key[];
};

struct frame {
    uint64_t address;
    uint32_t parent, module;
};

struct stack {
    uint32_t frame, flags, part, domain, thread;
    uint64_t live_blocks, live_bytes;
    uint64_t counters[SNAPSHOT_ALL_COUNTERS];
};

struct block {
    uint64_t address, size, stack, weight;
};

/* An array that grows. */
struct array {
    void *data;
    size_t count, room;
};

struct merge {
    enum merge_detail detail;
    struct snapshot_account account;
    struct snapshot_sampling sampling; /* if is_sampled */
    bool is_sampled, has_blocks, has_usable, has_owners, has_more_counters;
    struct known *texts, *modules_known;
    struct snapshot_bytes strings;
    struct array parts;    /* struct snapshot_process */
    struct array names;    /* struct snapshot_name: the first part's, then of all */
    struct array modules;  /* struct snapshot_module */
    struct array segments; /* struct snapshot_segment, grouped by module */
    struct array frames;   /* struct frame, from number 1 on */
    struct array stacks;   /* struct stack */
    struct array blocks;   /* struct block */
    struct array tracked;  /* … of other domains */
    struct array threads;  /* struct snapshot_thread */
    uint32_t *slots;       /* frame numbers by hash, 0: empty */
    size_t slot_count;     /* a power of two, more than twice the frames */
    uint64_t next_module;  /* where one that is moved may lie */
    uint64_t blocks_base;  /* added to the addresses of the next part */
};

/* A heap on its way into a merge. */
struct addition {
    struct merge *merge;
    const struct heap *heap;
    struct error *error;
    uint32_t first_part;
    uint32_t *modules; /* number in the merge of each module, from 1, as frames name it */
    uint32_t *frames;  /* … of each frame; 0: not needed, or the root */
    uint32_t *stacks;  /* … of each stack; not set where it was left out */
};

static int no_memory(struct error *error)
{
    return error_set(error, -ENOMEM, "not enough memory to merge the snapshots");
}

/* Room for one more element of SIZE bytes, zeroed, at the end of ARRAY; NULL: no memory. */
static void *array_add(struct array *array, size_t size)
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

struct merge *merge_create(enum merge_detail detail)
{
    struct merge *merge = calloc(1, sizeof(*merge));

    if (!merge)
        return NULL;
    merge->detail = detail;
    merge->has_blocks = detail == MERGE_ALL;
    merge->has_more_counters = detail != MERGE_LIVE;
    merge->has_usable = true;
    merge->next_module = MODULES_MOVED;
    if (!snapshot_bytes_add(&merge->strings, "", 1)) {
        free(merge);
        return NULL;
    }
    return merge;
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

void merge_destroy(struct merge *merge)
{
    if (!merge)
        return;
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
    free(merge);
}

/* Remember NUMBER for the SIZE bytes at KEY. False: no memory. */
static bool known_add(struct known **table, const void *key, size_t size, uint32_t number)
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

/* Where TEXT lies among the strings, into OUT_OFFSET. */
static int merge_text(struct merge *merge, const char *text, uint32_t *out_offset,
                      struct error *error)
{
    size_t size = strlen(text) + 1, offset = merge->strings.size;
    struct known *known = NULL;

    *out_offset = 0;
    if (!*text)
        return 0;
    HASH_FIND(hh, merge->texts, text, size, known);
    if (known) {
        *out_offset = known->number;
        return 0;
    }
    if (offset > UINT32_MAX - size)
        return error_set(error, -ERANGE, "the names in the snapshots are too long to be merged");
    if (!known_add(&merge->texts, text, size, (uint32_t)offset) ||
        !snapshot_bytes_add(&merge->strings, text, size))
        return no_memory(error);
    *out_offset = (uint32_t)offset;
    return 0;
}

/* Note that the part added last was CALLED so; the first one's name is that of all. */
static int add_name(struct addition *addition, const char *called)
{
    struct array *names = &addition->merge->names;
    struct snapshot_name name, *to;
    int result = merge_text(addition->merge, called, &name.called, addition->error);

    if (result != 0)
        return result;
    do {
        to = array_add(names, sizeof(*to));
        if (!to)
            return no_memory(addition->error);
        *to = name;
    } while (names->count == 1);
    return 0;
}

static int add_parts(struct addition *addition)
{
    struct merge *merge = addition->merge;

    addition->first_part = (uint32_t)merge->parts.count;
    for (size_t i = 0; i < addition->heap->part_count; i++) {
        const struct heap_part *from = &addition->heap->parts[i];
        const struct snapshot_process *others = merge->parts.data;
        struct snapshot_process record = *from->process, *to;
        int result = merge_text(merge, from->program, &record.program, addition->error);

        if (result == 0)
            result = merge_text(merge, from->command, &record.command, addition->error);
        if (result == 0)
            result = merge_text(merge, from->label, &record.label, addition->error);
        if (result != 0)
            return result;
        for (size_t j = 0; j < merge->parts.count; j++) {
            if (memcmp(others[j].run, record.run, sizeof(record.run)) == 0)
                return error_set(addition->error, -EEXIST,
                                 "%s: process %u is in the merge already: what it held both "
                                 "times would count twice",
                                 addition->heap->path, record.pid);
        }
        to = array_add(&merge->parts, sizeof(*to));
        if (!to)
            return no_memory(addition->error);
        *to = record;
        result = add_name(addition, from->called);
        if (result != 0)
            return result;
    }
    return 0;
}

/* A module that lies in the SIZE bytes at START; NULL: none. */
static const struct snapshot_module *module_at(const struct merge *merge, uint64_t start,
                                               uint64_t size)
{
    const struct snapshot_module *modules = merge->modules.data;

    for (size_t i = 0; i < merge->modules.count; i++) {
        if (start < modules[i].end && modules[i].start < start + size)
            return &modules[i];
    }
    return NULL;
}

/* Where SIZE bytes have room: at *START, if nothing lies there, or elsewhere. False:
 * nowhere. */
static bool find_room(struct merge *merge, uint64_t *start, uint64_t size)
{
    const struct snapshot_module *other = module_at(merge, *start, size);

    if (!other)
        return true;
    do {
        *start = merge->next_module > other->end ? merge->next_module : other->end;
        if (*start > UINT64_MAX - MODULE_ALIGN)
            return false;
        *start = (*start + MODULE_ALIGN - 1) / MODULE_ALIGN * MODULE_ALIGN;
        if (size > UINT64_MAX - *start)
            return false;
        other = module_at(merge, *start, size);
    } while (other);
    merge->next_module = *start + size;
    return true;
}

/* Add the module FROM, which is new. */
static int add_module(struct addition *addition, const struct heap_module *from)
{
    struct merge *merge = addition->merge;
    uint64_t size = from->end - from->start, start = from->start;
    struct snapshot_module *to;
    uint32_t path;
    int result = merge_text(merge, from->path, &path, addition->error);

    if (result != 0)
        return result;
    if (!find_room(merge, &start, size))
        return error_set(addition->error, -ERANGE, "%s: no addresses are left for module %s",
                         addition->heap->path, from->path);
    to = array_add(&merge->modules, sizeof(*to));
    if (!to)
        return no_memory(addition->error);
    *to = (struct snapshot_module){
        .start = start,
        .end = start + size,
        .bias = from->bias + (start - from->start),
        .path = path,
        .generation = from->generation,
        .flags = from->flags,
        .build_id_size = from->build_id_size,
    };
    memcpy(to->build_id, from->build_id, from->build_id_size);
    for (size_t i = 0; i < from->segment_count; i++) {
        struct snapshot_segment *segment = array_add(&merge->segments, sizeof(*segment));

        if (!segment)
            return no_memory(addition->error);
        *segment = from->segments[i];
        segment->address += start - from->start;
        to->segment_count++;
    }
    return 0;
}

/* Find FROM in the merge, or add it. OUT_NUMBER: as frames name it. */
static int merge_module(struct addition *addition, const struct heap_module *from,
                        uint32_t *out_number)
{
    const uint32_t fate = SNAPSHOT_MODULE_UNLOADED | SNAPSHOT_MODULE_DELETED;
    struct merge *merge = addition->merge;
    struct snapshot_bytes key = {0};
    struct known *known = NULL;
    struct snapshot_module *to;
    int result = 0;

    /* A deleted file without a build-id is not known to be the one of that name. */
    uint8_t deleted = !from->build_id_size && from->flags & SNAPSHOT_MODULE_DELETED;

    if (!snapshot_bytes_add(&key, &deleted, sizeof(deleted)) ||
        !snapshot_bytes_add(&key, from->path, strlen(from->path) + 1) ||
        !snapshot_bytes_add(&key, from->build_id, from->build_id_size)) {
        free(key.data);
        return no_memory(addition->error);
    }
    HASH_FIND(hh, merge->modules_known, key.data, key.size, known);
    if (known) {
        *out_number = known->number;
        to = (struct snapshot_module *)merge->modules.data + known->number - 1;
        /* Gone is what is gone in all. */
        to->flags = (to->flags | (from->flags & ~fate)) & (from->flags | ~fate);
    } else {
        result = add_module(addition, from);
        *out_number = (uint32_t)merge->modules.count;
        if (result == 0 && !known_add(&merge->modules_known, key.data, key.size, *out_number))
            result = no_memory(addition->error);
    }
    free(key.data);
    return result;
}

static uint64_t hash_frame(const struct frame *frame)
{
    uint64_t hash =
        (frame->address ^ (uint64_t)frame->parent << 32 ^ frame->module) * 0x9e3779b97f4a7c15u;

    return hash ^ hash >> 29;
}

/* The slot of FRAME, or the empty one where it belongs. */
static uint32_t *find_slot(struct merge *merge, const struct frame *frame)
{
    const struct frame *frames = merge->frames.data;
    size_t at = hash_frame(frame) & (merge->slot_count - 1);

    for (;; at = (at + 1) & (merge->slot_count - 1)) {
        const struct frame *other = &frames[merge->slots[at] - 1];

        if (merge->slots[at] == 0 ||
            (other->address == frame->address && other->parent == frame->parent &&
             other->module == frame->module))
            return &merge->slots[at];
    }
}

/* Make room for one more frame in the slots. False: no memory. */
static bool grow_slots(struct merge *merge)
{
    const struct frame *frames = merge->frames.data;

    if (merge->frames.count * 2 + 2 < merge->slot_count)
        return true;
    free(merge->slots);
    merge->slot_count = merge->slot_count ? merge->slot_count * 2 : 1024;
    merge->slots = calloc(merge->slot_count, sizeof(*merge->slots));
    if (!merge->slots)
        return false;
    for (size_t i = 0; i < merge->frames.count; i++)
        *find_slot(merge, &frames[i]) = (uint32_t)i + 1;
    return true;
}

/* The number of FRAME in the merge, where it is added if it is new; 0: no memory. */
static uint32_t merge_frame(struct merge *merge, const struct frame *frame)
{
    struct frame *added;
    uint32_t *slot;

    if (merge->frames.count >= UINT32_MAX - 2 || !grow_slots(merge))
        return 0;
    slot = find_slot(merge, frame);
    if (*slot)
        return *slot;
    added = array_add(&merge->frames, sizeof(*added));
    if (!added)
        return 0;
    *added = *frame;
    return *slot = (uint32_t)merge->frames.count;
}

/* Is STACK left out for the sake of brevity? Where counters alone say what is alive, a
 * file may claim bytes without a block; the account has them, so they stay. */
static bool is_spared(const struct merge *merge, const struct heap_stack *stack)
{
    return merge->detail == MERGE_LIVE && stack->live_blocks == 0 && stack->live_bytes == 0;
}

/* Add all frames of the stacks that are not spared. */
static int add_frames(struct addition *addition)
{
    const struct heap *heap = addition->heap;
    struct merge *merge = addition->merge;

    for (size_t i = 0; i < heap->stack_count; i++) {
        uint32_t frame = heap->stacks[i].frame;

        if (is_spared(merge, &heap->stacks[i]))
            continue;
        for (; frame && !addition->frames[frame]; frame = heap->frames[frame].parent)
            addition->frames[frame] = 1; /* needed */
    }
    /* A caller has a lower number, so it is there before those it calls. */
    for (size_t i = 1; i < heap->frame_count; i++) {
        const struct heap_frame *from = &heap->frames[i];
        struct frame frame = {.address = from->address};

        if (!addition->frames[i])
            continue;
        frame.parent = addition->frames[from->parent];
        if (from->module) {
            const struct snapshot_module *modules = merge->modules.data;

            frame.module = addition->modules[from->module - 1];
            frame.address += modules[frame.module - 1].bias - heap->modules[from->module - 1].bias;
        }
        addition->frames[i] = merge_frame(merge, &frame);
        if (!addition->frames[i])
            return no_memory(addition->error);
    }
    return 0;
}

static int add_stacks(struct addition *addition)
{
    const struct heap *heap = addition->heap;
    struct merge *merge = addition->merge;

    if (merge->stacks.count + heap->stack_count >= UINT32_MAX)
        return error_set(addition->error, -ERANGE, "the snapshots have too many stacks");
    for (size_t i = 0; i < heap->stack_count; i++) {
        const struct heap_stack *from = &heap->stacks[i];
        struct stack *to;

        if (is_spared(merge, from))
            continue;
        to = array_add(&merge->stacks, sizeof(*to));
        if (!to)
            return no_memory(addition->error);
        *to = (struct stack){
            .frame = addition->frames[from->frame],
            .flags = from->flags,
            .part = addition->first_part + from->part,
            .domain = from->domain,
            .thread = from->thread ? (uint32_t)merge->threads.count + from->thread : 0,
            .live_blocks = from->live_blocks,
            .live_bytes = from->live_bytes,
            .counters =
                {
                    [SNAPSHOT_ALLOCATIONS] = from->allocations,
                    [SNAPSHOT_ALLOCATED_BYTES] = from->allocated_bytes,
                    [SNAPSHOT_FREES] = from->frees,
                    [SNAPSHOT_FREED_BYTES] = from->freed_bytes,
                    [SNAPSHOT_REALLOCATIONS] = from->reallocations,
                    [SNAPSHOT_TEMPORARY] = from->temporary,
                    [SNAPSHOT_PEAK_BYTES] = from->peak_bytes,
                    [SNAPSHOT_PEAK_BLOCKS] = from->peak_blocks,
                },
        };
        if (from->domain || from->thread)
            merge->has_owners = true;
        addition->stacks[i] = (uint32_t)merge->stacks.count - 1;
    }
    return 0;
}

/* Add the COUNT blocks at BLOCKS, moved by the base, to ARRAY. */
static int move_blocks(struct addition *addition, const struct heap_block *blocks, size_t count,
                       struct array *array)
{
    for (size_t i = 0; i < count; i++) {
        const struct heap_block *from = &blocks[i];
        struct block *to = array_add(array, sizeof(*to));

        if (!to)
            return no_memory(addition->error);
        *to = (struct block){addition->merge->blocks_base + from->address, from->size,
                             addition->stacks[from->stack], estimate_weight(addition->heap, from)};
    }
    return 0;
}

/* The highest address of a block in HEAP; 0 if it has none. */
static uint64_t highest_block(const struct heap *heap)
{
    uint64_t highest = heap->block_count ? heap->blocks[heap->block_count - 1].address : 0;

    for (size_t i = 0; i < heap->tracked_count; i++) {
        if (heap->tracked[i].address > highest)
            highest = heap->tracked[i].address;
    }
    return highest;
}

/* Add the blocks of the heap above those that are there. */
static int add_blocks(struct addition *addition)
{
    const struct heap *heap = addition->heap;
    struct merge *merge = addition->merge;
    uint64_t highest;
    int result;

    if (!heap->has_blocks)
        merge->has_blocks = false;
    if (!heap->has_more_counters)
        merge->has_more_counters = false;
    if (!merge->has_blocks || heap->block_count + heap->tracked_count == 0)
        return 0;
    highest = highest_block(heap);
    if (__builtin_add_overflow(highest, merge->blocks_base, &highest))
        return error_set(addition->error, -ERANGE,
                         "%s: no addresses are left for its blocks; merge fewer snapshots",
                         heap->path);
    result = move_blocks(addition, heap->blocks, heap->block_count, &merge->blocks);
    if (result == 0)
        result = move_blocks(addition, heap->tracked, heap->tracked_count, &merge->tracked);
    if (result != 0)
        return result;
    merge->blocks_base = highest >> ADDRESS_BITS == UINT64_MAX >> ADDRESS_BITS
                             ? UINT64_MAX
                             : ((highest >> ADDRESS_BITS) + 1) << ADDRESS_BITS;
    return 0;
}

static int add_threads(struct addition *addition)
{
    for (size_t i = 0; i < addition->heap->thread_count; i++) {
        const struct heap_thread *from = &addition->heap->threads[i];
        struct snapshot_thread *to =
            array_add(&addition->merge->threads, sizeof(struct snapshot_thread));
        int result;

        if (!to)
            return no_memory(addition->error);
        to->tid = from->tid;
        result = merge_text(addition->merge, from->name, &to->name, addition->error);
        if (result != 0)
            return result;
    }
    return 0;
}

static uint64_t saturated_sum(uint64_t a, uint64_t b)
{
    uint64_t sum;

    return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

static int add_account(struct addition *addition)
{
    const struct snapshot_account *from = addition->heap->account;
    struct snapshot_account *to = &addition->merge->account;
    /* All its fields are numbers of 64 bits. */
    uint64_t values[sizeof(*to) / sizeof(uint64_t)], more[sizeof(*to) / sizeof(uint64_t)];

    if (from->live_bytes > UINT64_MAX - to->live_bytes ||
        from->live_blocks > UINT64_MAX - to->live_blocks)
        return error_set(addition->error, -ERANGE, "%s: the sums do not fit in 64 bits",
                         addition->heap->path);
    memcpy(values, to, sizeof(values));
    memcpy(more, from, sizeof(more));
    for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++)
        values[i] = saturated_sum(values[i], more[i]);
    memcpy(to, values, sizeof(values));
    if (!(addition->heap->process->flags & SNAPSHOT_HAS_USABLE))
        addition->merge->has_usable = false;
    return 0;
}

/* The whole is as exact as the part that is least so, and has blocks of any size that a part has
 * them of. */
static int add_sampling(struct addition *addition)
{
    static const struct snapshot_sampling none = {.max = UINT64_MAX};
    const struct snapshot_sampling *from = addition->heap->sampling ? addition->heap->sampling : &none;
    struct merge *merge = addition->merge;
    struct snapshot_sampling *to = &merge->sampling;

    if (addition->first_part == 0)
        *to = *from;
    to->mean = from->mean > to->mean ? from->mean : to->mean;
    to->min = from->min < to->min ? from->min : to->min;
    to->max = from->max > to->max ? from->max : to->max;
    merge->is_sampled |= addition->heap->sampling != NULL;
    return 0;
}

int merge_add(struct merge *merge, const struct heap *heap, struct error *error)
{
    struct addition addition = {
        .merge = merge,
        .heap = heap,
        .error = error,
        .modules = calloc(heap->module_count + 1, sizeof(uint32_t)),
        .frames = calloc(heap->frame_count + 1, sizeof(uint32_t)),
        .stacks = calloc(heap->stack_count + 1, sizeof(uint32_t)),
    };
    static int (*const steps[])(struct addition *) = {
        add_frames, add_stacks, add_blocks, add_threads, add_account, add_sampling,
    };
    int result = 0;

    if (!addition.modules || !addition.frames || !addition.stacks)
        result = no_memory(error);
    else
        result = add_parts(&addition);
    for (size_t i = 0; result == 0 && i < heap->module_count; i++)
        result = merge_module(&addition, &heap->modules[i], &addition.modules[i]);
    for (size_t i = 0; result == 0 && i < sizeof(steps) / sizeof(*steps); i++)
        result = steps[i](&addition);
    free(addition.modules);
    free(addition.frames);
    free(addition.stacks);
    return result;
}

/* The process record of the whole: the first part's, over the time of all. */
static int describe_whole(struct merge *merge, struct snapshot_process *out_process,
                          struct error *error)
{
    const struct snapshot_process *parts = merge->parts.data;
    struct snapshot_process whole = parts[0];
    int result = merge_text(merge, "merged", &whole.label, error);

    if (result != 0)
        return result;
    for (size_t i = 1; i < merge->parts.count; i++) {
        if (parts[i].start_time < whole.start_time)
            whole.start_time = parts[i].start_time;
        if (parts[i].time > whole.time)
            whole.time = parts[i].time;
        /* Another run, told apart from all others, and the same each time. */
        for (size_t j = 0; j < 2; j++)
            whole.run[j] = (whole.run[j] ^ parts[i].run[j]) * 0x9e3779b97f4a7c15u + 1;
    }
    if (merge->parts.count > 1)
        whole.elapsed = whole.time > whole.start_time ? whole.time - whole.start_time : 0;
    whole.sequence = 1;
    whole.epoch = 1;
    whole.trigger = SNAPSHOT_BY_MERGE;
    whole.flags &= ~(uint32_t)(SNAPSHOT_HAS_USABLE | SNAPSHOT_COUNTERS_ONLY);
    if (merge->has_usable)
        whole.flags |= SNAPSHOT_HAS_USABLE;
    if (!merge->has_blocks)
        whole.flags |= SNAPSHOT_COUNTERS_ONLY;
    *out_process = whole;
    return 0;
}

/* Make frees say what LIVE of ALLOCATED is left. */
static void settle(uint64_t live, uint64_t *allocated, uint64_t *freed)
{
    if (*allocated < live)
        *allocated = live;
    *freed = *allocated - live;
}

/* The counters of STACK for the file. Where there are no blocks these alone say what is
 * alive, which they did not need to where there were. */
static void make_counters(const struct merge *merge, struct stack *stack)
{
    uint64_t *counters = stack->counters;

    if (merge->detail == MERGE_LIVE)
        memset(counters, 0, sizeof(stack->counters));
    if (merge->has_blocks)
        return;
    settle(stack->live_blocks, &counters[SNAPSHOT_ALLOCATIONS], &counters[SNAPSHOT_FREES]);
    settle(stack->live_bytes, &counters[SNAPSHOT_ALLOCATED_BYTES], &counters[SNAPSHOT_FREED_BYTES]);
}

/* Add the section KIND of the blocks in ARRAY to BUILD. VALUES has room for them. */
static void build_blocks(const struct array *array, uint32_t kind, uint64_t *values,
                         struct snapshot_build *build)
{
    const struct block *blocks = array->data;

    for (size_t i = 0; i < array->count; i++) {
        values[4 * i] = blocks[i].address;
        values[4 * i + 1] = blocks[i].size;
        values[4 * i + 2] = blocks[i].stack;
        values[4 * i + 3] = 1;
    }
    snapshot_build_varints(build, kind, values, 4, 0, array->count);
}

/* Add how many each block stands for. VALUES has room for all. */
static void build_weights(const struct merge *merge, uint64_t *values,
                          struct snapshot_build *build)
{
    const struct array *arrays[] = {&merge->blocks, &merge->tracked};
    size_t count = 0;

    for (size_t i = 0; i < 2; i++) {
        const struct block *blocks = arrays[i]->data;

        for (size_t j = 0; j < arrays[i]->count; j++)
            values[count++] = blocks[j].weight;
    }
    snapshot_build_varints(build, SNAPSHOT_WEIGHTS, values, 1, 1, count);
}

/* Add the section KIND of WIDTH counters of each stack, from FIRST on, to BUILD. VALUES has room
 * for them. */
static void build_counters(const struct merge *merge, uint32_t kind, size_t first, size_t width,
                           uint64_t *values, struct snapshot_build *build)
{
    const struct stack *stacks = merge->stacks.data;

    for (size_t i = 0; i < merge->stacks.count; i++)
        memcpy(values + width * i, stacks[i].counters + first, width * sizeof(*values));
    snapshot_build_varints(build, kind, values, width, width, merge->stacks.count);
}

#define VALUES_PER_ROW 5 /* at most */

/* Add the sections about frames, stacks and blocks to BUILD. False: no memory. */
static bool build_varints(struct merge *merge, struct snapshot_build *build)
{
    const struct frame *frames = merge->frames.data;
    struct stack *stacks = merge->stacks.data;
    size_t rows = merge->frames.count;
    uint64_t *values;

    if (merge->stacks.count > rows)
        rows = merge->stacks.count;
    if (merge->has_blocks && merge->blocks.count > rows)
        rows = merge->blocks.count;
    if (merge->has_blocks && merge->tracked.count > rows)
        rows = merge->tracked.count;
    values = calloc(rows + 1, VALUES_PER_ROW * sizeof(*values));
    if (!values)
        return false;

    for (size_t i = 0; i < merge->frames.count; i++) {
        values[3 * i] = frames[i].parent;
        values[3 * i + 1] = frames[i].address;
        values[3 * i + 2] = frames[i].module;
    }
    snapshot_build_varints(build, SNAPSHOT_FRAMES, values, 3, 1, merge->frames.count);

    for (size_t i = 0; i < merge->stacks.count; i++) {
        values[2 * i] = stacks[i].frame;
        values[2 * i + 1] = stacks[i].flags;
    }
    snapshot_build_varints(build, SNAPSHOT_STACKS, values, 2, 2, merge->stacks.count);
    for (size_t i = 0; i < merge->stacks.count; i++)
        make_counters(merge, &stacks[i]);
    build_counters(merge, SNAPSHOT_COUNTERS, 0, SNAPSHOT_COUNTERS_PER_STACK, values, build);
    if (merge->has_more_counters)
        build_counters(merge, SNAPSHOT_MORE_COUNTERS, SNAPSHOT_COUNTERS_PER_STACK,
                       SNAPSHOT_ALL_COUNTERS - SNAPSHOT_COUNTERS_PER_STACK, values, build);
    for (size_t i = 0; i < merge->stacks.count; i++)
        values[i] = stacks[i].part;
    snapshot_build_varints(build, SNAPSHOT_ORIGINS, values, 1, 1, merge->stacks.count);
    for (size_t i = 0; i < merge->stacks.count; i++) {
        values[2 * i] = stacks[i].domain;
        values[2 * i + 1] = stacks[i].thread;
    }
    if (merge->has_owners)
        snapshot_build_varints(build, SNAPSHOT_OWNERS, values, 2, 2, merge->stacks.count);
    if (merge->has_blocks) {
        build_blocks(&merge->blocks, SNAPSHOT_BLOCKS, values, build);
        build_blocks(&merge->tracked, SNAPSHOT_TRACKED, values, build);
        if (merge->is_sampled && merge->sampling.mean)
            build_weights(merge, values, build);
    }
    free(values);
    return true;
}

int merge_finish(struct merge *merge, void **out_data, size_t *out_size, struct error *error)
{
    const struct snapshot_epoch epoch = {.number = 1};
    struct snapshot_process process;
    struct snapshot_build build;
    int result = describe_whole(merge, &process, error);

    if (result != 0)
        return result;
    snapshot_build_begin(&build, SNAPSHOT_VERSION);
    snapshot_build_section(&build, SNAPSHOT_STRINGS, SNAPSHOT_BYTES, merge->strings.size,
                           merge->strings.data, merge->strings.size);
    snapshot_build_fixed(&build, SNAPSHOT_PROCESS, &process, sizeof(process), 1);
    snapshot_build_fixed(&build, SNAPSHOT_PARTS, merge->parts.data, sizeof(process),
                         merge->parts.count);
    snapshot_build_fixed(&build, SNAPSHOT_NAMES, merge->names.data, sizeof(struct snapshot_name),
                         merge->names.count);
    snapshot_build_fixed(&build, SNAPSHOT_MODULES, merge->modules.data,
                         sizeof(struct snapshot_module), merge->modules.count);
    snapshot_build_fixed(&build, SNAPSHOT_SEGMENTS, merge->segments.data,
                         sizeof(struct snapshot_segment), merge->segments.count);
    snapshot_build_fixed(&build, SNAPSHOT_EPOCHS, &epoch, sizeof(epoch), 1);
    snapshot_build_fixed(&build, SNAPSHOT_THREADS, merge->threads.data,
                         sizeof(struct snapshot_thread), merge->threads.count);
    snapshot_build_fixed(&build, SNAPSHOT_ACCOUNT, &merge->account, sizeof(merge->account), 1);
    if (merge->is_sampled)
        snapshot_build_fixed(&build, SNAPSHOT_SAMPLING, &merge->sampling, sizeof(merge->sampling),
                             1);
    if (!build_varints(merge, &build))
        build.failed = true;
    result = snapshot_build_finish(&build, out_data, out_size);
    return result < 0 ? no_memory(error) : 0;
}
