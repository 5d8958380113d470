/* varint.h - integers of variable length, as snapshots store them.
 *
 * Seven bits a byte, the least significant group first, the top bit set on all
 * bytes but the last (LEB128). Signed differences are folded first, so that
 * small ones of either sign are short: 0, -1, 1, -2 … become 0, 1, 2, 3 …
 *
 * No state, no memory, callable anywhere.
 */
#ifndef FORMAT_VARINT_H
#define FORMAT_VARINT_H

#include <stddef.h>
#include <stdint.h>

#define VARINT_MAX_SIZE 10 /* bytes of the longest */

/* Write VALUE to OUT, which has room for VARINT_MAX_SIZE bytes. Returns the
 * number of bytes written. */
static inline size_t varint_put(uint8_t *out, uint64_t value)
{
    size_t size = 0;

    while (value >= 0x80) {
        out[size++] = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    out[size++] = (uint8_t)value;
    return size;
}

/* Read a number from the SIZE bytes at IN. Returns the number of bytes it took,
 * or 0 if they end within it or it does not fit in 64 bits. */
static inline size_t varint_get(const uint8_t *in, size_t size, uint64_t *out_value)
{
    uint64_t value = 0;

    for (size_t i = 0; i < size && i < VARINT_MAX_SIZE; i++) {
        uint64_t group = in[i] & 0x7f;

        if (i == VARINT_MAX_SIZE - 1 && in[i] > 1)
            return 0;
        value |= group << (7 * i);
        if (!(in[i] & 0x80)) {
            *out_value = value;
            return i + 1;
        }
    }
    return 0;
}

/* The folded difference VALUE - BEFORE, modulo 2^64. */
static inline uint64_t varint_delta(uint64_t value, uint64_t before)
{
    uint64_t difference = value - before;

    return (difference << 1) ^ (difference >> 63 ? ~(uint64_t)0 : 0);
}

/* The value that varint_delta() folded with BEFORE into DELTA. */
static inline uint64_t varint_undelta(uint64_t delta, uint64_t before)
{
    return before + ((delta >> 1) ^ (delta & 1 ? ~(uint64_t)0 : 0));
}

#endif
