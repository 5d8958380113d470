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

/* Put NUMBER as a varint. */
void buffer_put_varint(struct buffer *buffer, uint64_t number);

/* Give the memory back; BUFFER is empty again. */
void buffer_finish(struct buffer *buffer);

#endif
