/* live.h - the live table: every block the program holds now.
 *
 * A block is found by its address. The table is cut into shards by address, each
 * with a lock held for a few memory accesses; an allocator gives an address to one
 * owner at a time, so the order of two changes of one address is the program's own:
 * a free is taken out before the real free, a new block put in after the real call.
 *
 * Memory comes from the arena. Call while recording (guard.h); live_each() and
 * live_clear() with the gate closed.
 */
#ifndef PRELOAD_LIVE_H
#define PRELOAD_LIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct live_block {
    uintptr_t address; /* 0: none */
    size_t size;       /* as requested */
    uint32_t stack;    /* number in the trie */
    uint32_t epoch;
};

/* Put BLOCK into the table. A block already known there is replaced and copied to
 * OUT_REPLACED (address 0: there was none): its free was missed. False on lack of
 * memory: the block is not known. */
bool live_add(const struct live_block *block, struct live_block *out_replaced);

/* Take the block at ADDRESS out of the table into OUT_BLOCK. False if none is known. */
bool live_remove(uintptr_t address, struct live_block *out_block);

/* The same from a signal handler whose thread may hold the lock: gives up (false) where
 * live_remove() would have to wait for long. */
bool live_try_remove(uintptr_t address, struct live_block *out_block);

/* Copy the block at ADDRESS to OUT_BLOCK and leave it there. False if none is known. */
bool live_find(uintptr_t address, struct live_block *out_block);

/* Call EACH for every block. */
void live_each(void (*each)(void *context, const struct live_block *block), void *context);

/* How many blocks there are. Call with the gate closed. */
uint64_t live_count(void);

/* Forget all blocks. */
void live_clear(void);

#endif
