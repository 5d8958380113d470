#include "preload/deep_size.h"

#include "preload/arena.h"
#include "preload/block_index.h"
#include "preload/cut.h"
#include "preload/maps.h"
#include "preload/snapshot.h"

#include <errno.h>
#include <stdbool.h>

/* What the program and its copy tell each other, in memory that they share. */
struct deep_size {
    uintptr_t address;
    uint64_t size;
};

/* The way through the blocks, in the copy. */
struct walk {
    struct block_index index;
    struct maps maps;
    uint64_t *reached; /* ranks of blocks, in the order in which they were reached … */
    uint64_t count;
    uint8_t *seen;     /* … and whether a block is among them, by rank */
};

static void reach(struct walk *walk, uintptr_t address)
{
    uint64_t rank;

    if (address - walk->index.low < walk->index.high - walk->index.low &&
        block_index_find(&walk->index, address, &rank) && !walk->seen[rank]) {
        walk->seen[rank] = 1;
        walk->reached[walk->count++] = rank;
    }
}

static void look_at_words(void *context, uintptr_t address, const uint64_t *words, size_t count)
{
    (void)address;
    for (size_t i = 0; i < count; i++)
        reach(context, words[i]);
}

static bool prepare(struct walk *walk, struct cut *cut)
{
    const uint64_t count = cut->block_count - cut->tracked_count;

    walk->reached = arena_map((count + 1) * sizeof *walk->reached, ARENA_OTHER);
    walk->seen = arena_map(count + 1, ARENA_OTHER);
    return walk->reached && walk->seen &&
           block_index_make(&walk->index, cut->blocks.data, cut->blocks.size - cut->tracked_size,
                            count);
}

/* In the copy, which takes its memory with it when it ends. */
static int add_up(struct cut *cut, void *context)
{
    struct deep_size *deep_size = context;
    struct walk *walk = arena_map(sizeof *walk, ARENA_OTHER);
    int result;

    if (!walk || !prepare(walk, cut))
        return -ENOMEM;
    result = maps_read(&walk->maps);
    if (result < 0)
        return result;
    reach(walk, deep_size->address);
    if (walk->count == 0 || walk->index.blocks[walk->reached[0]].address != deep_size->address)
        return -ENOENT;
    for (uint64_t next = 0; next < walk->count; next++) {
        const struct block_range *block = &walk->index.blocks[walk->reached[next]];

        deep_size->size += block->size;
        maps_look(&walk->maps, block->address, block->address + block->size, look_at_words, walk);
    }
    return 0;
}

int deep_size_find(uintptr_t address, size_t *out_size)
{
    struct deep_size *deep_size = arena_share(sizeof *deep_size);
    int result;

    if (!deep_size)
        return -ENOMEM;
    deep_size->address = address;
    result = snapshot_look(add_up, deep_size);
    if (result == 0)
        *out_size = (size_t)deep_size->size;
    arena_unreserve(deep_size, sizeof *deep_size);
    return result;
}
