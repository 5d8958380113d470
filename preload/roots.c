#include "preload/roots.h"

#include "format/snapshot.h"
#include "preload/glibc.h"
#include "preload/modules.h"
#include "preload/real.h"

#include <link.h>
#include <string.h>

#define PAGE       ((uintptr_t)4096)
#define RED_ZONE   128u /* below the stack pointer, of functions that call nobody */
#define REGISTERS_SIZE (SNAPSHOT_VECTOR_REGISTERS + THREADS_VECTORS * THREADS_VECTOR_SIZE)
#define NOT_A_ROOT 0u   /* as a kind */

struct finder {
    struct roots *roots;
    const struct maps *maps;
    const struct block_index *blocks;
    const struct threads *threads;
};

/* ---- pieces of memory ---------------------------------------------------------------- */

static struct root *piece_at(struct roots *roots, uint32_t number)
{
    return (struct root *)roots->list.data + number;
}

/* The number of the first piece that ends behind ADDRESS. */
static uint32_t first_behind(struct roots *roots, uintptr_t address)
{
    uint32_t low = 0, high = roots->count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (piece_at(roots, middle)->end <= address)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Put PIECE in place of the COUNT ones from NUMBER on. */
static void replace(struct roots *roots, uint32_t number, uint32_t count, const struct root *pieces,
                    uint32_t more)
{
    if (more > count && !buffer_reserve(&roots->list, (more - count) * sizeof *pieces)) {
        roots->failed = true;
        return;
    }
    memmove(piece_at(roots, number + more), piece_at(roots, number + count),
            (roots->count - number - count) * sizeof *pieces);
    memcpy(piece_at(roots, number), pieces, more * sizeof *pieces);
    roots->count += more - count;
    roots->list.size = roots->count * sizeof *pieces;
}

/* From START to END there is what AS says, as far as there is a piece. */
static void carve(struct roots *roots, uintptr_t start, uintptr_t end, const struct root *as)
{
    for (uint32_t i = first_behind(roots, start); i < roots->count; i++) {
        struct root old = *piece_at(roots, i), pieces[3];
        uint32_t count = 0;

        if (old.start >= end)
            return;
        if (old.start < start) {
            pieces[count] = old;
            pieces[count++].end = start;
        }
        if (as->kind != NOT_A_ROOT) {
            pieces[count] = *as;
            pieces[count].start = old.start > start ? old.start : start;
            pieces[count++].end = old.end < end ? old.end : end;
        }
        if (old.end > end) {
            pieces[count] = old;
            pieces[count++].start = end;
        }
        replace(roots, i, 1, pieces, count);
        i += count - 1; /* wraps around at 0, and back */
        if (old.end >= end)
            return;
    }
}

static void leave_out(struct roots *roots, uintptr_t start, uintptr_t end)
{
    const struct root nothing = { .kind = NOT_A_ROOT };

    if (start < end)
        carve(roots, start, end, &nothing);
}

/* ---- all that is mapped, and whose it is ---------------------------------------------- */

static void add_areas(struct finder *finder)
{
    for (uint32_t i = 0; i < finder->maps->count; i++) {
        const struct area *area = maps_area(finder->maps, i);
        struct root piece = { .start = area->start,
                              .end = area->end,
                              .kind = SNAPSHOT_ROOT_MAPPING,
                              .name = area->name };

        if (!(area->flags & AREA_READ) || area->flags & (AREA_HIDDEN | AREA_OWN) ||
            (area->flags & AREA_SHARED && area->flags & AREA_FILE))
            continue;
        buffer_put(&finder->roots->list, &piece, sizeof piece);
    }
    finder->roots->failed = finder->roots->list.failed;
    finder->roots->count = (uint32_t)(finder->roots->list.size / sizeof(struct root));
}

/* The variables of all modules: what can be written to, or could while it was relocated. */
static void take_modules(struct finder *finder)
{
    for (uint32_t number = 1; number <= modules_count(); number++) {
        const struct module *module = modules_get(number);
        struct root as = { .kind = SNAPSHOT_ROOT_MODULE, .module = number };

        for (uint32_t i = 0; modules_loaded(number) && i < module->segment_count; i++) {
            const struct module_segment *segment = &module->segments[i];
            uintptr_t end = (segment->address + segment->size + PAGE - 1) & ~(PAGE - 1);

            if (segment->flags & PF_W && !(module->flags & SNAPSHOT_MODULE_OWN))
                carve(finder->roots, segment->address & ~(PAGE - 1), end, &as);
            else
                leave_out(finder->roots, segment->address & ~(PAGE - 1), end);
        }
    }
}

/* What was allocated before the allocator was found lies among our variables. */
static void add_early_blocks(struct finder *finder)
{
    struct root as = { .kind = SNAPSHOT_ROOT_LIBC };

    boot_range(&as.start, &as.end);
    if (as.start < as.end)
        replace(finder->roots, first_behind(finder->roots, as.start), 0, &as, 1);
}

/* ---- the allocator's --------------------------------------------------------------------- */

/* The free chunks of the main arena begin in libc's variables. */
static uintptr_t leave_out_main_arena(struct finder *finder)
{
    for (uint32_t i = 0; i < finder->roots->count; i++) {
        const struct root *piece = piece_at(finder->roots, i);
        uintptr_t start, end;

        if (piece->kind == SNAPSHOT_ROOT_MODULE &&
            maps_readable(finder->maps, piece->start, piece->end - piece->start) &&
            glibc_find_main_arena(piece->start, piece->end - piece->start, &start, &end)) {
            leave_out(finder->roots, start, end);
            return start;
        }
    }
    return 0;
}

/* The AREA is what brk() gave, to the allocator, whose ARENA it is, or to the program by sbrk(). The
 * latter are whole pages, for which there is room between two blocks only now and then. */
static void leave_out_main_heap(struct finder *finder, const struct area *area, uintptr_t arena)
{
    const struct block_range *blocks = finder->blocks->blocks;
    uintptr_t start = area->start, behind = area->start, limit, end;
    uint64_t rank = block_index_first(finder->blocks, area->start);

    do {
        bool is_last = rank == finder->blocks->count || blocks[rank].address >= area->end;

        limit = is_last ? area->end : blocks[rank].address - 16;
        if (limit > behind && limit - behind >= PAGE) {
            end = behind == area->start ? behind
                                        : glibc_next_chunk(blocks[rank - 1].address, behind, limit);
            end = glibc_heap_end(arena, end, limit);
            leave_out(finder->roots, start, end);
            start = limit;
        }
        if (!is_last)
            behind = blocks[rank].address + blocks[rank].size;
        rank++;
    } while (limit < area->end);
    leave_out(finder->roots, start, area->end);
}

static void leave_out_heaps(struct finder *finder, uintptr_t arena)
{
    for (uint32_t i = 0; i < finder->maps->count; i++) {
        const struct area *area = maps_area(finder->maps, i);
        uintptr_t heap = (area->start + GLIBC_HEAP_ALIGNMENT - 1) & ~(GLIBC_HEAP_ALIGNMENT - 1);

        if (area->flags & AREA_HEAP && area->flags & AREA_READ && arena)
            leave_out_main_heap(finder, area, arena);
        else if (area->flags & AREA_HEAP)
            leave_out(finder->roots, area->start, area->end);
        if ((area->flags & ~(uint32_t)AREA_EXECUTE) != (AREA_READ | AREA_WRITE))
            continue;
        for (; heap < area->end; heap += GLIBC_HEAP_ALIGNMENT)
            leave_out(finder->roots, heap, heap + glibc_heap_size(heap, area->end - heap));
    }
}

/* What lies between blocks in a page with blocks is the allocator's. */
static void leave_out_blocks(struct finder *finder)
{
    uintptr_t start = 0, end = 0;

    for (uint64_t rank = 0; rank < finder->blocks->count; rank++) {
        const struct block_range *block = &finder->blocks->blocks[rank];
        uintptr_t first = (block->address - 16) & ~(PAGE - 1);
        uintptr_t last = (block->address + block->size + PAGE - 1) & ~(PAGE - 1);

        if (first > end) {
            leave_out(finder->roots, start, end);
            start = first;
        }
        if (last > end)
            end = last;
    }
    leave_out(finder->roots, start, end);
}

/* ---- threads ------------------------------------------------------------------------------ */

static uint32_t place_of_thread(const struct threads *threads, uint32_t tid)
{
    for (uint32_t i = 0; i < threads->count; i++)
        if (threads->list[i].tid == tid)
            return i;
    return UINT32_MAX;
}

/* Cut the area below TP, as far as LOW, up by modules, as the thread's dtv tells. */
static void take_variables(struct finder *finder, uintptr_t tp, uintptr_t low, uint32_t tid)
{
    const uintptr_t dtv = *(const uintptr_t *)(tp + glibc_layout->dtv);
    struct root as = { .kind = SNAPSHOT_ROOT_TLS, .thread = tid };

    carve(finder->roots, low, tp, &as);
    if (!maps_readable(finder->maps, dtv - 16, 32))
        return;
    for (uint32_t number = 1; number <= modules_count(); number++) {
        const struct module *module = modules_get(number);
        uintptr_t modid_at = (uintptr_t)module->link_map + glibc_layout->modid, modid, start;

        if (!modules_loaded(number) || module->tls_size == 0 ||
            !maps_readable(finder->maps, modid_at, 8))
            continue;
        modid = *(const uintptr_t *)modid_at;
        if (modid == 0 || modid > *(const uintptr_t *)(dtv - 16) || /* which counts them */
            !maps_readable(finder->maps, dtv + 16 * modid, 8))
            continue;
        start = *(const uintptr_t *)(dtv + 16 * modid);
        as.module = number;
        if (start >= low && start < tp && module->tls_size <= tp - start) {
            if (module->flags & SNAPSHOT_MODULE_OWN)
                leave_out(finder->roots, start, start + module->tls_size);
            else
                carve(finder->roots, start, start + module->tls_size, &as);
        }
    }
}

/* The descriptor of the thread TID at TP; the first keys in it are a root of their own. */
static void take_descriptor(struct finder *finder, uintptr_t tp, uint32_t tid)
{
    const uintptr_t end = tp + glibc_layout->descriptor_size;
    const uintptr_t keys = *(const uintptr_t *)(tp + glibc_layout->keys);
    struct root as = { .kind = SNAPSHOT_ROOT_LIBC, .thread = tid, .tp = tp };

    carve(finder->roots, tp, end, &as);
    if (keys > tp && keys + 16 * GLIBC_KEYS_IN_TABLE <= end)
        leave_out(finder->roots, keys, keys + 16 * GLIBC_KEYS_IN_TABLE);
}

/* The thread TID, at PLACE of the list, whose stack is the memory from START to END, as far as it
 * is used. */
static void take_stack(struct finder *finder, uint32_t place, uint32_t tid, uintptr_t start,
                       uintptr_t end)
{
    const struct thread_registers *thread =
        place == UINT32_MAX ? NULL : &finder->threads->list[place];
    struct root as = { .kind = SNAPSHOT_ROOT_STACK, .thread = tid, .place = place };

    if (thread && threads_has_stack(thread)) {
        uintptr_t below = thread->calls ? 0 : RED_ZONE;
        uintptr_t sp = (thread->general.value[CFI_REG_RSP] - below) & ~(uintptr_t)7;

        if (sp >= start && sp < end) {
            leave_out(finder->roots, start, sp);
            start = sp;
        }
    }
    carve(finder->roots, start, end, &as);
}

/* The memory from START to END of a thread that has ended, TP having been its thread pointer, is
 * kept for the next one; with it, the table of its modules' areas. */
static void take_kept_memory(struct finder *finder, uintptr_t tp, uintptr_t start, uintptr_t end)
{
    const struct root as = { .kind = SNAPSHOT_ROOT_LIBC, .tp = tp };
    const uintptr_t dtv = tp + glibc_layout->dtv;

    leave_out(finder->roots, start, dtv);
    carve(finder->roots, dtv, dtv + sizeof(uintptr_t), &as);
    leave_out(finder->roots, dtv + sizeof(uintptr_t), end);
}

/* What pthread_create() made for the thread at TP, which is alive or not. */
static void take_thread(struct finder *finder, uintptr_t tp)
{
    uint32_t tid = *(const uint32_t *)(tp + glibc_layout->tid);
    uint32_t place = tid ? place_of_thread(finder->threads, tid) : UINT32_MAX;
    uintptr_t start, end, low = tp - glibc_layout->static_size;
    bool has_memory = glibc_thread_memory(tp, &start, &end);

    if (tid == 0 || (place == UINT32_MAX && finder->threads->complete)) {
        if (has_memory)
            take_kept_memory(finder, tp, start, end);
        return;
    }
    if (has_memory)
        take_stack(finder, place, tid, start, low);
    take_variables(finder, tp, low, tid);
    take_descriptor(finder, tp, tid);
}

struct descriptors {
    struct buffer list; /* uintptr_t */
    const struct maps *maps;
};

static void look_for_descriptor(void *context, uintptr_t address, const uint64_t *words,
                                size_t count)
{
    struct descriptors *descriptors = context;
    const size_t step = GLIBC_TCB_ALIGNMENT / sizeof(uint64_t);
    size_t skip = (-address & (GLIBC_TCB_ALIGNMENT - 1)) / sizeof(uint64_t);

    for (size_t i = skip; i + 2 < count; i += step) {
        uintptr_t tp = address + i * sizeof(uint64_t);

        if (words[i] == tp && words[i + 2] == tp &&
            maps_readable(descriptors->maps, tp, glibc_layout->descriptor_size))
            buffer_put(&descriptors->list, &tp, sizeof tp);
    }
}

static void take_threads(struct finder *finder)
{
    struct descriptors descriptors = { .maps = finder->maps };

    for (uint32_t i = 0; glibc_layout->known && i < finder->roots->count; i++) {
        const struct root *piece = piece_at(finder->roots, i);

        if (piece->kind == SNAPSHOT_ROOT_MAPPING &&
            maps_readable(finder->maps, piece->start, piece->end - piece->start))
            maps_look((struct maps *)finder->maps, piece->start, piece->end, look_for_descriptor,
                      &descriptors);
    }
    for (size_t i = 0; i < descriptors.list.size / sizeof(uintptr_t); i++)
        take_thread(finder, ((const uintptr_t *)descriptors.list.data)[i]);
    buffer_finish(&descriptors.list);
}

/* The stack pointer of the thread at PLACE leads to memory that is no stack yet: the first
 * thread's, or that of a coroutine, which may be a block. */
static void take_other_stack(struct finder *finder, uint32_t place)
{
    const struct thread_registers *thread = &finder->threads->list[place];
    uintptr_t sp = thread->general.value[CFI_REG_RSP];
    uint32_t number = first_behind(finder->roots, sp);
    struct root piece = { .start = (sp - RED_ZONE) & ~(uintptr_t)7,
                          .kind = SNAPSHOT_ROOT_STACK,
                          .thread = thread->tid,
                          .place = place };
    const struct area *area = maps_find(finder->maps, sp);
    uint64_t rank;

    if (number < finder->roots->count && piece_at(finder->roots, number)->start <= sp) {
        if (area && piece_at(finder->roots, number)->kind == SNAPSHOT_ROOT_MAPPING)
            take_stack(finder, place, thread->tid,
                       area->flags & AREA_STACK ? area->start : piece.start,
                       piece_at(finder->roots, number)->end);
    } else if (block_index_find(finder->blocks, sp, &rank)) {
        piece.end = finder->blocks->blocks[rank].address + finder->blocks->blocks[rank].size;
        if (piece.start < finder->blocks->blocks[rank].address)
            piece.start = finder->blocks->blocks[rank].address;
        replace(finder->roots, number, 0, &piece, 1);
    }
}

/* Roots that are no memory. */
static void add_registers(struct finder *finder)
{
    for (uint32_t i = 0; i < finder->threads->count; i++) {
        struct root registers = { .kind = SNAPSHOT_ROOT_REGISTERS,
                                  .thread = finder->threads->list[i].tid,
                                  .size = REGISTERS_SIZE,
                                  .place = i };

        if (finder->threads->list[i].known)
            replace(finder->roots, finder->roots->count, 0, &registers, 1);
    }
}

static void add_keys(struct finder *finder)
{
    const uint32_t memory = finder->roots->count;

    for (uint32_t i = 0; i < memory; i++) {
        const struct root *piece = piece_at(finder->roots, i);
        struct root keys = { .kind = SNAPSHOT_ROOT_KEYS,
                             .thread = piece->thread,
                             .tp = piece->tp,
                             .size = (uint32_t)(glibc_layout->key_tables * GLIBC_KEYS_IN_TABLE *
                                                sizeof(uint64_t)) };

        if (piece->kind == SNAPSHOT_ROOT_LIBC && piece->start == piece->tp)
            replace(finder->roots, finder->roots->count, 0, &keys, 1);
    }
}

void roots_find(struct roots *roots, const struct maps *maps, const struct block_index *blocks,
                const struct threads *threads)
{
    struct finder finder = { roots, maps, blocks, threads };

    add_areas(&finder);
    take_modules(&finder);
    leave_out_heaps(&finder, real_is_glibc ? leave_out_main_arena(&finder) : 0);
    leave_out_blocks(&finder);
    take_threads(&finder);
    for (uint32_t i = 0; i < threads->count; i++)
        if (threads_has_stack(&threads->list[i]))
            take_other_stack(&finder, i);
    add_early_blocks(&finder);
    add_registers(&finder);
    add_keys(&finder);
}
