/* Whatever the debug info of a module says, names and types are found in it or not, and nothing else
 * happens.
 *
 *     fuzz_elf RUNS SEED PROGRAM…     change the PROGRAMs so many times
 *     fuzz_elf FILE…                  just these
 *
 * Debug info may be cut, damaged, or lie: each run changes some bytes of one section of a program,
 * or cuts the file, and asks all that is asked of modules: lines, variables, types of blocks and
 * their fields. The same SEED and programs make the same files. One that ends or stops it is left
 * behind in fuzz_elf.crash.
 */
#include "format/snapshot.h"
#include "model/elf_file.h"
#include "model/layouts.h"
#include "model/root_names.h"
#include "model/symbols.h"
#include "model/types.h"
#include "model/variables.h"
#include "mutate.h"

#include <fcntl.h>
#include <gelf.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BIAS        0x555555554000u
#define SECONDS_MAX 20 /* longer for one file is a hang */
#define PLACES      24 /* of each kind that are asked for */
#define BLOCKS      48
#define ROOTS       3
#define EDGES       4 /* of each node */
#define NODES       (ROOTS + BLOCKS)
#define PROGRAMS    8
#define SECTIONS    64
#define CRASH_FILE  "fuzz_elf.crash"

void __sanitizer_set_death_callback(void (*callback)(void));
const char *__lsan_default_suppressions(void);

/* What it has begun to read when it finds the damage. */
const char *__lsan_default_suppressions(void)
{
    return "leak:libdw.so\nleak:libelf.so";
}

struct range {
    uint64_t start, size;
};

struct program {
    uint8_t *data;
    size_t size;
    struct range parts[SECTIONS]; /* of the file, that are read by us */
    size_t part_count;
    struct range code, variables; /* addresses */
    uint8_t build_id[64];
    uint32_t build_id_size;
};

static char path[] = "/tmp/fuzz_elf.XXXXXX";
static size_t text_bytes; /* so that the texts are read */

static void save_crash(void)
{
    rename(path, CRASH_FILE); /* or it lies in another file system: then it stays where it is */
    fprintf(stderr, "the file is " CRASH_FILE " or %s\n", path);
}

static void on_signal(int number)
{
    fprintf(stderr, number == SIGALRM ? "hangs\n" : "aborted\n");
    save_crash();
    _exit(1);
}

static void die(const char *what)
{
    perror(what);
    exit(2);
}

/* ---- programs ------------------------------------------------------------------------- */

/* Is a section called NAME one that is read for names and types? */
static bool is_read(const char *name)
{
    static const char *const names[] = {".debug_info", ".debug_abbrev", ".debug_line", ".debug_str",
                                        ".debug_ranges", ".debug_rnglists", ".debug_aranges",
                                        ".debug_loc", ".debug_loclists", ".debug_line_str",
                                        ".debug_addr", ".symtab", ".strtab", ".dynsym", ".dynstr",
                                        ".shstrtab", ".gnu_debuglink"};

    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        if (strcmp(name, names[i]) == 0)
            return true;
    }
    return false;
}

static void widen(struct range *range, uint64_t start, uint64_t size)
{
    uint64_t end = range->start + range->size;

    if (range->size == 0)
        *range = (struct range){start, size};
    else if (start + size > end)
        range->size = start + size - range->start;
}

