#include "preload/graph.h"

#include "format/varint.h"
#include "preload/arena.h"
#include "preload/glibc.h"
#include "preload/modules.h"
#include "preload/syscall.h"

#include <errno.h>
#include <link.h>
#include <sys/auxv.h>

#define TIME_LIMIT   ((uint64_t)120 * 1000000000)
#define CLOCK_BLOCKS 4096u /* looked at between two looks at the clock */
#define MAX_FRAMES   100000u
#define EXIT_FRAMES  2u /* __run_exit_handlers() and exit(), or quick_exit() */

/* ---- records ----------------------------------------------------------------------- */

/* Add a record of COUNT numbers to RECORDS, whole or not at all. */
static void put(struct graph *graph, struct graph_records *records, const uint64_t *numbers,
                unsigned count)
{
    uint8_t *begin = buffer_reserve(&records->bytes, 4 * VARINT_MAX_SIZE), *end = begin;

    if (!begin) {
        graph->record.flags |= SNAPSHOT_GRAPH_NO_MEMORY;
        return;
    }
    for (unsigned i = 0; i < count; i++)
        end += varint_put(end, numbers[i]);
    records->bytes.size += (size_t)(end - begin);
    records->count++;
}

/* The difference of VALUE to what FIELD of the record before had. */
static uint64_t delta(struct graph_records *records, unsigned field, uint64_t value)
{
    uint64_t difference = varint_delta(value, records->last[field]);

    records->last[field] = value;
    return difference;
}

/* ---- modules ----------------------------------------------------------------------- */

/* Have all modules that are loaded in the list of modules (modules.h). */
static void find_modules(struct graph *graph)
{
    bool back;

    for (uint32_t i = 0; i < graph->maps.count; i++) {
        const struct area *area = maps_area(&graph->maps, i);

        if (area->flags & AREA_EXECUTE && area->flags & AREA_FILE)
            modules_find(area->start, &back);
    }
    graph->modules_low = UINTPTR_MAX;
    for (uint32_t number = 1; number <= modules_count(); number++) {
        const struct module *module = modules_get(number);

        if (graph->modules_low > module->start)
            graph->modules_low = module->start;
        if (graph->modules_high < module->end)
            graph->modules_high = module->end;
    }
}

/* The number of the module at ADDRESS; 0: none. */
static uint32_t module_at(uintptr_t address)
{
    for (uint32_t number = 1; number <= modules_count(); number++)
        if (modules_loaded(number) && address - modules_get(number)->start <
                                          modules_get(number)->end - modules_get(number)->start)
            return number;
    return 0;
}

/* Whether ADDRESS lies in a module, in an area with all of the flags WITH and none of WITHOUT. */
static bool in_module(const struct graph *graph, uintptr_t address, uint32_t with, uint32_t without)
{
    const struct area *area = maps_find(&graph->maps, address);

    return area && area->flags & AREA_FILE && (area->flags & with) == with &&
           !(area->flags & without) && module_at(address);
}

static bool is_read_only(const struct graph *graph, uintptr_t address)
{
    return address % 8 == 0 && in_module(graph, address, AREA_READ, AREA_WRITE | AREA_EXECUTE);
}

#define TABLE_LOOK      20u /* words of a table that are looked at */
#define TABLE_FUNCTIONS 2u  /* that must be found in them */

/* Whether ADDRESS is one of a table of virtual functions. */
static bool is_table(const struct graph *graph, uintptr_t address)
{
    uint32_t functions = 0;

    for (uint32_t i = 0; i < TABLE_LOOK && is_read_only(graph, address); i++, address += 8) {
        uintptr_t function = *(const uintptr_t *)address;

        if (function == 0)
            continue; /* a pure virtual one, perhaps */
        if (!in_module(graph, function, AREA_EXECUTE, 0))
            return false;
        if (++functions == TABLE_FUNCTIONS)
            return true;
    }
    return false;
}

/* ---- edges -------------------------------------------------------------------------- */

