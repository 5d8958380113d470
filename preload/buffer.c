#include "preload/buffer.h"

#include "format/varint.h"
#include "preload/arena.h"

#include <string.h>

#define FIRST_CAPACITY ((size_t)64 * 1024)

/* Make room for SIZE bytes more. */
static bool make_room(struct buffer *buffer, size_t size)
{
    size_t capacity = buffer->capacity ? buffer->capacity : FIRST_CAPACITY;
    uint8_t *data;

    if (buffer->failed)
        return false;
    if (size <= buffer->capacity - buffer->size)
        return true;
    while (capacity - buffer->size < size)
        capacity *= 2;
    data = arena_resize(buffer->data, buffer->capacity, capacity, ARENA_OTHER);
    if (!data) {
        buffer->failed = true;
        return false;
    }
    buffer->data = data;
    buffer->capacity = capacity;
    return true;
}

bool buffer_prepare(struct buffer *buffer, size_t size)
{
    if (size > buffer->capacity - buffer->size) {
        uint8_t *data = arena_resize(buffer->data, buffer->capacity, buffer->size + size,
                                     ARENA_OTHER);

        if (!data)
            return false;
        buffer->data = data;
        buffer->capacity = buffer->size + size;
    }
    arena_populate(buffer->data + buffer->size, size);
    return true;
}

uint8_t *buffer_reserve_slowly(struct buffer *buffer, size_t size)
{
    return make_room(buffer, size) ? buffer->data + buffer->size : NULL;
}

void buffer_put(struct buffer *buffer, const void *data, size_t size)
{
    if (size == 0 || !make_room(buffer, size))
        return; /* an empty buffer has no memory to copy to */
    memcpy(buffer->data + buffer->size, data, size);
    buffer->size += size;
}

void buffer_put_varint(struct buffer *buffer, uint64_t number)
{
    if (make_room(buffer, VARINT_MAX_SIZE))
        buffer->size += varint_put(buffer->data + buffer->size, number);
}

void buffer_finish(struct buffer *buffer)
{
    const struct buffer had = *buffer;

    /* In this order: a task that is killed in between must not lead to memory given back twice. */
    *buffer = (struct buffer){ NULL, 0, 0, false };
    arena_unmap(had.data, had.capacity, ARENA_OTHER);
}
