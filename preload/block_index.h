/* block_index.h - which block an address points into.
 *
 *   address  | 47 … 33 branch | 32 … 20 MiB | 19 … 13 group | 12 … 4 granule |
 *
 * For each MiB that has a part of a block: a bit for each 16 bytes in which one begins, and
 * for each group of 512 bits the rank of the first block there. The rank of an address is
 * that plus the bits before it. Memory comes from the arena.
 */
#ifndef PRELOAD_BLOCK_INDEX_H
#define PRELOAD_BLOCK_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct block_range {
    uintptr_t address;
    size_t size;
};

struct block_mib;

struct block_index {
    struct block_range *blocks; /* by address; a block's place is its rank */
    uint64_t count, capacity;
    uintptr_t low, high;        /* all blocks lie in between */
    struct block_mib **branches;
};

/* Fill in INDEX, zeroed memory, from COUNT blocks as SNAPSHOT_BLOCKS has them, SIZE bytes at
 * RECORDS. False on lack of memory. */
bool block_index_make(struct block_index *index, const uint8_t *records, size_t size,
                      uint64_t count);

/* Whether ADDRESS points into a block, whose rank goes to OUT_RANK: from its first byte to its
 * last; of a block of no bytes, its address. */
bool block_index_find(const struct block_index *index, uintptr_t address, uint64_t *out_rank);

/* The rank of the first block that begins at ADDRESS or behind it; their number if there is none. */
uint64_t block_index_first(const struct block_index *index, uintptr_t address);

#endif
