#include "preload/epochs.h"

#include "preload/arena.h"

#include <string.h>

#define CHUNK 512u
#define MAX_EPOCHS (1u << 20)

_Atomic uint32_t epochs_now = 1;

static struct epoch earliest[CHUNK]; /* so that there always is one */
static struct epoch *chunks[MAX_EPOCHS / CHUNK] = { earliest };
static uint32_t count;

static void add(const char *label, uint64_t time)
{
    struct epoch **chunk = &chunks[count / CHUNK], *epoch;

    if (count == MAX_EPOCHS)
        return;
    if (!*chunk)
        *chunk = arena_map(CHUNK * sizeof **chunk, ARENA_OTHER);
    if (!*chunk)
        return;
    epoch = &(*chunk)[count++ % CHUNK];
    epoch->number = epochs_current();
    epoch->time = time;
    strncpy(epoch->label, label, EPOCHS_LABEL_SIZE - 1);
    epoch->label[EPOCHS_LABEL_SIZE - 1] = '\0';
}

void epochs_reset(uint64_t time)
{
    count = 0;
    atomic_store_explicit(&epochs_now, 1, memory_order_relaxed);
    add("", time);
}

void epochs_begin(const char *label, uint64_t time)
{
    atomic_fetch_add_explicit(&epochs_now, 1, memory_order_relaxed);
    add(label, time);
}

uint32_t epochs_count(void)
{
    return count;
}

const struct epoch *epochs_get(uint32_t index)
{
    return &chunks[index / CHUNK][index % CHUNK];
}
