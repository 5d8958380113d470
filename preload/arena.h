/* arena.h - the shim's own memory, from mmap, never from the program's malloc.
 *
 * Every byte is accounted for under a use. Memory comes zeroed. Callable from
 * any thread, signal handler or task; on lack of memory a call returns NULL and
 * changes nothing.
 */
#ifndef PRELOAD_ARENA_H
#define PRELOAD_ARENA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum arena_use {
    ARENA_BLOCKS,   /* the live table */
    ARENA_STACKS,   /* stacks, frames, modules */
    ARENA_COUNTERS, /* per-stack counters */
    ARENA_OTHER,    /* threads, unwind rules, snapshots being written */
    ARENA_USES
};

/* Map SIZE bytes (rounded up to whole pages) for USE. */
void *arena_map(size_t size, enum arena_use use);

/* Give back the SIZE bytes at MEMORY, mapped for USE; MEMORY may be NULL. */
void arena_unmap(void *memory, size_t size, enum arena_use use);

/* Map SIZE bytes of address space, of which only some will be touched; arena_count() then
 * says how many more are, or how many less (CHANGE). */
void *arena_reserve(size_t size);
void arena_unreserve(void *memory, size_t size);
void arena_count(int64_t change, enum arena_use use);

/* SIZE bytes that copies of this process share with it; to be given back by
 * arena_unreserve(). */
void *arena_share(size_t size);

/* Make the OLD_SIZE bytes at MEMORY (or none, if NULL), mapped for USE, NEW_SIZE bytes
 * long, here or elsewhere. On failure (NULL) they stay as they are. */
void *arena_resize(void *memory, size_t old_size, size_t new_size, enum arena_use use);

/* Let the SIZE bytes at MEMORY, which the calling thread alone uses, be there before they are
 * touched, so that touching them causes no page fault. */
void arena_populate(void *memory, size_t size);

/* SIZE bytes for USE, aligned to 64, that are never given back. */
void *arena_alloc(size_t size, enum arena_use use);

/* Bytes held for USE now. */
uint64_t arena_used(enum arena_use use);

/* Bytes held for all uses now. */
uint64_t arena_used_together(void);

/* Call EACH for every range of addresses mapped here, in no order. Not for one that no room
 * was found for in the list of them: there are thousands of places. */
void arena_each(void (*each)(void *context, uintptr_t start, uintptr_t end), void *context);

/* With LEAVES, the process is about to end, all its memory with it: what is small is not given back any
 * more. */
void arena_leave(bool leaves);

/* This process is a copy of one whose other threads were anywhere: leave what they held. */
void arena_forked(void);

/* Let the COUNT-th mapping from now on fail, and all after it; 0: none (for tests). */
void arena_fail_after(unsigned long count);

/* With ONCE, only the one that arena_fail_after() says fails (for tests). */
void arena_fail_once(bool once);

#endif