/* What stands where a pointer INSIDE bytes into BLOCK leads: enum snapshot_inside, or 0. */
static uint64_t seen_inside(const struct graph *graph, const struct block_range *block,
                            uint64_t inside)
{
    const uint64_t *words = (const uint64_t *)block->address;

    if (inside % 8 || block->address % 8 || inside + 8 > block->size ||
        !maps_readable(&graph->maps, block->address, inside + 8))
        return 0;
    if (inside == 24 && words[0] <= words[1] && words[1] < block->size &&
        block->size == 24 + words[1] + 1)
        return SNAPSHOT_INSIDE_STDSTRING;
    if (inside == 8 && words[0] != 0 && words[0] == block->size - 8)
        return SNAPSHOT_INSIDE_LENGTH64;
    if (inside == 8 && words[0] != 0 && (block->size - 8) % words[0] == 0)
        return SNAPSHOT_INSIDE_NEWARRAY;
    return is_table(graph, words[inside / 8]) && is_table(graph, words[0])
               ? SNAPSHOT_INSIDE_MULTIPLE_INHERITANCE
               : 0;
}

/* What is looked at now: its number as a root or block, and where it begins. */
struct source {
    struct graph *graph;
    struct graph_records *records;
    uint64_t number;
    uintptr_t start;
};

/* OFFSET bytes into SOURCE there is WORD. */
static inline void look_at(struct source *source, uint64_t offset, uintptr_t word)
{
    struct graph *graph = source->graph;
    const struct block_range *block;
    uint64_t rank, inside;

    if (__builtin_expect(word - graph->blocks.low >= graph->blocks.high - graph->blocks.low, 1) ||
        !block_index_find(&graph->blocks, word, &rank))
        return;
    block = &graph->blocks.blocks[rank];
    inside = word - block->address;
    inside = inside ? inside << SNAPSHOT_INSIDE_SHIFT | seen_inside(graph, block, inside) : 0;
    put(graph, source->records,
        (const uint64_t[]){ delta(source->records, 0, source->number), offset,
                            delta(source->records, 1, rank), inside },
        4);
}

static void look_at_words(void *context, uintptr_t address, const uint64_t *words, size_t count)
{
    struct source *source = context;

    for (size_t i = 0; i < count; i++)
        look_at(source, address + i * sizeof *words - source->start, words[i]);
}

/* ---- roots -------------------------------------------------------------------------- */

/* Of the libc's descriptor of a thread: its dtv, which is the pointer to the table of the areas of
 * its modules, leads behind the first entry. */
static void look_at_descriptor(void *context, uintptr_t address, const uint64_t *words,
                               size_t count)
{
    struct source *source = context;
    const struct root *root = roots_get(&source->graph->roots, (uint32_t)source->number);

    for (size_t i = 0; i < count; i++) {
        uintptr_t at = address + i * sizeof *words;

        look_at(source, at - source->start,
                root->tp && at == root->tp + glibc_layout->dtv ? words[i] - 16 : words[i]);
    }
}

static void look_at_registers(struct source *source, const struct thread_registers *thread)
{
    for (uint32_t i = 0; i < CFI_REG_PC; i++)
        if (thread->general.valid >> i & 1)
            look_at(source, 8 * i, thread->general.value[i]);
    for (uint32_t i = 0; i < THREADS_VECTORS; i++)
        for (uint32_t byte = 0; byte < THREADS_VECTOR_SIZE; byte += 8)
            look_at(source, SNAPSHOT_VECTOR_REGISTERS + THREADS_VECTOR_SIZE * i + byte,
                    *(const uint64_t *)&thread->vectors[i][byte]);
}

static void look_at_keys(struct source *source, const struct root *root)
{
    const struct maps *maps = &source->graph->maps;

    for (uint32_t i = 0; i < glibc_layout->key_tables; i++) {
        uintptr_t table = ((const uintptr_t *)(root->tp + glibc_layout->keys))[i];

        if (!table || !maps_readable(maps, table, 16 * GLIBC_KEYS_IN_TABLE))
            continue;
        for (uint32_t key = 0; key < GLIBC_KEYS_IN_TABLE; key++)
            look_at(source, 8 * (i * GLIBC_KEYS_IN_TABLE + key),
                    ((const uintptr_t *)table)[2 * key + 1]);
    }
}