static void read_program(struct program *program, const char *name)
{
    FILE *file = fopen(name, "rb");
    Elf_Scn *section = NULL;
    struct build_id build_id;
    size_t names;
    Elf *elf;

    if (!file || fseek(file, 0, SEEK_END) != 0)
        die(name);
    program->size = (size_t)ftell(file);
    program->data = malloc(program->size);
    rewind(file);
    if (!program->data || fread(program->data, 1, program->size, file) != program->size)
        die(name);
    fclose(file);
    elf = elf_memory((char *)program->data, program->size);
    if (!elf || elf_getshdrstrndx(elf, &names) != 0)
        die("elf_memory");
    program->parts[program->part_count++] = (struct range){0, sizeof(Elf64_Ehdr)};
    while ((section = elf_nextscn(elf, section)) && program->part_count < SECTIONS) {
        GElf_Shdr header;
        const char *called;

        if (!gelf_getshdr(section, &header) ||
            !(called = elf_strptr(elf, names, header.sh_name)))
            continue;
        if (is_read(called) && header.sh_size > 0)
            program->parts[program->part_count++] = (struct range){header.sh_offset, header.sh_size};
        if (header.sh_flags & SHF_EXECINSTR)
            widen(&program->code, header.sh_addr, header.sh_size);
        else if (header.sh_flags & SHF_WRITE && !(header.sh_flags & SHF_TLS))
            widen(&program->variables, header.sh_addr, header.sh_size);
    }
    build_id = elf_file_build_id(elf);
    if (build_id.size <= sizeof(program->build_id)) {
        program->build_id_size = (uint32_t)build_id.size;
        memcpy(program->build_id, build_id.data ? build_id.data : (const uint8_t *)"",
               build_id.size);
    }
    elf_end(elf);
}

static void write_file(const uint8_t *data, size_t size)
{
    int file = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);

    if (file < 0 || write(file, data, size) != (ssize_t)size || close(file) != 0)
        die(path);
}

/* ---- changes --------------------------------------------------------------------------- */

/* Change the SIZE bytes at DATA, a copy of PROGRAM. Returns the new size. */
static size_t change(const struct program *program, uint8_t *data, size_t size, uint64_t *random)
{
    static const uint64_t odd[] = {0, 1, 0x7f, 0x80, 0xff, 0xffff, 0x7fffffff, UINT32_MAX, UINT64_MAX};
    const struct range *part = &program->parts[mutate_random(random) % program->part_count];
    size_t count = 1 + mutate_random(random) % 8;

    if (mutate_random(random) % 50 == 0)
        return mutate_random(random) % size;
    for (size_t i = 0; i < count; i++) {
        uint64_t at = part->start + mutate_random(random) % part->size, value, width;

        switch (mutate_random(random) % 4) {
        case 0:
            data[at] ^= (uint8_t)(1u << mutate_random(random) % 8);
            break;
        case 1:
            data[at] = (uint8_t)mutate_random(random);
            break;
        case 2: /* from another place of the same kind: it means something */
            width = 1 + mutate_random(random) % 16;
            value = part->start + mutate_random(random) % part->size;
            if (at + width <= size && value + width <= size)
                memmove(data + at, program->data + value, width);
            break;
        default:
            value = odd[mutate_random(random) % (sizeof(odd) / sizeof(*odd))];
            width = (uint64_t)1 << mutate_random(random) % 4;
            if (at + width <= size)
                memcpy(data + at, &value, width);
        }
    }
    return size;
}

/* ---- questions -------------------------------------------------------------------------- */

static void read_text(const char *text)
{
    text_bytes += text ? strlen(text) : 0;
}

static uint64_t in_range(const struct range *range, uint64_t *random)
{
    return range->start + (range->size > 0 ? mutate_random(random) % range->size : 0);
}

/* A heap in which everything points at everything. */
struct model {
    struct heap heap;
    struct snapshot_graph graph;
    struct heap_module module;
    struct heap_frame frames[PLACES + 1];
    struct heap_stack stacks[PLACES];
    struct heap_block blocks[BLOCKS];
    struct heap_root roots[ROOTS];
    struct heap_root_frame root_frames[PLACES];
    uint32_t first[NODES + 1], target[NODES * EDGES];
    uint32_t offset[NODES * EDGES], inside[NODES * EDGES];
    struct heap_module_word words[BLOCKS];
};

static int compare_offsets(const void *left, const void *right)
{
    const uint32_t *a = left, *b = right;

    return (*a > *b) - (*a < *b);
}

