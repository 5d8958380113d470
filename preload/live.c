/* Why the shadow needs no lock.
 *
 * A block has one owner: from the return of the call that allocated it to the call that
 * frees it, the thread that holds it, however it was handed on. We put it in after the
 * real call has returned and take it out before the real free is called, so both lie
 * within that time. One address after the other:
 *
 *      owner A                                    owner B
 *      live_remove(a): slot = 0
 *      real free(a)  --- synchronises with --->   real malloc() returns a
 *                                                 live_add(a): slot = entry
 *
 * An allocator that gives memory to another thread has to order what the two do to it,
 * or the program's own writes would get mixed up; our writes lie on the same sides of that
 * edge. The same holds where the owner changes without a free: who hands a block over
 * orders its own writes before, or the other could not read the block. So accesses to one
 * entry are ordered by the program and its allocator; relaxed ones would do. The release
 * and acquire are for live_find() from a thread that owns nothing here, which sees an entry
 * as it was put in, all of it in one word; an exact cut of all entries needs the gate.
 *
 * What remains are two owners in one slot, of blocks that begin in the same 32 bytes.
 *
 *   live_spaced   That does not happen. The slot is its owner's, who loads and stores. A
 *                 block whose free we missed has no owner and does nothing.
 *   otherwise     Every change of a slot is a compare-and-exchange. An entry is put in only
 *                 where there is none (or a stale one of the same address), and from then
 *                 on only its owner takes it out: others may merely set `crowded` beside it.
 *                 Who finds the slot taken sets `crowded` first, and then goes to the hash,
 *                 whose shards have locks. `crowded` is not taken back here: between the
 *                 look into the hash and that, another may have come.
 *
 * A record of an address is in one place: in the slot, or in the hash with `crowded` set.
 * Who adds one looks into the hash if `crowded` is set, and into the slot always; so who
 * finds a slot of 0 is sure that the hash knows nothing, and does not ask.
 *
 * A leaf or a branch is put in by compare-and-exchange; who comes second gives its own back.
 * They go only with the gate closed. A signal handler may interrupt any of this: it never
 * waits, except for a shard of the hash, and there with limited patience.
 */
#include "preload/live.h"

#include "preload/live_hash.h"

bool live_spaced;

static struct live_hash hash;

/* Whether VALUE has the entry of a block, which is that at ADDRESS. */
static bool is_of(uint64_t value, uintptr_t address)
{
    return (value & ~LIVE_CROWDED) && (value & LIVE_HALF) == live_half(address);
}

/* Put BLOCK into SLOT; what it replaces goes to OUT_REPLACED. False if another is there. */
static bool put(shadow_slot *slot, const struct live_block *block, struct live_block *out_replaced)
{
    uint64_t value = atomic_load_explicit(slot, memory_order_acquire);

    do
        if ((value & ~LIVE_CROWDED) && !is_of(value, block->address))
            return false;
    while (!atomic_compare_exchange_weak_explicit(slot, &value,
                                                  live_pack(block) | (value & LIVE_CROWDED),
                                                  memory_order_acq_rel, memory_order_acquire));
    out_replaced->address = 0;
    if (value & ~LIVE_CROWDED)
        *out_replaced = live_unpack(block->address, value);
    else if (value & LIVE_CROWDED)
        live_hash_remove(&hash, block->address, out_replaced);
    return true;
}

/* Take the block at ADDRESS out of SLOT, if it is there. */
static bool take(shadow_slot *slot, uintptr_t address, struct live_block *out_block)
{
    uint64_t value = atomic_load_explicit(slot, memory_order_acquire);

    do
        if (!is_of(value, address))
            return false;
    while (!atomic_compare_exchange_weak_explicit(slot, &value, value & LIVE_CROWDED,
                                                  memory_order_acq_rel, memory_order_acquire));
    *out_block = live_unpack(address, value);
    return true;
}

static bool add_anywhere(const struct live_block *block, struct live_block *out_replaced)
{
    struct live_block stale;
    shadow_slot *slot;

    if (live_is_odd(block->address))
        return live_hash_add(&hash, block, out_replaced);
    slot = shadow_make(block->address);
    if (!slot)
        return false;
    if (live_fits(block) && put(slot, block, out_replaced))
        return true;
    atomic_fetch_or_explicit(slot, LIVE_CROWDED, memory_order_acq_rel);
    if (!live_hash_add(&hash, block, out_replaced))
        return false;
    if (take(slot, block->address, &stale))
        *out_replaced = stale;
    return true;
}

