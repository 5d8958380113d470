#include "preload/live_shadow.h"

#include "preload/arena.h"
#include "preload/syscall.h"

#include <stdbool.h>
#include <sys/mman.h>

#define SLOTS_SIZE  (SHADOW_LEAF_SLOTS * sizeof(shadow_slot))
#define BRANCH_SIZE (SHADOW_LEAVES * sizeof(struct shadow_leaf))
#define PAGE_SIZE   (SHADOW_PAGE_SLOTS * sizeof(shadow_slot))

struct shadow_leaf *_Atomic shadow_branches[SHADOW_BRANCHES];

/* The leaves of BRANCH, made if need be; NULL on lack of memory. */
static struct shadow_leaf *make_leaves(struct shadow_leaf *_Atomic *branch)
{
    struct shadow_leaf *leaves = atomic_load_explicit(branch, memory_order_acquire), *mine;

    if (leaves)
        return leaves;
    mine = arena_reserve(BRANCH_SIZE);
    if (mine && !atomic_compare_exchange_strong_explicit(branch, &leaves, mine,
                                                         memory_order_acq_rel,
                                                         memory_order_acquire)) {
        arena_unreserve(mine, BRANCH_SIZE); /* another thread was first */
        return leaves;
    }
    return mine;
}

/* The slots of LEAF, made if need be; NULL on lack of memory. */
static shadow_slot *make_slots(struct shadow_leaf *leaf)
{
    shadow_slot *slots = atomic_load_explicit(&leaf->slots, memory_order_acquire), *mine;

    if (slots)
        return slots;
    mine = arena_reserve(SLOTS_SIZE);
    if (mine && !atomic_compare_exchange_strong_explicit(&leaf->slots, &slots, mine,
                                                         memory_order_acq_rel,
                                                         memory_order_acquire)) {
        arena_unreserve(mine, SLOTS_SIZE);
        return slots;
    }
    if (mine)
        arena_count(sizeof *leaf, ARENA_BLOCKS); /* its share of the branch */
    return mine;
}

/* Note that PAGE of LEAF is used, and have the pages after it as well if there is a
 * pattern: where all of the pages before it are used, a heap grows. A system call for many
 * pages costs less than a fault for each. */
static void touch(struct shadow_leaf *leaf, uint32_t page)
{
    uint64_t before = atomic_load_explicit(&leaf->touched, memory_order_relaxed);
    uint64_t more = (uint64_t)1 << page, added;
    uint32_t run = 0, count = 1;

    while (run < page && before >> (page - 1 - run) & 1)
        run++;
    while (count < run && page + count < 64 && !(before >> (page + count) & 1)) {
        more |= (uint64_t)1 << (page + count);
        count++;
    }
    if (count > 1)
        SYSCALL_3(SYS_madvise, (char *)leaf->slots + page * PAGE_SIZE, count * PAGE_SIZE,
                  MADV_POPULATE_WRITE);
    added = more & ~atomic_fetch_or_explicit(&leaf->touched, more, memory_order_release);
    arena_count((int64_t)(__builtin_popcountll(added) * PAGE_SIZE), ARENA_BLOCKS);
}

shadow_slot *shadow_make(uintptr_t address)
{
    struct shadow_leaf *leaf =
        make_leaves(&shadow_branches[address >> (SHADOW_LEAF_SHIFT + SHADOW_LEAF_BITS)]);
    uint32_t slot = shadow_slot_of(address);
    shadow_slot *slots;

    if (!leaf)
        return NULL;
    leaf += (address >> SHADOW_LEAF_SHIFT) & (SHADOW_LEAVES - 1);
    slots = make_slots(leaf);
    if (!slots)
        return NULL;
    if (!(atomic_load_explicit(&leaf->touched, memory_order_acquire) >>
              (slot / SHADOW_PAGE_SLOTS) & 1))
        touch(leaf, slot / SHADOW_PAGE_SLOTS);
    return slots + slot;
}

const shadow_slot *shadow_next_page(struct shadow_cursor *cursor, uintptr_t *out_address)
{
    for (; cursor->branch < SHADOW_BRANCHES; cursor->branch++, cursor->leaf = 0) {
        const struct shadow_leaf *leaves = shadow_branches[cursor->branch];

        for (; leaves && cursor->leaf < SHADOW_LEAVES; cursor->leaf++, cursor->done = 0) {
            uint64_t pages = leaves[cursor->leaf].touched & ~cursor->done;
            uint32_t page;

            if (!pages)
                continue;
            page = (uint32_t)__builtin_ctzll(pages);
            cursor->done |= (uint64_t)1 << page;
            *out_address = ((uintptr_t)cursor->branch << SHADOW_LEAF_BITS | cursor->leaf)
                               << SHADOW_LEAF_SHIFT |
                           (uintptr_t)page * SHADOW_PAGE_SLOTS << SHADOW_GRANULE_BITS;
            return leaves[cursor->leaf].slots + page * SHADOW_PAGE_SLOTS;
        }
    }
    return NULL;
}

void shadow_clear(void)
{
    for (uint32_t i = 0; i < SHADOW_BRANCHES; i++) {
        struct shadow_leaf *leaves = shadow_branches[i];

        for (uint32_t j = 0; leaves && j < SHADOW_LEAVES; j++)
            if (leaves[j].slots) {
                int pages = __builtin_popcountll(leaves[j].touched);

                arena_unreserve(leaves[j].slots, SLOTS_SIZE);
                arena_count(-(int64_t)(pages * PAGE_SIZE + sizeof *leaves), ARENA_BLOCKS);
            }
        if (leaves)
            arena_unreserve(leaves, BRANCH_SIZE);
        shadow_branches[i] = NULL;
    }
}
