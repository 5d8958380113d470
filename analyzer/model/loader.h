/* loader.h - a heap that is being loaded, and how records of varints are read into it.
 *
 * For heap.c and what it leaves to others; callers of the model load a heap.
 */
#ifndef MODEL_LOADER_H
#define MODEL_LOADER_H

#include "format/snapshot.h"
#include "format/varint.h"
#include "model/heap.h"
#include "model/progress.h"
#include "model/snapshot_read.h"

/* A heap with the memory that its fields point into. */
struct owned_heap {
    struct heap heap; /* first, so that a heap's address is its owned_heap's */
    char *path;
    char *strings;
    size_t strings_size;
    struct snapshot_process process;
    struct snapshot_account account;
    struct snapshot_memory memory[SNAPSHOT_MEMORY_KINDS];
    struct snapshot_graph graph;
    struct snapshot_sampling sampling;
    struct snapshot_process *part_processes;
    uint8_t *build_ids; /* those of all modules */
    struct snapshot_segment *segments;
};

struct loader {
    const struct snapshot_sections *sections;
    struct owned_heap *owned;
    struct heap *heap;
    struct error *error;
    struct progress *progress; /* by blocks, then edges */
};

/* Say that the section KIND is damaged AT bytes from its beginning; evaluates to -EBADMSG. */
#define DAMAGE(loader, kind, at, ...) \
    snapshot_read_damage((loader)->sections, kind, at, (loader)->error, __VA_ARGS__)

/* Say that there is no memory. Returns -ENOMEM. */
int loader_no_memory(const struct loader *loader);

/* Put an array of COUNT zeroed elements of SIZE bytes into the pointer at OUT_ARRAY; never
 * NULL on success. */
int loader_allocate(const struct loader *loader, size_t count, size_t size, void *out_array);

/* Find the string OFFSET, which is named AT bytes into the section KIND. */
int loader_string(const struct loader *loader, enum snapshot_kind kind, size_t at, uint32_t offset,
                  const char **out_string);

/* Where we are in a section of varints. */
struct cursor {
    enum snapshot_kind kind;
    const uint8_t *begin, *at, *end;
    const uint8_t *record; /* where the current record began */
};

/* Before the first record of the section KIND. */
struct cursor cursor_at(const struct loader *loader, enum snapshot_kind kind);

/* Check that the records of CURSOR were all there is. */
int cursor_end(const struct loader *loader, const struct cursor *cursor);

/* How far into its section CURSOR's record began. */
static inline size_t cursor_offset(const struct cursor *cursor)
{
    return (size_t)(cursor->record - cursor->begin);
}

/* Read the next record, of WIDTH numbers, into OUT_VALUES. */
static inline int cursor_next(const struct loader *loader, struct cursor *cursor, size_t width,
                              uint64_t *out_values)
{
    cursor->record = cursor->at;
    for (size_t i = 0; i < width; i++) {
        size_t size;

        if (cursor->at < cursor->end && *cursor->at < 0x80) {
            out_values[i] = *cursor->at++;
            continue;
        }
        size = varint_get(cursor->at, (size_t)(cursor->end - cursor->at), &out_values[i]);
        if (size == 0)
            return DAMAGE(loader, cursor->kind, (size_t)(cursor->at - cursor->begin),
                          "a number does not end or is too large");
        cursor->at += size;
    }
    return 0;
}

#endif