static void look_at_roots(struct graph *graph, const struct threads *threads)
{
    struct source source = { .graph = graph, .records = &graph->root_edges };

    for (uint32_t i = 0; i < graph->roots.count; i++) {
        const struct root *root = roots_get(&graph->roots, i);

        source.number = i;
        source.start = root->start;
        switch (root->kind) {
        case SNAPSHOT_ROOT_REGISTERS:
            look_at_registers(&source, &threads->list[root->place]);
            break;
        case SNAPSHOT_ROOT_KEYS:
            look_at_keys(&source, root);
            break;
        default:
            graph->record.root_bytes += maps_look(
                &graph->maps, root->start, root->end,
                root->kind == SNAPSHOT_ROOT_LIBC ? look_at_descriptor : look_at_words, &source);
        }
    }
}

/* ---- frames on stacks ---------------------------------------------------------------- */

static bool read_word(void *graph, uintptr_t address, uint64_t *out_word)
{
    if (!maps_readable(&((struct graph *)graph)->maps, address, sizeof *out_word))
        return false;
    *out_word = *(const uint64_t *)address;
    return true;
}

/* THREAD asked for the snapshot: its registers are to be those at the call that led to us, but for what
 * that is about to return. */
static void leave_own_frames(struct graph *graph, struct thread_registers *thread)
{
    const struct cfi_registers inside = thread->general;
    struct cfi_registers caller;
    bool end;

    for (;;) {
        uint32_t module = module_at(thread->general.value[CFI_REG_PC]);

        if (!module || !(modules_get(module)->flags & SNAPSHOT_MODULE_OWN) ||
            !cfi_step(&thread->general, &caller, read_word, graph, &end))
            break;
        thread->general = caller;
        thread->calls = !caller.interrupted;
    }
    thread->general.value[CFI_RAX] = inside.value[CFI_RAX];
    thread->general.valid |= inside.valid & 1u << CFI_RAX;
}

/* THREAD is in exit(), which called us last: nothing that its frames hold is wanted any more, and
 * what earlier calls have left there would hide what was lost. Let its registers be those at the
 * call of that, in the module of which __run_exit_handlers() is, too. */
static void leave_exit(struct graph *graph, struct thread_registers *thread)
{
    uint32_t libc = module_at((uintptr_t)getauxval);
    struct cfi_registers caller;
    bool end;

    for (unsigned i = 0; i < EXIT_FRAMES; i++) {
        if (!libc || module_at(thread->general.value[CFI_REG_PC]) != libc ||
            !cfi_step(&thread->general, &caller, read_word, graph, &end))
            return;
        thread->general = caller;
    }
}

/* Put the frames of THREAD on the stack that is root NUMBER. */
static void put_frames(struct graph *graph, uint32_t number, const struct thread_registers *thread)
{
    const struct root *root = roots_get(&graph->roots, number);
    struct cfi_registers frame = thread->general, caller;
    uintptr_t last = frame.value[CFI_REG_RSP];
    bool end;

    for (uint32_t i = 0; i < MAX_FRAMES; i++) {
        uintptr_t pc = frame.value[CFI_REG_PC] - !frame.interrupted;

        if (!cfi_step(&frame, &caller, read_word, graph, &end) ||
            caller.value[CFI_REG_RSP] <= last || caller.value[CFI_REG_RSP] > root->end)
            return;
        last = caller.value[CFI_REG_RSP];
        put(graph, &graph->root_frames,
            (const uint64_t[]){ number, delta(&graph->root_frames, 0, last),
                                delta(&graph->root_frames, 1, pc), module_at(pc) },
            4);
        frame = caller;
    }
}

static void put_all_frames(struct graph *graph, const struct threads *threads)
{
    for (uint32_t i = 0; i < graph->roots.count; i++) {
        const struct root *root = roots_get(&graph->roots, i);
        const struct thread_registers *thread = NULL;

        if (root->kind == SNAPSHOT_ROOT_STACK && root->place < threads->count)
            thread = &threads->list[root->place];
        if (thread && threads_has_stack(thread) && thread->general.value[CFI_REG_RSP] - root->start <
                                           root->end - root->start)
            put_frames(graph, i, thread);
    }
}

/* ---- blocks -------------------------------------------------------------------------- */