/* ADDRESS was taken out of the hash; if that knows none of the blocks of SLOT any more, and
 * nobody else may put one there, SLOT is as new. */
static void uncrowd(shadow_slot *slot, uintptr_t address)
{
    uint64_t alone = LIVE_CROWDED;
    struct live_block other;

    if (live_spaced && !live_hash_find(&hash, address ^ 16, &other))
        atomic_compare_exchange_strong_explicit(slot, &alone, 0, memory_order_acq_rel,
                                                memory_order_relaxed);
}

static bool remove_anywhere(uintptr_t address, struct live_block *out_block)
{
    shadow_slot *slot;

    if (live_is_odd(address))
        return live_hash_remove(&hash, address, out_block);
    slot = shadow_find(address);
    if (!slot)
        return false;
    if (take(slot, address, out_block))
        return true;
    if (!(atomic_load_explicit(slot, memory_order_acquire) & LIVE_CROWDED) ||
        !live_hash_remove(&hash, address, out_block))
        return false;
    uncrowd(slot, address);
    return true;
}

bool live_add(const struct live_block *block, struct live_block *out_replaced)
{
    shadow_slot *slot = live_spaced ? shadow_find(block->address) : NULL;

    if (!live_has_room(slot, block))
        return add_anywhere(block, out_replaced);
    live_put(slot, block);
    out_replaced->address = 0;
    return true;
}

bool live_remove(uintptr_t address, struct live_block *out_block)
{
    shadow_slot *slot = live_spaced ? live_holder(address, out_block) : NULL;

    if (!slot)
        return remove_anywhere(address, out_block);
    live_take(slot);
    return true;
}

bool live_try_remove(uintptr_t address, struct live_block *out_block)
{
    shadow_slot *slot;

    if (live_is_odd(address))
        return live_hash_try_remove(&hash, address, out_block);
    slot = shadow_find(address);
    return slot && (take(slot, address, out_block) ||
                    ((atomic_load_explicit(slot, memory_order_acquire) & LIVE_CROWDED) &&
                     live_hash_try_remove(&hash, address, out_block)));
}

bool live_find(uintptr_t address, struct live_block *out_block)
{
    shadow_slot *slot;
    uint64_t value;

    if (live_is_odd(address))
        return live_hash_find(&hash, address, out_block);
    slot = shadow_find(address);
    value = slot ? atomic_load_explicit(slot, memory_order_acquire) : 0;
    if (is_of(value, address)) {
        *out_block = live_unpack(address, value);
        return true;
    }
    return (value & LIVE_CROWDED) && live_hash_find(&hash, address, out_block);
}

/* The bytes that live_meets() asks about. */
struct range {
    uintptr_t begin, end;
    bool met;
};

static void meet(void *context, const struct live_block *block)
{
    struct range *range = context;

    range->met |= block->address < range->end && /* one of no bytes has its address */
                  block->address + block->size + !block->size > range->begin;
}

bool live_meets(uintptr_t address, size_t size)
{
    const uintptr_t longest = (uintptr_t)1 << LIVE_SIZE_BITS; /* in the shadow */
    struct range range = { address, address + (size ? size : 1), false };
    uintptr_t slot_address = (address > longest ? address - longest : 0) & ~(SHADOW_GRANULE - 1);

    while (slot_address < range.end && slot_address < SHADOW_END && !range.met) {
        const shadow_slot *slot = shadow_find(slot_address);
        uint64_t value = slot ? atomic_load_explicit(slot, memory_order_relaxed) : 0;

        if (value & ~LIVE_CROWDED) {
            struct live_block block = live_unpack(live_address(slot_address, value), value);

            meet(&range, &block);
        }
        slot_address += SHADOW_GRANULE;
        if (!slot) /* nor has the rest of the page one */
            slot_address = (slot_address + SHADOW_PAGE_BYTES - 1) & ~(SHADOW_PAGE_BYTES - 1);
    }
    if (!range.met)
        live_hash_each(&hash, meet, &range);
    return range.met;
}

void live_each_other(void (*each)(void *context, const struct live_block *block), void *context)
{
    live_hash_each(&hash, each, context);
}

uint64_t live_count_others(void)
{
    return live_hash_count(&hash);
}

void live_clear(void)
{
    shadow_clear();
    live_hash_clear(&hash);
}