static void make_edges(struct model *model, const struct program *program, uint64_t *random)
{
    for (uint32_t node = 0; node < NODES; node++) {
        uint64_t size = node == 0       ? program->variables.size
                        : node == 1     ? 64
                        : node < ROOTS  ? PLACES * 64
                                        : model->blocks[node - ROOTS].size;
        uint32_t *offsets = &model->offset[node * EDGES];

        model->first[node] = node * EDGES;
        for (int i = 0; i < EDGES; i++) {
            offsets[i] = size > 0 ? mutate_random(random) % size & ~(uint64_t)7 : 0;
            model->target[node * EDGES + (unsigned)i] = (uint32_t)(mutate_random(random) % BLOCKS);
        }
        qsort(offsets, EDGES, sizeof(*offsets), compare_offsets);
    }
    model->first[NODES] = NODES * EDGES;
}

static void make_model(struct model *model, const struct program *program, uint64_t *random)
{
    const uint64_t stack = 0x7fff00000000;

    memset(model, 0, sizeof(*model));
    model->module = (struct heap_module){.start = BIAS,
                                         .end = BIAS + program->size + (1u << 20),
                                         .bias = BIAS,
                                         .path = path,
                                         .build_id = program->build_id,
                                         .build_id_size = program->build_id_size};
    for (uint32_t i = 0; i < PLACES; i++) {
        model->frames[i + 1] = (struct heap_frame){BIAS + in_range(&program->code, random), i, 1};
        model->stacks[i] = (struct heap_stack){.frame = i + 1};
        model->root_frames[i] = (struct heap_root_frame){
            2, 1, stack + (i + 1) * 64, BIAS + in_range(&program->code, random)};
    }
    for (uint32_t i = 0; i < BLOCKS; i++) {
        model->blocks[i] = (struct heap_block){.address = 0x600000000000 + i * 4096ul,
                                               .size = 8 * (1 + mutate_random(random) % 30),
                                               .stack = (uint32_t)(mutate_random(random) % PLACES)};
        model->words[i] = (struct heap_module_word){
            i, 0, BIAS + mutate_random(random) % (program->variables.start + program->variables.size)};
    }
    model->roots[0] = (struct heap_root){BIAS + program->variables.start, program->variables.size,
                                         SNAPSHOT_ROOT_MODULE, 0, 1, ""};
    model->roots[1] = (struct heap_root){0x7f0000000000, 64, SNAPSHOT_ROOT_TLS, 1, 1, ""};
    model->roots[2] = (struct heap_root){stack, PLACES * 64, SNAPSHOT_ROOT_STACK, 1, 0, ""};
    make_edges(model, program, random);
    model->heap = (struct heap){.modules = &model->module,
                                .module_count = 1,
                                .frames = model->frames,
                                .frame_count = PLACES + 1,
                                .stacks = model->stacks,
                                .stack_count = PLACES,
                                .blocks = model->blocks,
                                .block_count = BLOCKS,
                                .has_blocks = true,
                                .graph = &model->graph,
                                .roots = model->roots,
                                .root_count = ROOTS,
                                .root_frames = model->root_frames,
                                .root_frame_count = PLACES,
                                .has_edges = true,
                                .edges = {model->first, model->target, model->offset, model->inside,
                                          NODES * EDGES, NULL, 0},
                                .module_words = model->words,
                                .module_word_count = BLOCKS};
}

static void ask_symbols(struct model *model, struct symbols *symbols)
{
    for (uint32_t frame = 1; frame <= PLACES; frame++) {
        struct symbol_list list = symbols_frame(symbols, frame);

        for (size_t i = 0; i < list.count; i++) {
            read_text(list.symbols[i].function);
            read_text(list.symbols[i].file);
            read_text(list.symbols[i].place);
        }
    }
    read_text(symbols_module(symbols, 0).debug_package);
    text_bytes += model->heap.module_count;
}

static void ask_variables(const struct program *program, struct model *model,
                          struct symbols *symbols, uint64_t *random)
{
    struct variables *variables = variables_create(&model->heap, symbols);
    struct layouts *layouts = variables ? layouts_create(variables) : NULL;

