#include "preload/arena.h"

#include "preload/lock.h"
#include "preload/syscall.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>

#define PAGE ((size_t)4096)
#define LEFT_AT_MOST ((size_t)1 << 20)
#define PIECE_CHUNK ((size_t)64 * 1024)
#define PIECE_ALIGNMENT ((size_t)64) /* a cache line: pieces of two threads never share one */

static _Atomic uint64_t used[ARENA_USES];
static _Atomic unsigned long fail_countdown;
static bool fail_once;
static _Atomic bool leaving;

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
    if (left == 1 && fail_once)
        return atomic_compare_exchange_strong(&fail_countdown, &left, 0);
    if (left == 1)
        return 1;
    return atomic_fetch_sub(&fail_countdown, 1) <= 1;
}

/* ---- which memory is ours ---------------------------------------------------------- */

/* A list without a lock, since a signal handler may interrupt any of this. Where a range
 * stands follows from its address: in one of the PLACES_TRIED places from there on. */
#define PLACES       32768u /* 16 bytes each, in memory as it is used */
#define PLACES_TRIED 64u
#define PLACE_SHIFT  16 /* neighbours in memory are neighbours here */

static struct {
    _Atomic uintptr_t start; /* 0: free */
    _Atomic size_t size;
} places[PLACES];

/* A bit for each place that was ever taken, so that who looks at all does not read them all. */
static _Atomic uint64_t places_taken[PLACES / 64];

/* How many ranges were ever given back. Who gets one maps it after that: the kernel sees to it, but
 * nobody who checks for races can know. */
static _Atomic uint64_t forgotten;

static uint32_t place_of(uintptr_t start, uint32_t tried)
{
    return ((uint32_t)(start >> PLACE_SHIFT) + tried) % PLACES;
}

static void note(uintptr_t start, size_t size)
{
    (void)atomic_load_explicit(&forgotten, memory_order_acquire);
    for (uint32_t i = 0; i < PLACES_TRIED; i++) {
        uint32_t place = place_of(start, i);
        uintptr_t none = 0;

        if (atomic_compare_exchange_strong_explicit(&places[place].start, &none, start,
                                                    memory_order_relaxed, memory_order_relaxed)) {
            atomic_store_explicit(&places[place].size, size, memory_order_relaxed);
            atomic_fetch_or_explicit(&places_taken[place / 64], (uint64_t)1 << place % 64,
                                     memory_order_relaxed);
            return;
        }
    }
}

/* Before the memory is given back: then another thread may have it. */
static void forget(uintptr_t start)
{
    atomic_fetch_add_explicit(&forgotten, 1, memory_order_release);
    for (uint32_t i = 0; i < PLACES_TRIED; i++) {
        uint32_t place = place_of(start, i);

        if (atomic_load_explicit(&places[place].start, memory_order_relaxed) == start) {
            atomic_store_explicit(&places[place].size, 0, memory_order_relaxed);
            atomic_store_explicit(&places[place].start, 0, memory_order_relaxed);
            return;
        }
    }
}

void arena_each(void (*each)(void *context, uintptr_t start, uintptr_t end), void *context)
{
    for (uint32_t i = 0; i < PLACES / 64; i++)
        for (uint64_t left = atomic_load_explicit(&places_taken[i], memory_order_relaxed); left;
             left &= left - 1) {
            uint32_t place = i * 64 + (uint32_t)__builtin_ctzll(left);
            uintptr_t start = atomic_load_explicit(&places[place].start, memory_order_relaxed);

            if (start)
                each(context, start,
                     start + atomic_load_explicit(&places[place].size, memory_order_relaxed));
        }
}

/* ---- mapping ------------------------------------------------------------------------ */

static void *map(size_t size, int flags)
{
    long memory;

    if (size == 0 || must_fail())
        return NULL;
    memory = SYSCALL_6(SYS_mmap, NULL, size, PROT_READ | PROT_WRITE, flags, -1, 0);
    if (memory < 0 && memory > -4096)
        return NULL;
    note((uintptr_t)memory, round_up(size, PAGE));
    return (void *)memory;
}

void *arena_reserve(size_t size)
{
    return map(size, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE);
}

void *arena_share(size_t size)
{
    return map(size, MAP_SHARED | MAP_ANONYMOUS);
}

void arena_unreserve(void *memory, size_t size)
{
    forget((uintptr_t)memory);
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
    if (size <= LEFT_AT_MOST && atomic_load_explicit(&leaving, memory_order_relaxed))
        return;
    forget((uintptr_t)memory);
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
    forget((uintptr_t)memory);
    moved = SYSCALL_4(SYS_mremap, memory, old_size, new_size, MREMAP_MAYMOVE);
    if (moved < 0 && moved > -4096) {
        note((uintptr_t)memory, old_size);
        return NULL;
    }
    note((uintptr_t)moved, new_size);
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

void arena_leave(bool leaves)
{
    atomic_store_explicit(&leaving, leaves, memory_order_relaxed);
}

void arena_forked(void)
{
    memset(pieces, 0, sizeof pieces); /* what is left of them is lost: it is little */
}

void arena_fail_after(unsigned long count)
{
    atomic_store(&fail_countdown, count);
}

void arena_fail_once(bool once)
{
    fail_once = once;
}
