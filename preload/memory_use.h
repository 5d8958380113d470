/* memory_use.h - what the memory of the process is used for, by kind.
 *
 * From /proc, so without a lock of the allocator's and without touching the memory: for the
 * task that writes a snapshot, while the program runs on. The kernel makes one mapping of
 * neighbours, also of ours and the program's, so what is ours is taken out by address. Memory
 * comes from the arena.
 */
#ifndef PRELOAD_MEMORY_USE_H
#define PRELOAD_MEMORY_USE_H

#include "format/snapshot.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Places of live blocks, so that what they lie in is known: one in each MEMORY_USE_PLACE bytes
 * of address space is enough. */
#define MEMORY_USE_PLACE ((uintptr_t)64 << 10)

/* Fill in USES with the memory of the process PID, this one or the one that it is a copy of, by
 * kind from 1 on; PLACES are COUNT addresses of live blocks, ascending. OWN: PID is this process, not
 * what it is a copy of. RSS: that many bytes are resident, and nobody asks what is shared with other
 * processes, for which the kernel looks at each page once more; 0: both are to be found out. 0 or the error. */
int memory_use_find(uint32_t pid, const uint64_t *places, size_t count, bool own, uint64_t rss,
                    struct snapshot_memory uses[SNAPSHOT_MEMORY_KINDS]);

#endif
