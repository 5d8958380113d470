/* live.h - the live table: every block the program holds now.
 *
 * A block is found by its address: in the shadow (live_shadow.h), which has a word for
 * each 32 bytes of address space, or, where that is not enough, in a hash (live_hash.h).
 * The word, 0 where no block begins:
 *
 *      | epoch, 21 bits, never 0 | stack, 26 | size, 15 | half | crowded |
 *
 *   half     in which half of the 32 bytes the block begins
 *   crowded  other blocks that begin here may be in the hash, also if the rest is 0
 *
 * The hash holds what does not fit: large blocks, the second in 32 bytes, numbers that are
 * too large; and, without a mark in the shadow, odd addresses: those that are no multiples
 * of 16, and those above 2^47.
 *
 * Any thread may call anything at any time; why the shadow needs no lock is said in live.c.
 * Memory comes from the arena. Call while recording (guard.h); live_clear() with the gate
 * closed. All blocks are had by live_copy.h.
 */
#ifndef PRELOAD_LIVE_H
#define PRELOAD_LIVE_H

#include "preload/live_block.h"
#include "preload/live_shadow.h"

#include <stdbool.h>

#define LIVE_CROWDED     ((uint64_t)1)
#define LIVE_HALF        ((uint64_t)2)
#define LIVE_SIZE_SHIFT  2
#define LIVE_SIZE_BITS   15
#define LIVE_STACK_SHIFT (LIVE_SIZE_SHIFT + LIVE_SIZE_BITS)
#define LIVE_STACK_BITS  26
#define LIVE_EPOCH_SHIFT (LIVE_STACK_SHIFT + LIVE_STACK_BITS)
#define LIVE_EPOCH_BITS  21

/* Whether no two blocks begin in the same 32 bytes, as with glibc, whose smallest chunk is
 * that long. If true before the first block, adding and removing need no atomic exchange. */
extern bool live_spaced;

/* Whether ADDRESS is one that the shadow has a slot for. */
static inline bool live_is_odd(uintptr_t address)
{
    return (address & 15) || address >= SHADOW_END;
}

/* Whether BLOCK, of no odd address, can be put into a word. */
static inline bool live_fits(const struct live_block *block)
{
    return !(block->size >> LIVE_SIZE_BITS | block->stack >> LIVE_STACK_BITS) &&
           block->epoch - 1 < (1u << LIVE_EPOCH_BITS) - 1;
}

static inline uint64_t live_half(uintptr_t address)
{
    return (address >> 3) & LIVE_HALF;
}

static inline uint64_t live_pack(const struct live_block *block)
{
    return (uint64_t)block->epoch << LIVE_EPOCH_SHIFT | (uint64_t)block->stack << LIVE_STACK_SHIFT |
           (uint64_t)block->size << LIVE_SIZE_SHIFT | live_half(block->address);
}

/* Where the block of the word VALUE begins, whose slot is that of SLOT_ADDRESS. */
static inline uintptr_t live_address(uintptr_t slot_address, uint64_t value)
{
    return slot_address + ((value & LIVE_HALF) << 3);
}

/* The block of the word VALUE, which begins at ADDRESS. */
static inline struct live_block live_unpack(uintptr_t address, uint64_t value)
{
    return (struct live_block){
        address,
        (value >> LIVE_SIZE_SHIFT) & ((1u << LIVE_SIZE_BITS) - 1),
        (uint32_t)(value >> LIVE_STACK_SHIFT) & ((1u << LIVE_STACK_BITS) - 1),
        (uint32_t)(value >> LIVE_EPOCH_SHIFT),
    };
}

/* ---- where live_spaced ---- */

/* The slot of ADDRESS, which is soon to be looked at; NULL as shadow_find(). */
static inline __attribute__((always_inline)) shadow_slot *live_place(uintptr_t address)
{
    shadow_slot *slot = shadow_find(address);

    __builtin_prefetch((const void *)slot, 1);
    return slot;
}

/* Whether the word of BLOCK can be put into SLOT, and that is all; false: live_add() is needed. */
static inline __attribute__((always_inline)) bool live_has_room(shadow_slot *slot,
                                                                const struct live_block *block)
{
    return __builtin_expect(slot && !atomic_load_explicit(slot, memory_order_relaxed) &&
                            live_fits(block), 1);
}

static inline void live_put(shadow_slot *slot, const struct live_block *block)
{
    atomic_store_explicit(slot, live_pack(block), memory_order_release);
}

/* Where the word of the block at ADDRESS can be taken, which is copied to OUT_BLOCK; NULL:
 * live_remove() is needed. */
static inline __attribute__((always_inline)) shadow_slot *
live_holder(uintptr_t address, struct live_block *out_block)
{
    shadow_slot *slot = shadow_find(address);
    uint64_t value = slot ? atomic_load_explicit(slot, memory_order_relaxed) : 0;

    if (__builtin_expect(!value || (value & (LIVE_HALF | LIVE_CROWDED)) != live_half(address), 0))
        return NULL;
    *out_block = live_unpack(address, value);
    return slot;
}

static inline void live_take(shadow_slot *slot)
{
    atomic_store_explicit(slot, 0, memory_order_release);
}

/* ---- always ---- */

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

/* Whether a block has bytes among the SIZE from ADDRESS. Call with the gate closed. */
bool live_meets(uintptr_t address, size_t size);

/* Call EACH for every block that the shadow has no room for, in no order. Call with the gate
 * closed. */
void live_each_other(void (*each)(void *context, const struct live_block *block), void *context);

/* How many these are; any time, about. */
uint64_t live_count_others(void);

/* Forget all blocks. */
void live_clear(void);

#endif
