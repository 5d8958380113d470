/* live_shadow.h - a word for each 32 bytes of address space, in memory as it is used.
 *
 *      address   | 14 bits branch | 13 bits leaf | 15 bits slot | 5 bits |
 *                        |               |              |
 *   shadow_branches: [ branch ] ---> [ leaf ] -----> [ slot ]
 *                      static         8 GiB           1 MiB of addresses
 *
 * A leaf's 256 KiB of slots are address space until they are written to; `touched`
 * knows the pages that were, so that to look at all slots is to look at those. What the
 * words mean is said in live.h. Any thread may call anything; shadow_clear() with the
 * gate closed.
 */
#ifndef PRELOAD_LIVE_SHADOW_H
#define PRELOAD_LIVE_SHADOW_H

#include "preload/ours.h"

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#define SHADOW_GRANULE_BITS 5 /* bytes of address space for a slot */
#define SHADOW_SLOT_BITS    15
#define SHADOW_LEAF_BITS    13
#define SHADOW_BRANCH_BITS  14

#define SHADOW_GRANULE    ((uintptr_t)1 << SHADOW_GRANULE_BITS)
#define SHADOW_LEAF_SHIFT (SHADOW_GRANULE_BITS + SHADOW_SLOT_BITS)
#define SHADOW_LEAF_SLOTS (1u << SHADOW_SLOT_BITS)
#define SHADOW_PAGE_SLOTS (SHADOW_LEAF_SLOTS / 64) /* a page for each bit of `touched` */
#define SHADOW_PAGE_BYTES (SHADOW_PAGE_SLOTS * SHADOW_GRANULE) /* of address space */
#define SHADOW_LEAVES     (1u << SHADOW_LEAF_BITS)
#define SHADOW_BRANCHES   (1u << SHADOW_BRANCH_BITS)
#define SHADOW_END \
    ((uintptr_t)1 << (SHADOW_LEAF_SHIFT + SHADOW_LEAF_BITS + SHADOW_BRANCH_BITS))

typedef _Atomic uint64_t shadow_slot;

struct shadow_leaf {
    shadow_slot *_Atomic slots; /* NULL: none yet */
    _Atomic uint64_t touched;
};

extern OURS struct shadow_leaf *_Atomic shadow_branches[SHADOW_BRANCHES];

/* The number of the slot of ADDRESS in its leaf. */
static inline uint32_t shadow_slot_of(uintptr_t address)
{
    return (uint32_t)(address >> SHADOW_GRANULE_BITS) & (SHADOW_LEAF_SLOTS - 1);
}

/* The slot of ADDRESS; NULL if none of its page was ever asked for, and if it is no multiple of 16
 * or not below SHADOW_END. */
static inline __attribute__((always_inline)) shadow_slot *shadow_find(uintptr_t address)
{
    /* With the lowest four bits on top, all that must be 0 is above the number of the branch. */
    uintptr_t rotated = address >> 4 | address << 60;
    uintptr_t branch = rotated >> (SHADOW_LEAF_SHIFT + SHADOW_LEAF_BITS - 4);
    const struct shadow_leaf *leaf;
    uint32_t slot = shadow_slot_of(address);
    shadow_slot *slots;

    if (__builtin_expect(branch >= SHADOW_BRANCHES, 0))
        return NULL;
    leaf = atomic_load_explicit(&shadow_branches[branch], memory_order_acquire);
    if (__builtin_expect(!leaf, 0))
        return NULL;
    leaf += (address >> SHADOW_LEAF_SHIFT) & (SHADOW_LEAVES - 1);
    if (__builtin_expect(!(atomic_load_explicit(&leaf->touched, memory_order_acquire) >>
                               (slot / SHADOW_PAGE_SLOTS) & 1), 0))
        return NULL;
    slots = atomic_load_explicit(&leaf->slots, memory_order_relaxed);
    if (!slots)
        __builtin_unreachable(); /* they were there before they were touched */
    return slots + slot;
}

/* The same, made if need be, of an ADDRESS that has one; NULL on lack of memory. */
shadow_slot *shadow_make(uintptr_t address);

/* A place on the way through all slots; zeroed memory is at the beginning. */
struct shadow_cursor {
    uint32_t branch, leaf;
    uint64_t done; /* pages of the leaf */
};

/* Go on to the next page of slots that was ever asked for, in the order of addresses. Returns
 * its SHADOW_PAGE_SLOTS slots, and the first address of them; NULL: there is none. */
const shadow_slot *shadow_next_page(struct shadow_cursor *cursor, uintptr_t *out_address);

/* Give all memory back. */
void shadow_clear(void);

#endif
