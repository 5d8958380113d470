#include "preload/live_shadow.h"

#include "preload/arena.h"
#include "preload/syscall.h"

#include <stdbool.h>
#include <sys/mman.h>

#define SLOTS_SIZE  (SHADOW_LEAF_SLOTS * sizeof(shadow_slot))
#define LEAVES_SIZE (SHADOW_LEAVES * sizeof(struct shadow_leaf))
#define BRANCH_SIZE (LEAVES_SIZE + SHADOW_LEAVES / 8)
#define PAGE_SIZE   (SHADOW_PAGE_SLOTS * sizeof(shadow_slot))

struct shadow_leaf *_Atomic shadow_branches[SHADOW_BRANCHES];

/* Which branches there are, and behind the leaves of each which of these have slots: who looks at all
 * would otherwise read, and so have in memory, pages of nothing. */
static _Atomic uint64_t branches_made[SHADOW_BRANCHES / 64];

static _Atomic uint64_t *leaves_made(const struct shadow_leaf *leaves)
{
    return (_Atomic uint64_t *)(leaves + SHADOW_LEAVES);
}

static void set(_Atomic uint64_t *bits, uint32_t number)
{
    atomic_fetch_or_explicit(&bits[number / 64], (uint64_t)1 << number % 64, memory_order_release);
}

/* The first number of those set in BITS that is not less than FROM; COUNT if there is none. */
static uint32_t next_set(const _Atomic uint64_t *bits, uint32_t count, uint32_t from)
{
    uint64_t left = ~(uint64_t)0 << from % 64;

    for (uint32_t word = from / 64; word < count / 64; word++, left = ~(uint64_t)0) {
        left &= atomic_load_explicit(&bits[word], memory_order_acquire);
        if (left)
            return word * 64 + (uint32_t)__builtin_ctzll(left);
    }
    return count;
}

/* The leaves of branch NUMBER, made if need be; NULL on lack of memory. */
static struct shadow_leaf *make_leaves(uint32_t number)
{
    struct shadow_leaf *_Atomic *branch = &shadow_branches[number];
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
    if (mine)
        set(branches_made, number);
    return mine;
}

/* The slots of leaf NUMBER of LEAVES, made if need be; NULL on lack of memory. */
static shadow_slot *make_slots(struct shadow_leaf *leaves, uint32_t number)
{
    struct shadow_leaf *leaf = &leaves[number];
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
    if (mine) {
        set(leaves_made(leaves), number);
        arena_count(sizeof *leaf, ARENA_BLOCKS); /* its share of the branch */
    }
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
    struct shadow_leaf *leaves =
        make_leaves((uint32_t)(address >> (SHADOW_LEAF_SHIFT + SHADOW_LEAF_BITS)));
    uint32_t number = (uint32_t)(address >> SHADOW_LEAF_SHIFT) & (SHADOW_LEAVES - 1);
    uint32_t slot = shadow_slot_of(address);
    struct shadow_leaf *leaf;
    shadow_slot *slots;

    if (!leaves)
        return NULL;
    slots = make_slots(leaves, number);
    if (!slots)
        return NULL;
    leaf = &leaves[number];
    if (!(atomic_load_explicit(&leaf->touched, memory_order_acquire) >>
              (slot / SHADOW_PAGE_SLOTS) & 1))
        touch(leaf, slot / SHADOW_PAGE_SLOTS);
    return slots + slot;
}

const shadow_slot *shadow_next_page(struct shadow_cursor *cursor, uintptr_t *out_address)
{
    while ((cursor->branch = next_set(branches_made, SHADOW_BRANCHES, cursor->branch)) <
           SHADOW_BRANCHES) {
        const struct shadow_leaf *leaves = shadow_branches[cursor->branch];

        while ((cursor->leaf = next_set(leaves_made(leaves), SHADOW_LEAVES, cursor->leaf)) <
               SHADOW_LEAVES) {
            uint64_t pages = leaves[cursor->leaf].touched & ~cursor->done;
            uint32_t page;

            if (!pages) {
                cursor->leaf++;
                cursor->done = 0;
                continue;
            }
            page = (uint32_t)__builtin_ctzll(pages);
            cursor->done |= (uint64_t)1 << page;
            *out_address = ((uintptr_t)cursor->branch << SHADOW_LEAF_BITS | cursor->leaf)
                               << SHADOW_LEAF_SHIFT |
                           (uintptr_t)page * SHADOW_PAGE_SLOTS << SHADOW_GRANULE_BITS;
            return leaves[cursor->leaf].slots + page * SHADOW_PAGE_SLOTS;
        }
        cursor->branch++;
        cursor->leaf = 0;
    }
    return NULL;
}

void shadow_clear(void)
{
    uint32_t branch = 0;

    for (; (branch = next_set(branches_made, SHADOW_BRANCHES, branch)) < SHADOW_BRANCHES; branch++) {
        struct shadow_leaf *leaves = shadow_branches[branch];
        uint32_t leaf = 0;

        for (; (leaf = next_set(leaves_made(leaves), SHADOW_LEAVES, leaf)) < SHADOW_LEAVES; leaf++) {
            int pages = __builtin_popcountll(leaves[leaf].touched);

            arena_unreserve(leaves[leaf].slots, SLOTS_SIZE);
            arena_count(-(int64_t)(pages * PAGE_SIZE + sizeof *leaves), ARENA_BLOCKS);
        }
        arena_unreserve(leaves, BRANCH_SIZE);
        shadow_branches[branch] = NULL;
    }
    for (uint32_t word = 0; word < SHADOW_BRANCHES / 64; word++)
        atomic_store_explicit(&branches_made[word], 0, memory_order_relaxed);
}
