#include "model/merge_modules.h"

#include "model/merge_tables.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MODULE_ALIGN ((uint64_t)1 << 20)

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

/* Add the module FROM of HEAP, which is new. */
static int add_module(struct merge *merge, const struct heap *heap, const struct heap_module *from,
                      struct error *error)
{
    uint64_t size = from->end - from->start, start = from->start;
    struct snapshot_module *to;
    uint32_t path;
    int result = merge_text(merge, from->path, &path, error);

    if (result != 0)
        return result;
    if (!find_room(merge, &start, size))
        return error_set(error, -ERANGE, "%s: no addresses are left for module %s", heap->path,
                         from->path);
    to = merge_array_add(&merge->modules, sizeof(*to));
    if (!to)
        return merge_no_memory(error);
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
        struct snapshot_segment *segment = merge_array_add(&merge->segments, sizeof(*segment));

        if (!segment)
            return merge_no_memory(error);
        *segment = from->segments[i];
        segment->address += start - from->start;
        to->segment_count++;
    }
    return 0;
}

int merge_module(struct merge *merge, const struct heap *heap, size_t module, uint32_t *out_number,
                 struct error *error)
{
    const struct heap_module *from = &heap->modules[module];
    const uint32_t fate = SNAPSHOT_MODULE_UNLOADED | SNAPSHOT_MODULE_DELETED;
    struct snapshot_bytes key = {0};
    uint32_t known;
    struct snapshot_module *to;
    int result = 0;

    /* A deleted file without a build-id is not known to be the one of that name. */
    uint8_t deleted = !from->build_id_size && from->flags & SNAPSHOT_MODULE_DELETED;

    if (!snapshot_bytes_add(&key, &deleted, sizeof(deleted)) ||
        !snapshot_bytes_add(&key, from->path, strlen(from->path) + 1) ||
        !snapshot_bytes_add(&key, from->build_id, from->build_id_size)) {
        free(key.data);
        return merge_no_memory(error);
    }
    known = merge_known(merge->modules_known, key.data, key.size);
    if (known) {
        *out_number = known;
        to = (struct snapshot_module *)merge->modules.data + known - 1;
        /* Gone is what is gone in all. */
        to->flags = (to->flags | (from->flags & ~fate)) & (from->flags | ~fate);
    } else {
        result = add_module(merge, heap, from, error);
        *out_number = (uint32_t)merge->modules.count;
        if (result == 0 && !merge_known_add(&merge->modules_known, key.data, key.size, *out_number))
            result = merge_no_memory(error);
    }
    free(key.data);
    return result;
}
