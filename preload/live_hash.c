#include "preload/live_hash.h"

#include "preload/arena.h"

#include <string.h>

#define FIRST_SLOTS 128u /* a power of two; 3 KiB */
#define PATIENCE 10000   /* attempts, before the holder of a lock must be ourselves */

/* The upper bits choose the shard, the next ones the slot. The lowest of ADDRESS are 0 but in
 * other domains than malloc's. */
static uint64_t mix(uintptr_t address)
{
    return (address >> 4 | address << 60) * 0x9e3779b97f4a7c15u;
}

static struct live_hash_shard *shard_of(struct live_hash *hash, uintptr_t address)
{
    return &hash->shards[mix(address) >> (64 - LIVE_HASH_SHARD_BITS)];
}

static uint32_t home(const struct live_hash_shard *shard, uintptr_t address)
{
    return (uint32_t)(mix(address) >> (32 - LIVE_HASH_SHARD_BITS)) & (shard->slots - 1);
}

/* The slot of ADDRESS, or the empty one where it would go. The shard has slots. */
static uint32_t find_slot(const struct live_hash_shard *shard, uintptr_t address)
{
    uint32_t slot = home(shard, address);

    while (shard->blocks[slot].address && shard->blocks[slot].address != address)
        slot = (slot + 1) & (shard->slots - 1);
    return slot;
}

/* Make room for one block more. */
static bool make_room(struct live_hash_shard *shard)
{
    struct live_hash_shard larger = { .slots = shard->slots ? shard->slots * 2 : FIRST_SLOTS };

    if (shard->count + 1 <= shard->slots / 4 * 3)
        return true;
    larger.blocks = arena_map(larger.slots * sizeof *larger.blocks, ARENA_BLOCKS);
    if (!larger.blocks)
        return shard->count + 1 < shard->slots; /* one slot must stay empty */
    for (uint32_t i = 0; i < shard->slots; i++)
        if (shard->blocks[i].address)
            larger.blocks[find_slot(&larger, shard->blocks[i].address)] = shard->blocks[i];
    arena_unmap(shard->blocks, shard->slots * sizeof *shard->blocks, ARENA_BLOCKS);
    shard->blocks = larger.blocks;
    shard->slots = larger.slots;
    return true;
}

bool live_hash_add(struct live_hash *hash, const struct live_block *block,
                   struct live_block *out_replaced)
{
    struct live_hash_shard *shard = shard_of(hash, block->address);
    bool added;

    lock_take(&shard->lock);
    added = make_room(shard);
    if (added) {
        uint32_t slot = find_slot(shard, block->address);

        *out_replaced = shard->blocks[slot];
        shard->count += !shard->blocks[slot].address;
        shard->blocks[slot] = *block;
    }
    lock_release(&shard->lock);
    return added;
}

/* Empty SLOT and move up what would not be found behind the gap. */
static void remove_slot(struct live_hash_shard *shard, uint32_t slot)
{
    uint32_t mask = shard->slots - 1, gap = slot;

    for (uint32_t next = (gap + 1) & mask; shard->blocks[next].address; next = (next + 1) & mask) {
        uint32_t wanted = home(shard, shard->blocks[next].address);

        if (((next - wanted) & mask) >= ((next - gap) & mask)) {
            shard->blocks[gap] = shard->blocks[next];
            gap = next;
        }
    }
    shard->blocks[gap].address = 0;
    shard->count--;
}

/* Take the block at ADDRESS out of SHARD, which is locked. */
static bool take_out(struct live_hash_shard *shard, uintptr_t address, struct live_block *out_block)
{
    uint32_t slot;

    if (shard->slots == 0)
        return false;
    slot = find_slot(shard, address);
    if (!shard->blocks[slot].address)
        return false;
    *out_block = shard->blocks[slot];
    remove_slot(shard, slot);
    return true;
}

bool live_hash_remove(struct live_hash *hash, uintptr_t address, struct live_block *out_block)
{
    struct live_hash_shard *shard = shard_of(hash, address);
    bool known;

    lock_take(&shard->lock);
    known = take_out(shard, address, out_block);
    lock_release(&shard->lock);
    return known;
}

bool live_hash_try_remove(struct live_hash *hash, uintptr_t address, struct live_block *out_block)
{
    struct live_hash_shard *shard = shard_of(hash, address);
    bool known;

    for (int i = 0; !lock_try(&shard->lock); i++)
        if (i == PATIENCE)
            return false;
    known = take_out(shard, address, out_block);
    lock_release(&shard->lock);
    return known;
}

bool live_hash_find(struct live_hash *hash, uintptr_t address, struct live_block *out_block)
{
    struct live_hash_shard *shard = shard_of(hash, address);
    bool known = false;

    lock_take(&shard->lock);
    if (shard->slots) {
        uint32_t slot = find_slot(shard, address);

        known = shard->blocks[slot].address != 0;
        if (known)
            *out_block = shard->blocks[slot];
    }
    lock_release(&shard->lock);
    return known;
}

void live_hash_each(const struct live_hash *hash,
                    void (*each)(void *context, const struct live_block *block), void *context)
{
    for (const struct live_hash_shard *shard = hash->shards;
         shard < hash->shards + LIVE_HASH_SHARDS; shard++)
        for (uint32_t i = 0; i < shard->slots; i++)
            if (shard->blocks[i].address)
                each(context, &shard->blocks[i]);
}

uint64_t live_hash_count(const struct live_hash *hash)
{
    uint64_t count = 0;

    for (unsigned i = 0; i < LIVE_HASH_SHARDS; i++)
        count += *(const volatile uint32_t *)&hash->shards[i].count;
    return count;
}

void live_hash_clear(struct live_hash *hash)
{
    for (struct live_hash_shard *shard = hash->shards; shard < hash->shards + LIVE_HASH_SHARDS;
         shard++) {
        arena_unmap(shard->blocks, shard->slots * sizeof *shard->blocks, ARENA_BLOCKS);
        shard->blocks = NULL;
        shard->slots = shard->count = 0;
    }
}
