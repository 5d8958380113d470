/* cfi_bytes.h - reading forward in the bytes of a module that describe its frames. */
#ifndef PRELOAD_CFI_BYTES_H
#define PRELOAD_CFI_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Reads forward from `at`, never at or behind `end`; once `bad`, all is 0. */
struct cfi_cursor {
    const uint8_t *at, *end;
    bool bad;
};

static inline uint64_t cfi_take_bytes(struct cfi_cursor *cursor, size_t size)
{
    uint64_t value = 0;

    if (cursor->bad || (size_t)(cursor->end - cursor->at) < size) {
        cursor->bad = true;
        return 0;
    }
    for (size_t i = 0; i < size; i++)
        value |= (uint64_t)*cursor->at++ << 8 * i;
    return value;
}

static inline int64_t cfi_take_signed(struct cfi_cursor *cursor, size_t size)
{
    unsigned unused = 64 - 8 * (unsigned)size;

    return (int64_t)(cfi_take_bytes(cursor, size) << unused) >> unused;
}

static inline uint64_t cfi_take_leb(struct cfi_cursor *cursor, bool is_signed)
{
    uint64_t value = 0;
    unsigned shift = 0;
    uint8_t byte;

    do {
        byte = (uint8_t)cfi_take_bytes(cursor, 1);
        if (shift < 64)
            value |= (uint64_t)(byte & 0x7f) << shift;
        shift += 7;
    } while (byte & 0x80 && !cursor->bad);
    if (is_signed && byte & 0x40 && shift < 64)
        value |= ~(uint64_t)0 << shift;
    return value;
}

static inline uint64_t cfi_take_uleb(struct cfi_cursor *cursor)
{
    return cfi_take_leb(cursor, false);
}

static inline int64_t cfi_take_sleb(struct cfi_cursor *cursor)
{
    return (int64_t)cfi_take_leb(cursor, true);
}

static inline void cfi_skip(struct cfi_cursor *cursor, uint64_t size)
{
    if (cursor->bad || (uint64_t)(cursor->end - cursor->at) < size)
        cursor->bad = true;
    else
        cursor->at += size;
}

/* A pointer encoded as ENCODING (DW_EH_PE_*) says; DATA is what "datarel" is relative to. */
static inline uintptr_t cfi_take_pointer(struct cfi_cursor *cursor, uint8_t encoding,
                                         uintptr_t data)
{
    uintptr_t here = (uintptr_t)cursor->at;
    uint64_t value;

    switch (encoding & 0x0f) {
    case 0x00: case 0x04: case 0x0c: value = cfi_take_bytes(cursor, 8); break;
    case 0x01: value = cfi_take_uleb(cursor); break;
    case 0x02: value = cfi_take_bytes(cursor, 2); break;
    case 0x03: value = cfi_take_bytes(cursor, 4); break;
    case 0x09: value = (uint64_t)cfi_take_sleb(cursor); break;
    case 0x0a: value = (uint64_t)cfi_take_signed(cursor, 2); break;
    case 0x0b: value = (uint64_t)cfi_take_signed(cursor, 4); break;
    default: cursor->bad = true; return 0;
    }
    switch (encoding & 0x70) {
    case 0x00: return value;
    case 0x10: return here + value;
    case 0x30: return data + value;
    default: cursor->bad = true; return 0;
    }
}

#endif
