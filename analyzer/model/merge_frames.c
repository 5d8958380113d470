#include "model/merge_frames.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

static uint64_t hash_frame(const struct merge_frame *frame)
{
    uint64_t hash =
        (frame->address ^ (uint64_t)frame->parent << 32 ^ frame->module) * 0x9e3779b97f4a7c15u;

    return hash ^ hash >> 29;
}

/* The slot of FRAME, or the empty one where it belongs. */
static uint32_t *find_slot(struct merge *merge, const struct merge_frame *frame)
{
    const struct merge_frame *frames = merge->frames.data;
    size_t at = hash_frame(frame) & (merge->slot_count - 1);

    for (;; at = (at + 1) & (merge->slot_count - 1)) {
        const struct merge_frame *other = &frames[merge->slots[at] - 1];

        if (merge->slots[at] == 0 ||
            (other->address == frame->address && other->parent == frame->parent &&
             other->module == frame->module))
            return &merge->slots[at];
    }
}

/* Make room for one more frame in the slots. False: no memory. */
static bool grow_slots(struct merge *merge)
{
    const struct merge_frame *frames = merge->frames.data;

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

uint32_t merge_frames_add(struct merge *merge, const struct merge_frame *frame)
{
    struct merge_frame *added;
    uint32_t *slot;

    if (merge->frames.count >= UINT32_MAX - 2 || !grow_slots(merge))
        return 0;
    slot = find_slot(merge, frame);
    if (*slot)
        return *slot;
    added = merge_array_add(&merge->frames, sizeof(*added));
    if (!added)
        return 0;
    *added = *frame;
    return *slot = (uint32_t)merge->frames.count;
}
