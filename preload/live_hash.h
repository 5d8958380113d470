/* live_hash.h - blocks that the shadow of the live table has no room for.
 *
 * The table is cut into shards by address, each with a lock held for a few memory
 * accesses; an allocator gives an address to one owner at a time, so the order of two
 * changes of one address is the program's own. Memory comes from the arena.
 */
#ifndef PRELOAD_LIVE_HASH_H
#define PRELOAD_LIVE_HASH_H

#include "preload/live_block.h"

#include <stdbool.h>

/* As those of live.h without "hash". */
bool live_hash_add(const struct live_block *block, struct live_block *out_replaced);
bool live_hash_remove(uintptr_t address, struct live_block *out_block);
bool live_hash_try_remove(uintptr_t address, struct live_block *out_block);
bool live_hash_find(uintptr_t address, struct live_block *out_block);

/* Call EACH for every block, in no order. */
void live_hash_each(void (*each)(void *context, const struct live_block *block), void *context);

/* How many blocks there are; any time, about. */
uint64_t live_hash_count(void);

/* Forget all blocks. */
void live_hash_clear(void);

#endif
