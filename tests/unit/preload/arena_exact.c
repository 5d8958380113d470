/* arena_exact.c - arena.h for tests, on the sanitizer's malloc.
 *
 * Each piece has exactly the size that was asked for, so that a leaf that writes one
 * byte more is caught. The account is that of the real one. */
#include "preload/arena.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static _Atomic uint64_t used[ARENA_USES];
static _Atomic unsigned long fail_countdown;

static size_t whole_pages(size_t size)
{
    return (size + 4095) & ~(size_t)4095;
}

static int must_fail(void)
{
    unsigned long left = atomic_load(&fail_countdown);

    while (left > 1 && !atomic_compare_exchange_weak(&fail_countdown, &left, left - 1))
        ;
    return left == 1;
}

void *arena_reserve(size_t size)
{
    return size && !must_fail() ? calloc(1, size) : NULL;
}

void arena_unreserve(void *memory, size_t size)
{
    (void)size;
    free(memory);
}

void arena_count(int64_t change, enum arena_use use)
{
    used[use] += (uint64_t)change;
}

void *arena_map(size_t size, enum arena_use use)
{
    void *memory = arena_reserve(size);

    if (memory)
        used[use] += whole_pages(size);
    return memory;
}

void arena_unmap(void *memory, size_t size, enum arena_use use)
{
    if (!memory)
        return;
    free(memory);
    used[use] -= whole_pages(size);
}

void *arena_resize(void *memory, size_t old_size, size_t new_size, enum arena_use use)
{
    char *moved = arena_map(new_size, use);

    if (moved && memory)
        memcpy(moved, memory, old_size < new_size ? old_size : new_size);
    if (moved)
        arena_unmap(memory, old_size, use);
    return moved;
}

void *arena_alloc(size_t size, enum arena_use use)
{
    void *memory;

    if (must_fail() || posix_memalign(&memory, 64, size) != 0)
        return NULL;
    used[use] += size;
    return memset(memory, 0, size);
}

void arena_populate(void *memory, size_t size)
{
    for (volatile char *byte = memory; size > 0; size--, byte++)
        *byte = *byte; /* all of it must be there */
}

uint64_t arena_used(enum arena_use use)
{
    return used[use];
}

void arena_fail_after(unsigned long count)
{
    fail_countdown = count;
}
