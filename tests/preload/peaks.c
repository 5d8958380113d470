/* peaks.c - random calls at eight sites; what was temporary and what lived at the peak.
 *
 * usage: peaks SEED [reset]
 * Prints "SITE ALLOCATIONS TEMPORARY PEAK_BYTES PEAK_BLOCKS" for each site, by its own books: the
 * peak is over when less is alive than ever before. With "reset" the peak begins anew halfway.
 */
#include "preload/heapdelta.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SITES 8
#define SLOTS 512
#define CALLS 200000

struct site {
    uint64_t allocations, temporary, bytes, blocks, peak_bytes, peak_blocks;
};

static struct site sites[SITES];
static struct {
    void *block;
    size_t size;
    int site;
} slots[SLOTS];
static uint64_t state, live, highest;
static int at_peak;
static void *newest;
static char buffer[1 << 16]; /* stdout's, so that it is no allocation among ours */

static uint64_t next_random(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

#define SITE(number)                                                      \
    static __attribute__((noinline)) void *site_##number(void *block, size_t size) \
    {                                                                     \
        void *made = block ? realloc(block, size) : malloc(size);         \
                                                                          \
        __asm__ volatile("" : "+r"(made));                                \
        return made;                                                      \
    }
SITE(0) SITE(1) SITE(2) SITE(3) SITE(4) SITE(5) SITE(6) SITE(7)

static void *(*const make[SITES])(void *, size_t) = { site_0, site_1, site_2, site_3,
                                                      site_4, site_5, site_6, site_7 };

/* The live bytes are about to change by MORE. */
static void change(int64_t more)
{
    if (more < 0 && at_peak) {
        for (int i = 0; i < SITES; i++) {
            sites[i].peak_bytes = sites[i].bytes;
            sites[i].peak_blocks = sites[i].blocks;
        }
        at_peak = 0;
    }
    live += (uint64_t)more;
    if (live > highest) {
        highest = live;
        at_peak = 1;
    }
}

static void note_gone(size_t slot)
{
    struct site *site = &sites[slots[slot].site];

    site->bytes -= slots[slot].size;
    site->blocks--;
    site->temporary += slots[slot].block == newest;
    if (slots[slot].block == newest)
        newest = NULL;
    slots[slot].block = NULL;
}

static void note_new(size_t slot, void *block, size_t size, int site)
{
    slots[slot].block = newest = block;
    slots[slot].size = size;
    slots[slot].site = site;
    sites[site].allocations++;
    sites[site].bytes += size;
    sites[site].blocks++;
}

/* Mostly small; some are of no bytes, some have no place in the shadow. */
static size_t random_size(void)
{
    uint64_t random = next_random();

    return random % 16 == 0 ? random / 16 % 100000 : random % 64 == 1 ? 0 : random / 16 % 300;
}

static void call(void)
{
    static size_t last;
    size_t slot = next_random() % 4 == 0 ? last : next_random() % SLOTS;
    int site = (int)(next_random() % SITES);
    size_t size = random_size();
    void *old = slots[slot].block, *made;

    last = slot;
    if (old && next_random() % 3) {
        change(-(int64_t)slots[slot].size);
        note_gone(slot);
        free(old);
        return;
    }
    if (old && next_random() % 16 == 0) {
        made = make[site](old, SIZE_MAX / 2); /* fails, and nothing has happened */
        if (made)
            abort();
        return;
    }
    if (old && size == 0)
        size = 1; /* realloc would free it */
    made = make[site](old, size);
    if (!made)
        abort();
    change((int64_t)size - (old ? (int64_t)slots[slot].size : 0));
    if (old)
        note_gone(slot);
    note_new(slot, made, size, site);
}

/* From here on the peak is what is alive now. */
static void reset_peak(void)
{
    if (heapdelta_reset_peak() != 0 && heapdelta_reset_peak() != -ENOSYS) /* untraced */
        abort();
    highest = live;
    at_peak = 0;
    for (int i = 0; i < SITES; i++) {
        sites[i].peak_bytes = sites[i].bytes;
        sites[i].peak_blocks = sites[i].blocks;
    }
}

int main(int argc, char **argv)
{
    setvbuf(stdout, buffer, _IOFBF, sizeof buffer);
    state = argc > 1 ? strtoull(argv[1], NULL, 10) * 2 + 1 : 1;
    for (int i = 0; i < 20; i++)
        next_random();
    for (int i = 0; i < CALLS; i++) {
        if (i == CALLS / 2 && argc > 2 && strcmp(argv[2], "reset") == 0)
            reset_peak();
        call();
    }
    change(at_peak ? -1 : 0); /* what is alive at the end may be the peak */
    for (int i = 0; i < SITES; i++)
        printf("site_%d %llu %llu %llu %llu\n", i, (unsigned long long)sites[i].allocations,
               (unsigned long long)sites[i].temporary, (unsigned long long)sites[i].peak_bytes,
               (unsigned long long)sites[i].peak_blocks);
    return 0;
}
