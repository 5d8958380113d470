/* live_hash.h - a table of blocks by address, for what the shadow has no room for.
 *
 * A table is cut into shards by address, each with a lock held for a few memory
 * accesses; an allocator gives an address to one owner at a time, so the order of two
 * changes of one address is the program's own. Memory comes from the arena.
 */
#ifndef PRELOAD_LIVE_HASH_H
#define PRELOAD_LIVE_HASH_H

#include "preload/live_block.h"
#include "preload/lock.h"

#include <stdbool.h>

#define LIVE_HASH_SHARD_BITS 6
#define LIVE_HASH_SHARDS     (1u << LIVE_HASH_SHARD_BITS)

/* Open addressing with linear probing; a removed entry's followers move up. */
struct live_hash_shard {
    struct lock lock;
    uint32_t count, slots;
    struct live_block *blocks; /* address 0: empty */
} __attribute__((aligned(64)));

/* Zeroed memory is an empty table. */
struct live_hash {
    struct live_hash_shard shards[LIVE_HASH_SHARDS];
};

/* As those of live.h without "hash". */
bool live_hash_add(struct live_hash *hash, const struct live_block *block,
                   struct live_block *out_replaced);
bool live_hash_remove(struct live_hash *hash, uintptr_t address, struct live_block *out_block);
bool live_hash_try_remove(struct live_hash *hash, uintptr_t address, struct live_block *out_block);
bool live_hash_find(struct live_hash *hash, uintptr_t address, struct live_block *out_block);

/* Call EACH for every block, in no order. */
void live_hash_each(const struct live_hash *hash,
                    void (*each)(void *context, const struct live_block *block), void *context);

/* How many blocks there are; any time, about. */
uint64_t live_hash_count(const struct live_hash *hash);

/* Forget all blocks. */
void live_hash_clear(struct live_hash *hash);

#endif