    if (!layouts)
        die("layouts_create");
    for (int i = 0; i < 2 * PLACES; i++) {
        uint64_t address = in_range(&program->variables, random), into;
        bool is_local = i % 4 == 0, found;
        struct variable variable;
        char field[200];
        uint32_t layout;
        Dwarf_Die type;

        found = is_local ? variables_find_local(variables, 0, in_range(&program->code, random), 4096,
                                                4096 - 8 * (mutate_random(random) % 20), &variable)
                         : variables_find(variables, 0, address, i % 4 == 1, &variable);
        if (found) {
            read_text(variable.name);
            read_text(variable.group);
            read_text(variable.type);
            read_text(variable.file);
        }
        if (!variables_type(variables, 0, address, false, &type, &into))
            continue;
        layout = layouts_of(layouts, &type);
        for (int depth = 0; depth < 20 && layout != LAYOUTS_NONE; depth++) {
            read_text(layouts_name(layouts, layout));
            layouts_field(layouts, layout, into, field, sizeof(field));
            read_text(field);
            layout = layouts_pointee(layouts, layout, into);
            into = 8 * (mutate_random(random) % 10);
        }
    }
    layouts_destroy(layouts);
    variables_destroy(variables);
}

static void ask_types(struct model *model, struct symbols *symbols)
{
    struct types *types;

    if (types_create(&model->heap, symbols, &types) != 0)
        die("types_create");
    for (uint32_t block = 0; block < BLOCKS; block++) {
        char field[200];

        read_text(types->names[types->of_block[block]]);
        types_field(types, block, 8, field, sizeof(field));
        read_text(field);
    }
    types_destroy(types);
}

static void ask(const struct program *program, uint64_t random)
{
    static struct model model;
    struct symbols *symbols;

    make_model(&model, program, &random);
    symbols = symbols_create(&model.heap);
    if (!symbols)
        die("symbols_create");
    symbols_set_debug_directory(symbols, "/nowhere");
    alarm(SECONDS_MAX);
    ask_symbols(&model, symbols);
    ask_variables(program, &model, symbols, &random);
    ask_types(&model, symbols);
    alarm(0);
    symbols_destroy(symbols);
}

/* ---- all of it ---------------------------------------------------------------------------- */

int main(int argc, char **argv)
{
    static struct program programs[PROGRAMS];
    size_t count = 0;
    char *rest = NULL;
    unsigned long runs = argc > 3 ? strtoul(argv[1], &rest, 10) : 0;
    bool changes = rest && *rest == '\0';
    uint64_t random = changes ? strtoull(argv[2], NULL, 10) : 1;
    int file = mkstemp(path);

    if (argc < 2 || file < 0)
        return 2;
    close(file);
    elf_version(EV_CURRENT);
    __sanitizer_set_death_callback(save_crash);
    signal(SIGABRT, on_signal);
    signal(SIGALRM, on_signal);
    for (char **name = argv + (changes ? 3 : 1); *name && count < PROGRAMS; name++)
        read_program(&programs[count++], *name);
    for (size_t i = 0; i < count; i++) { /* as they are */
        write_file(programs[i].data, programs[i].size);
        ask(&programs[i], random);
    }
    printf("# seed %" PRIu64 "\n1..1\n", random);
    fflush(stdout);
    for (unsigned long run = 0; changes && run < runs; run++) {
        const struct program *program = &programs[run % count];
        uint8_t *data = malloc(program->size);
        size_t size;

        if (!data)
            die("malloc");
        memcpy(data, program->data, program->size);
        size = change(program, data, program->size, &random);
        write_file(data, size);
        free(data);
        ask(program, mutate_random(&random));
    }
    for (size_t i = 0; i < count; i++)
        free(programs[i].data);
    unlink(path);
    printf("ok 1 - %lu changed programs, %zu bytes of names\n", runs, text_bytes);
    return 0;
}
