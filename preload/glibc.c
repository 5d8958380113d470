#include "preload/glibc.h"

#include <dlfcn.h>

#define PAGE ((uintptr_t)4096)

static struct glibc_layout layout;
const struct glibc_layout *const glibc_layout = &layout;

/* How libthread_db is told of a field. */
struct field {
    uint32_t bits, count, offset;
};

static const struct field *find_field(const char *name)
{
    return dlsym(RTLD_DEFAULT, name);
}

void glibc_find(void)
{
    void (*static_info)(size_t *size, size_t *alignment);
    const struct field *tid = find_field("_thread_db_pthread_tid");
    const struct field *dtv = find_field("_thread_db_pthread_dtvp");
    const struct field *keys = find_field("_thread_db_pthread_specific");
    const struct field *modid = find_field("_thread_db_link_map_l_tls_modid");
    const uint32_t *size = dlsym(RTLD_DEFAULT, "_thread_db_sizeof_pthread");
    size_t area, alignment;

    *(void **)&static_info = dlsym(RTLD_DEFAULT, "_dl_get_tls_static_info");
    if (!tid || !dtv || !keys || !modid || !size || !static_info)
        return;
    static_info(&area, &alignment);
    if (area < *size)
        return;
    layout = (struct glibc_layout){ true,         area - *size, *size,         tid->offset,
                                    dtv->offset,  keys->offset, keys->count, modid->offset };
}

static uint64_t word_at(uintptr_t address)
{
    return *(const uint64_t *)address;
}

/* pthread_create() puts the descriptor at the end of the memory, aligned. What it says of the memory
 * lies behind the keys; before them, a tid and a pointer to the descriptor look like it, if the tid is
 * between 1568 and 5664. */
bool glibc_thread_memory(uintptr_t tp, uintptr_t *out_start, uintptr_t *out_end)
{
    uintptr_t at = tp + layout.keys + layout.key_tables * sizeof(uint64_t);

    for (; at + 16 <= tp + layout.descriptor_size; at += 8) {
        uint64_t start = word_at(at), size = word_at(at + 8), end = start + size;

        if (start != 0 && start < tp && size < (uint64_t)1 << 47 &&
            end - (tp + layout.descriptor_size) < PAGE && size > layout.static_size) {
            *out_start = start;
            *out_end = end;
            return true;
        }
    }
    return false;
}

/* The beginning of a heap: its arena, the heap before, and two sizes. */
size_t glibc_heap_size(uintptr_t heap, size_t size)
{
    uint64_t arena = word_at(heap), before = word_at(heap + 8), used = word_at(heap + 16),
             writable = word_at(heap + 24);
    bool is_first = arena > heap && arena < heap + PAGE && before == 0;

    if (used == 0 || used % PAGE || used > writable || writable > GLIBC_HEAP_ALIGNMENT ||
        writable % PAGE || writable > size || arena % 16 || before % GLIBC_HEAP_ALIGNMENT)
        return 0;
    return is_first || (before != 0 && arena % GLIBC_HEAP_ALIGNMENT < PAGE) ? writable : 0;
}

#define CHUNK_HEAD  16u /* before the block; the second word is the size, with three flags */
#define FENCE       16u /* the size of two chunks that end a part of the heap */
#define BEFORE_TOP  96u /* of the arena, see below */

static size_t chunk_size(uintptr_t chunk)
{
    return word_at(chunk + 8) & ~(uint64_t)7;
}

uintptr_t glibc_next_chunk(uintptr_t block, uintptr_t low, uintptr_t limit)
{
    uintptr_t chunk = block - CHUNK_HEAD, next = chunk + chunk_size(chunk);

    /* The last word of a block lies in the head of the chunk behind. */
    return next >= chunk + 2 * CHUNK_HEAD && next + CHUNK_HEAD >= low && next <= limit ? next
                                                                                       : limit;
}

uintptr_t glibc_heap_end(uintptr_t arena, uintptr_t chunk, uintptr_t limit)
{
    while (chunk <= limit && limit - chunk >= CHUNK_HEAD) {
        size_t size = chunk_size(chunk);

        if (size == FENCE)
            return limit - chunk >= 2 * FENCE ? chunk + 2 * FENCE : limit;
        if (size < 2 * CHUNK_HEAD || size > limit - chunk)
            return limit;
        if (chunk == word_at(arena + BEFORE_TOP))
            return chunk + size;
        chunk += size;
    }
    return limit;
}

/* A bin that is empty points at itself, as a chunk: 16 bytes before it. The last of the 127
 * is never used. */
#define BINS         127u
#define FEW_BINS     8u   /* more than other data looks like by accident */
#define BEFORE_BINS  112u /* of the arena: its lock, the short lists, the top chunk */

bool glibc_find_main_arena(uintptr_t data, size_t size, uintptr_t *out_start, uintptr_t *out_end)
{
    uintptr_t last = 0;
    uint32_t empty = 0;

    for (uintptr_t bin = data; bin + 16 <= data + size; bin += 8) {
        if (word_at(bin) != bin - 16 || word_at(bin + 8) != bin - 16)
            continue;
        empty = last && bin - last < BINS * 16 ? empty + 1 : 1;
        last = bin;
    }
    if (empty < FEW_BINS || last - data < (BINS - 1) * 16 + BEFORE_BINS)
        return false;
    *out_start = last - (BINS - 1) * 16 - BEFORE_BINS;
    *out_end = last + 16;
    return true;
}
