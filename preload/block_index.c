#include "preload/block_index.h"

#include "format/varint.h"
#include "preload/arena.h"

#define GRANULE_BITS 4
#define GROUP_BITS   9 /* granules */
#define MIB_BITS     20
#define BRANCH_BITS  13 /* MiBs */
#define BRANCHES     ((size_t)1 << (47 - MIB_BITS - BRANCH_BITS))
#define GROUPS       (1u << (MIB_BITS - GRANULE_BITS - GROUP_BITS))
#define GROUP_WORDS  ((1u << GROUP_BITS) / 64)
#define IRREGULAR    ((uint64_t)1 << 63) /* two blocks begin in 16 bytes of the group */

struct block_group {
    uint64_t rank; /* of the first block that begins here or later */
    uint64_t bits[GROUP_WORDS];
};

struct block_mib {
    struct block_group *groups; /* NULL: no block begins here */
    uint64_t rank;              /* of the first block that begins here or later */
    bool known;
};

/* ---- reading the list --------------------------------------------------------------- */

static bool read_blocks(struct block_index *index, const uint8_t *records, size_t size,
                        uint64_t count)
{
    const uint8_t *at = records, *end = records + size;
    uint64_t address = 0, values[4];

    index->capacity = (count + 1) * sizeof *index->blocks;
    index->blocks = arena_map(index->capacity, ARENA_OTHER);
    if (!index->blocks)
        return false;
    for (uint64_t i = 0; i < count; i++) {
        for (int field = 0; field < 4; field++) {
            size_t length = varint_get(at, (size_t)(end - at), &values[field]);

            if (length == 0)
                return false;
            at += length;
        }
        address = varint_undelta(values[0], address);
        index->blocks[i] = (struct block_range){ address, values[1] };
    }
    index->count = count;
    return true;
}

/* Move the block at PLACE down to where it belongs among the COUNT blocks of a heap. */
static void sift(struct block_range *blocks, uint64_t place, uint64_t count)
{
    struct block_range moving = blocks[place];

    for (uint64_t child; (child = 2 * place + 1) < count; place = child) {
        if (child + 1 < count && blocks[child + 1].address > blocks[child].address)
            child++;
        if (blocks[child].address <= moving.address)
            break;
        blocks[place] = blocks[child];
    }
    blocks[place] = moving;
}

/* By address: nearly always they are, and then this is one look. */
static void sort_blocks(struct block_index *index)
{
    struct block_range *blocks = index->blocks, last;
    uint64_t sorted = 1;

    while (sorted < index->count && blocks[sorted - 1].address < blocks[sorted].address)
        sorted++;
    if (sorted >= index->count)
        return;
    for (uint64_t i = index->count / 2; i-- > 0;)
        sift(blocks, i, index->count);
    for (uint64_t left = index->count; left-- > 1;) {
        last = blocks[left];
        blocks[left] = blocks[0];
        blocks[0] = last;
        sift(blocks, 0, left);
    }
}

/* ---- the index --------------------------------------------------------------------- */

static struct block_mib *find_mib(const struct block_index *index, uintptr_t address)
{
    struct block_mib *branch = index->branches[address >> (MIB_BITS + BRANCH_BITS)];

    return branch ? &branch[address >> MIB_BITS & ((1u << BRANCH_BITS) - 1)] : NULL;
}

static struct block_mib *make_mib(struct block_index *index, uintptr_t address)
{
    struct block_mib **branch = &index->branches[address >> (MIB_BITS + BRANCH_BITS)];

    if (!*branch)
        *branch = arena_map(sizeof **branch << BRANCH_BITS, ARENA_OTHER);
    return *branch ? find_mib(index, address) : NULL;
}

static uint32_t group_of(uintptr_t address)
{
    return (uint32_t)(address >> (GRANULE_BITS + GROUP_BITS)) & (GROUPS - 1);
}

/* Give the groups from *NEXT of MIB up to END the rank of the block that comes next. */
static void set_ranks(struct block_mib *mib, uint32_t *next, uint32_t end, uint64_t rank)
{
    for (; *next < end; ++*next)
        mib->groups[*next].rank = rank;
}

