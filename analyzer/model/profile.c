#include "model/profile.h"

#include "model/intern.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

static const struct {
    const char *name, *unit;
} values[PROFILE_VALUES] = {
    [PROFILE_BYTES] = {"bytes", "bytes"},
    [PROFILE_BLOCKS] = {"blocks", "count"},
    [PROFILE_ALLOCATED_BYTES] = {"allocated_bytes", "bytes"},
    [PROFILE_ALLOCATIONS] = {"allocations", "count"},
    [PROFILE_TEMPORARY] = {"temporary", "count"},
    [PROFILE_PEAK_BYTES] = {"peak_bytes", "bytes"},
    [PROFILE_PEAK_BLOCKS] = {"peak_blocks", "count"},
    [PROFILE_LOST_BYTES] = {"lost_bytes", "bytes"},
    [PROFILE_HELD_BYTES] = {"held_bytes", "bytes"},
};

/* A frame or a node by what tells it from others; texts are those of the pool, its offset is 0. */
struct frame_entry {
    struct profile_frame frame; /* the key; padding is zero */
    uint32_t number;
    UT_hash_handle hh;
};

struct node_entry {
    struct profile_node node; /* the key */
    uint32_t number;
    UT_hash_handle hh;
};

struct profile_index {
    struct intern *texts;
    struct frame_entry *frames;
    struct node_entry *nodes;
    size_t frame_room, node_room;
};

struct profile *profile_create(size_t heap_count)
{
    struct profile *profile = calloc(1, sizeof(*profile));

    if (!profile)
        return NULL;
    profile->heap_count = heap_count;
    profile->index = calloc(1, sizeof(*profile->index));
    if (profile->index)
        profile->index->texts = intern_create();
    profile->nodes = calloc(1, sizeof(*profile->nodes));
    profile->own = calloc(heap_count * PROFILE_VALUES, sizeof(*profile->own));
    if (!profile->index || !profile->index->texts || !profile->nodes || !profile->own) {
        profile_destroy(profile);
        return NULL;
    }
    profile->node_count = profile->index->node_room = 1;
    return profile;
}

static void destroy_index(struct profile_index *index)
{
    struct frame_entry *frame, *next_frame;
    struct node_entry *node, *next_node;

    HASH_ITER(hh, index->frames, frame, next_frame) {
        HASH_DEL(index->frames, frame);
        free(frame);
    }
    HASH_ITER(hh, index->nodes, node, next_node) {
        HASH_DEL(index->nodes, node);
        free(node);
    }
    intern_destroy(index->texts);
    free(index);
}

void profile_destroy(struct profile *profile)
{
    if (!profile)
        return;
    if (profile->index)
        destroy_index(profile->index);
    free(profile->frames);
    free(profile->nodes);
    free(profile->own);
    free(profile);
}

/* The number of FRAME, whose texts are those of the pool, in OUT_NUMBER. */
static int add_frame(struct profile *profile, const struct profile_frame *frame,
                     uint32_t *out_number)
{
    struct profile_index *index = profile->index;
    struct frame_entry *entry;
    struct profile_frame key;

    memcpy(&key, frame, sizeof(key));
    key.offset = 0;
    HASH_FIND(hh, index->frames, &key, sizeof(key), entry);
    if (!entry) {
        if (profile->frame_count == index->frame_room) {
            size_t room = index->frame_room ? 2 * index->frame_room : 256;
            struct profile_frame *frames = realloc(profile->frames, room * sizeof(*frames));

            if (!frames)
                return -ENOMEM;
            profile->frames = frames;
            index->frame_room = room;
        }
        entry = calloc(1, sizeof(*entry));
        if (!entry)
            return -ENOMEM;
        memcpy(&entry->frame, &key, sizeof(key));
        entry->number = (uint32_t)profile->frame_count;
        HASH_ADD(hh, index->frames, frame, sizeof(key), entry);
        if (!entry->hh.tbl) {
            free(entry);
            return -ENOMEM;
        }
        profile->frames[profile->frame_count++] = *frame;
    }
    *out_number = entry->number;
    return 0;
}

/* Make sure that there is room for another node. */
static int grow_nodes(struct profile *profile)
{
    struct profile_index *index = profile->index;
    size_t room = 2 * index->node_room, numbers = profile->heap_count * PROFILE_VALUES;
    struct profile_node *nodes;
    uint64_t *own;

    if (profile->node_count < index->node_room)
        return 0;
    nodes = realloc(profile->nodes, room * sizeof(*nodes));
    if (!nodes)
        return -ENOMEM;
    profile->nodes = nodes;
    own = realloc(profile->own, room * numbers * sizeof(*own));
    if (!own)
        return -ENOMEM;
    memset(own + index->node_room * numbers, 0, (room - index->node_room) * numbers * sizeof(*own));
    profile->own = own;
    index->node_room = room;
    return 0;
}

