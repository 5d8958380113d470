#include "preload/roster.h"

#include "preload/arena.h"
#include "preload/lock.h"

#include <stdatomic.h>
#include <stddef.h>

#define CHUNK 256u

static struct roster_thread *_Atomic chunks[ROSTER_MAX / CHUNK + 1];
static _Atomic uint32_t count;
static struct lock lock;

static struct roster_thread *at(uint32_t number)
{
    return atomic_load_explicit(&chunks[number / CHUNK], memory_order_acquire) + number % CHUNK;
}

uint32_t roster_count(void)
{
    return atomic_load_explicit(&count, memory_order_acquire);
}

const struct roster_thread *roster_thread(uint32_t number)
{
    return at(number);
}

uint32_t roster_enter(uint32_t tid)
{
    uint32_t number;
    struct roster_thread *chunk;

    lock_take(&lock);
    number = roster_count() + 1;
    chunk = number <= ROSTER_MAX
                ? atomic_load_explicit(&chunks[number / CHUNK], memory_order_relaxed)
                : NULL;
    if (!chunk && number <= ROSTER_MAX) {
        chunk = arena_map(CHUNK * sizeof *chunk, ARENA_OTHER);
        atomic_store_explicit(&chunks[number / CHUNK], chunk, memory_order_release);
    }
    if (chunk) {
        chunk[number % CHUNK].tid = tid;
        atomic_store_explicit(&count, number, memory_order_release);
    }
    lock_release(&lock);
    return chunk ? number : 0;
}

uint32_t roster_find(uint32_t tid)
{
    uint32_t number = roster_count();

    while (number > 0 && at(number)->tid != tid)
        number--;
    return number;
}

void roster_name(uint32_t number, const char *name, uint32_t size)
{
    char *out = at(number)->name;
    uint32_t length = 0;

    for (; length < size && length < ROSTER_NAME_SIZE - 1 && name[length]; length++)
        out[length] = name[length];
    while (length < ROSTER_NAME_SIZE)
        out[length++] = '\0';
}
