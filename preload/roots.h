/* roots.h - the memory outside the heap that can hold pointers, and where each part belongs.
 *
 * All that is mapped, less the allocator's and our own, cut into pieces: variables of modules,
 * stacks, what belongs to a thread, and the rest. In the copy-on-write image only (image.h).
 * Memory comes from the arena.
 */
#ifndef PRELOAD_ROOTS_H
#define PRELOAD_ROOTS_H

#include "preload/block_index.h"
#include "preload/buffer.h"
#include "preload/maps.h"
#include "preload/threads.h"

#include <stdbool.h>
#include <stdint.h>

struct root {
    uintptr_t start, end; /* of memory; both 0: of registers or keys */
    uint32_t kind;        /* enum snapshot_root_kind */
    uint32_t thread, module;
    uintptr_t tp;         /* kinds 5 and 7: the thread pointer it belongs to; 0: none */
    uint32_t size;        /* of what is no memory */
    uint32_t place;       /* of the thread in the list of threads, for kinds 2 and 4 */
    const char *name;
};

struct roots {
    struct buffer list; /* struct root, memory first, by address */
    uint32_t count;
    bool failed;        /* memory ran out */
};

/* Find the ROOTS, zeroed memory, of this process, in which MAPS are mapped and BLOCKS are on the
 * heap, and THREADS ran. */
void roots_find(struct roots *roots, const struct maps *maps, const struct block_index *blocks,
                const struct threads *threads);

static inline const struct root *roots_get(const struct roots *roots, uint32_t number)
{
    return (const struct root *)roots->list.data + number;
}

#endif
