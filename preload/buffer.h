/* buffer.h - bytes put one after the other, in memory of the arena that grows.
 *
 * Zeroed memory is an empty buffer. Once memory ran out, `failed` is set and
 * nothing more is put.
 */
#ifndef PRELOAD_BUFFER_H
#define PRELOAD_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buffer {
    uint8_t *data;
    size_t size, capacity;
    bool failed;
};

/* Put SIZE bytes at DATA behind what is in BUFFER. */
void buffer_put(struct buffer *buffer, const void *data, size_t size);

/* A place for SIZE bytes behind what is in BUFFER, which grows by those of them that are then
 * added to its `size`; NULL on lack of memory. */
uint8_t *buffer_reserve_slowly(struct buffer *buffer, size_t size);

static inline uint8_t *buffer_reserve(struct buffer *buffer, size_t size)
{
    if (__builtin_expect(size > buffer->capacity - buffer->size || buffer->failed, 0))
        return buffer_reserve_slowly(buffer, size);
    return buffer->data + buffer->size;
}

/* Make room for SIZE bytes more, in memory that is there: putting them causes no page fault.
 * False on lack of memory. */
bool buffer_prepare(struct buffer *buffer, size_t size);

/* Put NUMBER as a varint. */
void buffer_put_varint(struct buffer *buffer, uint64_t number);

/* Give the memory back; BUFFER is empty again. */
void buffer_finish(struct buffer *buffer);

#endif
