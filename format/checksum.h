/* checksum.h - tells whether the bytes of a section arrived as they were written.
 *
 * Against accidents, not against an adversary. Each step is a bijection of the
 * state, so any damage confined to one 8-byte word is always seen, other damage
 * with a chance of 1 - 2^-64. docs/snapshot-format.md gives the definition.
 *
 * No memory of its own, callable anywhere, from signal handlers too.
 */
#ifndef FORMAT_CHECKSUM_H
#define FORMAT_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

struct checksum {
    uint64_t state;
    uint64_t length;  /* bytes so far */
    uint64_t pending; /* the last length % 8 of them, little-endian */
};

/* Begin a checksum in SUM. */
void checksum_init(struct checksum *sum);

/* Take SIZE more bytes at DATA into SUM; how they are cut into calls does not matter. */
void checksum_add(struct checksum *sum, const void *data, size_t size);

/* The checksum of all bytes taken into SUM, which may go on afterwards. */
uint64_t checksum_value(const struct checksum *sum);

#endif