/* The number of the node of frame number FRAME below PARENT in OUT_NODE, which may be &PARENT's. */
static int add_node(struct profile *profile, uint32_t parent, uint32_t frame, uint32_t *out_node)
{
    struct profile_node node = {.parent = parent, .frame = frame};
    struct node_entry *entry;

    HASH_FIND(hh, profile->index->nodes, &node, sizeof(node), entry);
    if (!entry) {
        entry = grow_nodes(profile) == 0 ? calloc(1, sizeof(*entry)) : NULL;
        if (!entry)
            return -ENOMEM;
        entry->node = node;
        entry->number = (uint32_t)profile->node_count;
        HASH_ADD(hh, profile->index->nodes, node, sizeof(node), entry);
        if (!entry->hh.tbl) {
            free(entry);
            return -ENOMEM;
        }
        profile->nodes[profile->node_count++] = node;
    }
    *out_node = entry->number;
    return 0;
}

int profile_put(struct profile *profile, uint32_t parent, const struct profile_frame *frame,
                uint32_t *out_node)
{
    struct intern *texts = profile->index->texts;
    struct profile_frame own;
    uint32_t number;

    memset(&own, 0, sizeof(own)); /* it is a key */
    own.name = intern_string(texts, frame->name);
    own.file = intern_string(texts, frame->file);
    own.module = intern_string(texts, frame->module);
    own.line = frame->line;
    own.inlined = frame->inlined;
    own.is_place = frame->is_place;
    own.offset = frame->offset;
    if (!own.name || !own.file != !frame->file || !own.module != !frame->module ||
        add_frame(profile, &own, &number) < 0)
        return -ENOMEM;
    return add_node(profile, parent, number, out_node);
}

/* The same frames, with texts of the pool of TO, in the same order. */
static int copy_frames(const struct profile *from, struct profile *to)
{
    struct intern *texts = to->index->texts;

    for (size_t i = 0; i < from->frame_count; i++) {
        struct profile_frame frame;
        uint32_t number;

        memcpy(&frame, &from->frames[i], sizeof(frame));
        frame.name = intern_string(texts, frame.name);
        frame.file = intern_string(texts, frame.file);
        frame.module = intern_string(texts, frame.module);
        if (!frame.name || add_frame(to, &frame, &number) < 0)
            return -ENOMEM;
    }
    return 0;
}

struct profile *profile_invert(const struct profile *profile)
{
    struct profile *inverted = profile_create(profile->heap_count);
    size_t numbers = profile->heap_count * PROFILE_VALUES;
    int result = inverted ? copy_frames(profile, inverted) : -ENOMEM;

    for (uint32_t i = 1; i < profile->node_count && result == 0; i++) {
        uint64_t any = 0;
        uint32_t node = 0;

        for (size_t j = 0; j < numbers; j++)
            any |= profile->own[i * numbers + j];
        for (uint32_t at = i; at && any && result == 0; at = profile->nodes[at].parent)
            result = add_node(inverted, node, profile->nodes[at].frame, &node);
        for (size_t j = 0; j < numbers && any && result == 0; j++)
            inverted->own[node * numbers + j] += profile->own[i * numbers + j];
    }
    if (result == 0) {
        inverted->has_allocations = profile->has_allocations;
        inverted->has_peak = profile->has_peak;
        inverted->has_lost = profile->has_lost;
        return inverted;
    }
    profile_destroy(inverted);
    return NULL;
}

uint64_t *profile_totals(const struct profile *profile, size_t at, enum profile_value value)
{
    uint64_t *totals = calloc(profile->node_count, sizeof(*totals));

    if (!totals)
        return NULL;
    for (size_t i = profile->node_count; i-- > 0;) {
        totals[i] += profile_own(profile, i, at, value);
        if (i > 0)
            totals[profile->nodes[i].parent] += totals[i];
    }
    return totals;
}

static int compare_totals(const void *left, const void *right, void *context)
{
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    const uint64_t *totals = context;

    if (totals[a] != totals[b])
        return totals[a] > totals[b] ? -1 : 1;
    return a < b ? -1 : a > b;
}

int profile_children_init(struct profile_children *out_children, const struct profile *profile,
                          const uint64_t *totals)
{
    size_t count = profile->node_count;
    uint32_t *first = calloc(count + 2, sizeof(*first));
    uint32_t *children = calloc(count, sizeof(*children));

    if (!first || !children) {
        free(first);
        free(children);
        return -ENOMEM;
    }
    /* first[N + 1] is where N's next child goes, until all are there. */
    for (size_t i = 1; i < count; i++)
        first[profile->nodes[i].parent + 2]++;
    for (size_t i = 0; i < count; i++)
        first[i + 1] += first[i];
    for (uint32_t i = 1; i < count; i++)
        children[first[profile->nodes[i].parent + 1]++] = i;
    for (size_t i = 0; i < count; i++)
        qsort_r(children + first[i], first[i + 1] - first[i], sizeof(*children), compare_totals,
                (void *)totals);
    *out_children = (struct profile_children){.first = first, .children = children};
    return 0;
}

void profile_children_finish(struct profile_children *children)
{
    free(children->first);
    free(children->children);
}

const char *profile_value_name(enum profile_value value)
{
    return values[value].name;
}

const char *profile_value_unit(enum profile_value value)
{
    return values[value].unit;
}

int profile_value_find(const char *name, enum profile_value *out_value)
{
    for (size_t i = 0; i < PROFILE_VALUES; i++) {
        if (strcmp(values[i].name, name) == 0) {
            *out_value = (enum profile_value)i;
            return 0;
        }
    }
    return -EINVAL;
}