/* Note that the block of RANK begins at ADDRESS, in MIB, of which NEXT groups have a rank. */
static bool add_start(struct block_mib *mib, uint32_t *next, uintptr_t address, uint64_t rank)
{
    struct block_group *group;
    uint32_t granule = (uint32_t)(address >> GRANULE_BITS) & ((1u << GROUP_BITS) - 1);
    uint64_t bit = (uint64_t)1 << granule % 64;

    if (!mib->groups) {
        mib->groups = arena_alloc(GROUPS * sizeof *mib->groups, ARENA_OTHER);
        *next = 0;
    }
    if (!mib->groups)
        return false;
    set_ranks(mib, next, group_of(address) + 1, rank);
    group = &mib->groups[group_of(address)];
    if (group->bits[granule / 64] & bit)
        group->rank |= IRREGULAR;
    group->bits[granule / 64] |= bit;
    return true;
}

static bool make_index(struct block_index *index)
{
    struct block_mib *mib = NULL, *last = NULL;
    uint32_t next = 0;

    for (uint64_t rank = 0; rank < index->count; rank++) {
        uintptr_t address = index->blocks[rank].address;
        uintptr_t end = address + index->blocks[rank].size;

        if (address >> 47 || end >> 47 || end < address)
            continue; /* never seen: user space ends there */
        if (index->high < end + 1)
            index->high = end + 1;
        mib = make_mib(index, address);
        if (!mib)
            return false;
        if (mib != last && last && last->groups)
            set_ranks(last, &next, GROUPS, rank);
        last = mib;
        if (!mib->known) {
            mib->known = true;
            mib->rank = rank;
        }
        if (!add_start(mib, &next, address, rank))
            return false;
        for (uintptr_t at = (address >> MIB_BITS) + 1; at << MIB_BITS < end; at++) {
            mib = make_mib(index, at << MIB_BITS);
            if (!mib)
                return false;
            if (!mib->known) {
                mib->known = true;
                mib->rank = rank + 1;
            }
        }
    }
    if (last && last->groups)
        set_ranks(last, &next, GROUPS, index->count);
    return true;
}

bool block_index_make(struct block_index *index, const uint8_t *records, size_t size,
                      uint64_t count)
{
    index->branches = arena_map(BRANCHES * sizeof *index->branches, ARENA_OTHER);
    if (!index->branches || !read_blocks(index, records, size, count))
        return false;
    sort_blocks(index);
    index->low = count ? index->blocks[0].address : 0;
    return make_index(index);
}

/* How many blocks of GROUP begin at ADDRESS or before. */
static uint64_t count_bits(const struct block_group *group, uintptr_t address)
{
    uint32_t granule = (uint32_t)(address >> GRANULE_BITS) & ((1u << GROUP_BITS) - 1);
    uint64_t count = 0;

    for (uint32_t word = 0; word < granule / 64; word++)
        count += (uint64_t)__builtin_popcountll(group->bits[word]);
    return count + (uint64_t)__builtin_popcountll(group->bits[granule / 64] << (63 - granule % 64));
}

bool block_index_find(const struct block_index *index, uintptr_t address, uint64_t *out_rank)
{
    const struct block_mib *mib;
    uint64_t behind; /* rank of the first block that begins behind ADDRESS */

    if (address < index->low || address >= index->high)
        return false;
    mib = find_mib(index, address);
    if (!mib || !mib->known)
        return false;
    if (!mib->groups) {
        behind = mib->rank;
    } else {
        const struct block_group *group = &mib->groups[group_of(address)];

        behind = group->rank & ~IRREGULAR;
        if (group->rank & IRREGULAR)
            while (behind < index->count && index->blocks[behind].address <= address)
                behind++;
        else
            behind += count_bits(group, address);
    }
    /* In the very granule it may begin later. */
    if (behind > 0 && index->blocks[behind - 1].address > address)
        behind--;
    if (behind == 0)
        return false;
    *out_rank = behind - 1;
    return address - index->blocks[behind - 1].address <
           index->blocks[behind - 1].size + !index->blocks[behind - 1].size;
}

uint64_t block_index_first(const struct block_index *index, uintptr_t address)
{
    uint64_t low = 0, high = index->count;

    while (low < high) {
        uint64_t middle = low + (high - low) / 2;

        if (index->blocks[middle].address < address)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}
