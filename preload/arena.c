#include "preload/arena.h"

#include "preload/lock.h"
#include "preload/syscall.h"

#include <errno.h>
#include <stdatomic.h>
#include <sys/mman.h>

#define PAGE ((size_t)4096)
#define PIECE_CHUNK ((size_t)64 * 1024)
#define PIECE_ALIGNMENT ((size_t)64) /* a cache line: pieces of two threads never share one */

static _Atomic uint64_t used[ARENA_USES];
static _Atomic unsigned long fail_countdown;

static struct {
    struct lock lock;
    char *next;
    size_t left;
} pieces[ARENA_USES];

static size_t round_up(size_t size, size_t unit)
{
    return (size + unit - 1) & ~(unit - 1);
}

/* Whether a test wants this mapping to fail. */
static int must_fail(void)
{
    unsigned long left = atomic_load_explicit(&fail_countdown, memory_order_relaxed);

    if (left == 0)
        return 0;
    if (left == 1)
        return 1;
    return atomic_fetch_sub(&fail_countdown, 1) <= 1;
}

void *arena_reserve(size_t size)
{
    long memory;

    if (size == 0 || must_fail())
        return NULL;
    memory = SYSCALL_6(SYS_mmap, NULL, size, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return memory < 0 && memory > -4096 ? NULL : (void *)memory;
}

void arena_unreserve(void *memory, size_t size)
{
    SYSCALL_2(SYS_munmap, memory, size);
}

void arena_count(int64_t change, enum arena_use use)
{
    atomic_fetch_add_explicit(&used[use], (uint64_t)change, memory_order_relaxed);
}

void *arena_map(size_t size, enum arena_use use)
{
    void *memory;

    size = round_up(size, PAGE);
    memory = arena_reserve(size);
    if (memory)
        arena_count((int64_t)size, use);
    return memory;
}

void arena_unmap(void *memory, size_t size, enum arena_use use)
{
    if (!memory)
        return;
    size = round_up(size, PAGE);
    if (SYSCALL_2(SYS_munmap, memory, size) == 0)
        arena_count(-(int64_t)size, use);
}

void *arena_resize(void *memory, size_t old_size, size_t new_size, enum arena_use use)
{
    long moved;

    if (!memory)
        return arena_map(new_size, use);
    old_size = round_up(old_size, PAGE);
    new_size = round_up(new_size, PAGE);
    if (must_fail())
        return NULL;
    moved = SYSCALL_4(SYS_mremap, memory, old_size, new_size, MREMAP_MAYMOVE);
    if (moved < 0 && moved > -4096)
        return NULL;
    atomic_fetch_add_explicit(&used[use], new_size - old_size, memory_order_relaxed);
    return (void *)moved;
}

void arena_populate(void *memory, size_t size)
{
    uintptr_t begin = (uintptr_t)memory & ~(PAGE - 1), end = (uintptr_t)memory + size;

    if (SYSCALL_3(SYS_madvise, begin, end - begin, MADV_POPULATE_WRITE) != -EINVAL)
        return;
    /* Before Linux 5.14. */
    for (volatile char *byte = memory; (uintptr_t)byte < end; byte += PAGE)
        *byte = *byte;
}

void *arena_alloc(size_t size, enum arena_use use)
{
    void *piece = NULL;

    if (size > PIECE_CHUNK / 4)
        return arena_map(size, use);
    size = round_up(size, PIECE_ALIGNMENT);
    lock_take(&pieces[use].lock);
    if (pieces[use].left < size) {
        char *chunk = arena_map(PIECE_CHUNK, use);

        if (!chunk)
            goto out;
        pieces[use].next = chunk;
        pieces[use].left = PIECE_CHUNK;
    }
    piece = pieces[use].next;
    pieces[use].next += size;
    pieces[use].left -= size;
out:
    lock_release(&pieces[use].lock);
    return piece;
}

uint64_t arena_used(enum arena_use use)
{
    return atomic_load_explicit(&used[use], memory_order_relaxed);
}

uint64_t arena_used_together(void)
{
    uint64_t bytes = 0;

    for (int use = 0; use < ARENA_USES; use++)
        bytes += arena_used(use);
    return bytes;
}

void arena_fail_after(unsigned long count)
{
    atomic_store(&fail_countdown, count);
}