/* Keep the word OFFSET bytes into the block if it points into what modules have to be read only. */
static void look_at_module_word(struct graph *graph, uint64_t rank, uint64_t offset, uint64_t word)
{
    if (word - graph->modules_low >= graph->modules_high - graph->modules_low ||
        !is_read_only(graph, word))
        return;
    put(graph, &graph->module_words,
        (const uint64_t[]){ delta(&graph->module_words, 0, rank), offset,
                            delta(&graph->module_words, 1, word) },
        3);
}

/* Where a C++ object that begins BLOCK has the pointer to its table of functions; of an array of
 * objects that is behind their number. */
static void look_at_first_words(struct graph *graph, uint64_t rank, const struct block_range *block)
{
    uint64_t word;

    if (block->size < sizeof word || !read_word(graph, block->address, &word))
        return;
    look_at_module_word(graph, rank, 0, word);
    if (word != 0 && block->size >= 2 * sizeof word && (block->size - sizeof word) % word == 0 &&
        read_word(graph, block->address + sizeof word, &word))
        look_at_module_word(graph, rank, sizeof word, word);
}

static void look_at_blocks(struct graph *graph)
{
    const uint64_t begin = syscall_time(CLOCK_MONOTONIC);
    struct source source = { .graph = graph, .records = &graph->edges };
    uint64_t rank;

    for (rank = 0; rank < graph->blocks.count; rank++) {
        const struct block_range *block = &graph->blocks.blocks[rank];

        if (graph->record.flags & SNAPSHOT_GRAPH_NO_MEMORY)
            break;
        if (rank % CLOCK_BLOCKS == 0 && syscall_time(CLOCK_MONOTONIC) - begin > TIME_LIMIT) {
            graph->record.flags |= SNAPSHOT_GRAPH_NO_TIME;
            break;
        }
        source.number = rank;
        source.start = block->address;
        graph->record.block_bytes += maps_look(&graph->maps, block->address,
                                               block->address + block->size, look_at_words, &source);
        look_at_first_words(graph, rank, block);
    }
    graph->record.scanned_blocks = rank;
}

/* ---- all of it ------------------------------------------------------------------------ */

static void count_threads(struct graph *graph, const struct threads *threads)
{
    graph->record.threads = threads->count;
    for (uint32_t i = 0; i < threads->count; i++)
        graph->record.threads_stopped += threads->list[i].known;
    graph->record.stop_error = (uint32_t)threads->error;
    if (threads->complete && graph->record.threads_stopped == threads->count)
        graph->record.flags |= SNAPSHOT_GRAPH_REGISTERS;
}

/* What the program had from START to END was not looked at. */
static void count_withheld(void *context, uintptr_t start, uintptr_t end, uint64_t resident,
                           bool wiped)
{
    struct graph *graph = context;
    const struct block_index *blocks = &graph->blocks;
    uint64_t rank = block_index_first(blocks, start);

    /* Blocks that are gone have been counted. */
    if (wiped || rank == blocks->count || blocks->blocks[rank].address >= end)
        graph->record.skipped_bytes += resident;
}

int graph_find(struct graph *graph, const uint8_t *records, size_t size, uint64_t count,
               struct threads *threads, bool in_exit, long mapped)
{
    const uint64_t before = arena_used_together(), begin = syscall_time(CLOCK_MONOTONIC);
    int result = maps_read(&graph->maps);

    if (result < 0)
        return result;
    find_modules(graph);
    if (!block_index_make(&graph->blocks, records, size, count))
        return -ENOMEM;
    if (threads->count > 0)
        leave_own_frames(graph, &threads->list[0]);
    if (threads->count > 0 && in_exit)
        leave_exit(graph, &threads->list[0]);
    count_threads(graph, threads);
    roots_find(&graph->roots, &graph->maps, &graph->blocks, threads);
    if (graph->roots.failed)
        graph->record.flags |= SNAPSHOT_GRAPH_NO_MEMORY;
    put_all_frames(graph, threads);
    look_at_roots(graph, threads);
    look_at_blocks(graph);
    graph->record.skipped_bytes = graph->maps.skipped;
    maps_find_withheld(mapped, count_withheld, graph);
    graph->record.memory = arena_used_together() - before;
    graph->record.time = syscall_time(CLOCK_MONOTONIC) - begin;
    return 0;
}
