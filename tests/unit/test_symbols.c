/* What symbols says of every byte of sample programs, against addr2line. The programs
 * are the arguments: one in C, the same without build-id, and the one in C++ if there
 * is a compiler for it. */
#include "built_heap.h"

#include "format/snapshot.h"
#include "model/elf_file.h"
#include "model/symbols.h"

#include <fcntl.h>
#include <gelf.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BIAS          0x555555554000u
#define ADDRESSES_MAX 4096

static char *c_program, *plain_program, *cpp_program; /* absolute paths */
static char directory[] = "/tmp/test_symbols.XXXXXX";

/* A program with the addresses in it that are asked for. */
struct sample {
    char path[PATH_MAX];
    uint8_t build_id[32];
    size_t build_id_size;
    uint64_t addresses[ADDRESSES_MAX];
    size_t count;
};

/* The heap and symbols of one question. */
struct question {
    struct heap *heap;
    struct symbols *symbols;
};

/* Run a command of the shell. */
static void run(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void run(const char *format, ...)
{
    char command[4 * PATH_MAX];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(command, sizeof(command), format, arguments);
    va_end(arguments);
    if (system(command) != 0)
        fail_msg("failed: %s", command);
}

/* Read the program at PATH: its build-id, and each byte of its functions called
 * "…sample…" or main. */
static void sample_read(struct sample *sample, const char *path)
{
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    struct build_id build_id;
    Elf_Scn *section = NULL;
    Elf *elf;

    elf_version(EV_CURRENT);
    memset(sample, 0, sizeof(*sample));
    snprintf(sample->path, sizeof(sample->path), "%s", path);
    elf = elf_begin(descriptor, ELF_C_READ, NULL);
    assert_non_null(elf);
    build_id = elf_file_build_id(elf);
    assert_in_range(build_id.size, 0, sizeof(sample->build_id));
    if (build_id.size > 0)
        memcpy(sample->build_id, build_id.data, build_id.size);
    sample->build_id_size = build_id.size;

    while ((section = elf_nextscn(elf, section))) {
        GElf_Shdr header;
        GElf_Sym symbol;
        Elf_Data *data;

        if (!gelf_getshdr(section, &header) || header.sh_type != SHT_SYMTAB)
            continue;
        data = elf_getdata(section, NULL);
        for (int i = 0; gelf_getsym(data, i, &symbol); i++) {
            const char *name = elf_strptr(elf, header.sh_link, symbol.st_name);

            if (GELF_ST_TYPE(symbol.st_info) != STT_FUNC || symbol.st_size == 0 ||
                (!strstr(name, "sample") && strcmp(name, "main") != 0))
                continue;
            for (uint64_t j = 0; j < symbol.st_size && sample->count < ADDRESSES_MAX; j++)
                sample->addresses[sample->count++] = symbol.st_value + j;
        }
    }
    elf_end(elf);
    close(descriptor);
    assert_in_range(sample->count, 50, ADDRESSES_MAX - 1);
}

/* Ask for the addresses of SAMPLE in the file PATH, with debug files below DEBUG; the
 * snapshot is of the build BUILD_ID. */
static struct question ask(const struct sample *sample, const char *path, const void *build_id,
                           size_t build_id_size, uint32_t flags, const char *debug)
{
    struct snapshot_builder *builder = snapshot_builder_create();
    struct question question;
    uint32_t module;

    module = snapshot_builder_module(builder, BIAS, BIAS + 0x100000, BIAS, path, build_id,
                                     (uint32_t)build_id_size, flags);
    for (size_t i = 0; i < sample->count; i++)
        snapshot_builder_frame(builder, 0, BIAS + sample->addresses[i], module);
    question.heap = built_heap(builder);
    question.symbols = symbols_create(question.heap);
    assert_non_null(question.symbols);
    symbols_set_debug_directory(question.symbols, debug);
    return question;
}

static void question_finish(struct question *question)
{
    symbols_destroy(question->symbols);
    heap_destroy(question->heap);
}

static struct question ask_plainly(const struct sample *sample, const char *path, const char *debug)
{
    return ask(sample, path, sample->build_id, sample->build_id_size, 0, debug);
}

/* The next line of FILE without its end. False at the end of the file. */
static bool read_line(FILE *file, char *line, size_t size)
{
    if (!fgets(line, (int)size, file))
        return false;
    line[strcspn(line, "\n")] = 0;
    return true;
}

/* Split "FILE:LINE" or "FILE:LINE (discriminator 2)" in place; FILE made simple, as
 * symbols does it. */
static unsigned split_place(char *place)
{
    char simple[PATH_MAX];
    char *colon = strrchr(place, ':');
    unsigned line;

    assert_non_null(colon);
    *colon = 0;
    line = (unsigned)strtoul(colon + 1, NULL, 10);
    if (realpath(place, simple))
        strcpy(place, simple);
    return line;
}

/* Compare all answers of QUESTION with those of addr2line for EXECUTABLE. */
static void compare(const struct sample *sample, const struct question *question,
                    const char *executable)
{
    char path[PATH_MAX], command[2 * PATH_MAX], line[3 * PATH_MAX];
    size_t inlined = 0;
    FILE *file;
    bool more;

    snprintf(path, sizeof(path), "%s/addresses", directory);
    file = fopen(path, "w");
    assert_non_null(file);
    for (size_t i = 0; i < sample->count; i++)
        fprintf(file, "%#llx\n", (unsigned long long)sample->addresses[i]);
    fclose(file);
    snprintf(command, sizeof(command), "addr2line -a -i -f -C -e %s < %s", executable, path);
    file = popen(command, "r");
    assert_non_null(file);

    more = read_line(file, line, sizeof(line));
    for (size_t i = 0; i < sample->count; i++) {
        struct symbol_list list = symbols_frame(question->symbols, (uint32_t)i + 1);
        size_t count = 0;

        assert_true(more); /* the address itself */
        while ((more = read_line(file, line, sizeof(line))) && strncmp(line, "0x", 2) != 0) {
            const struct symbol *symbol = &list.symbols[count];
            char place[sizeof(line)], simple[PATH_MAX];
            unsigned number;

            assert_in_range(count, 0, list.count - 1);
            assert_string_equal(symbol->function, line);
            assert_true(read_line(file, place, sizeof(place)));
            number = split_place(place);
            assert_non_null(symbol->file);
            assert_non_null(realpath(symbol->file, simple));
            assert_string_equal(simple, place);
            assert_int_equal(symbol->line, number);
            assert_int_equal(symbol->inlined, count + 1 < list.count);
            assert_int_equal(symbol->offset, sample->addresses[i]);
            count++;
        }
        assert_int_equal(count, list.count);
        inlined += list.count - 1;
    }
    pclose(file);
    assert_true(inlined > 20); /* or the compiler did not make what is tested here */
}

/* Check that QUESTION has functions, but no lines. */
static void expect_functions_only(const struct sample *sample, const struct question *question)
{
    const char *module = strrchr(question->heap->modules[0].path, '/') + 1;
    size_t named = 0;

    for (size_t i = 0; i < sample->count; i++) {
        struct symbol_list list = symbols_frame(question->symbols, (uint32_t)i + 1);
        char place[PATH_MAX];

        assert_int_equal(list.count, 1);
        assert_null(list.symbols->file);
        assert_int_equal(list.symbols->line, 0);
        assert_string_equal(list.symbols->module, module);
        if (!list.symbols->function)
            continue;
        named += strcmp(list.symbols->function, "main") == 0 ||
                 strstr(list.symbols->function, "sample") != NULL;
        snprintf(place, sizeof(place), "%s(%s)", module, list.symbols->function);
        assert_string_equal(list.symbols->place, place);
    }
    assert_int_equal(named, sample->count);
    assert_int_equal(symbols_module(question->symbols, 0).source, SYMBOLS_FUNCTIONS);
}

/* Check that QUESTION knows nothing, because of SOURCE. */
static void expect_nothing(const struct sample *sample, const struct question *question,
                           enum symbols_source source)
{
    const char *module = strrchr(question->heap->modules[0].path, '/') + 1;

    for (size_t i = 0; i < sample->count; i++) {
        struct symbol_list list = symbols_frame(question->symbols, (uint32_t)i + 1);
        char place[PATH_MAX];

        assert_int_equal(list.count, 1);
        assert_null(list.symbols->file);
        assert_null(list.symbols->function);
        snprintf(place, sizeof(place), "%s+%#llx", module,
                 (unsigned long long)sample->addresses[i]);
        assert_string_equal(list.symbols->place, place);
    }
    assert_int_equal(symbols_module(question->symbols, 0).source, source);
    assert_null(symbols_module(question->symbols, 0).debug_package);
}

static void check_program(const char *program)
{
    struct sample sample;
    struct question question;

    sample_read(&sample, program);
    question = ask_plainly(&sample, program, directory);
    compare(&sample, &question, program);
    assert_int_equal(symbols_module(question.symbols, 0).source, SYMBOLS_LINES);
    question_finish(&question);
}

static void c_is_as_addr2line_says(void **state)
{
    (void)state;
    check_program(c_program);
}

static void cplusplus_is_as_addr2line_says(void **state)
{
    (void)state;
    if (!cpp_program)
        skip();
    check_program(cpp_program);
}

/* Make "DIRECTORY/stripped" and DEBUG, the debug file beside which it has nothing. */
static void strip_program(const char *debug)
{
    run("cp %s %s/stripped && strip %s/stripped && objcopy --only-keep-debug %s %s", c_program,
        directory, directory, c_program, debug);
}

static void a_stripped_program_is_an_offset(void **state)
{
    struct sample sample;
    struct question question;
    char stripped[PATH_MAX], debug[PATH_MAX];

    (void)state;
    snprintf(stripped, sizeof(stripped), "%s/stripped", directory);
    snprintf(debug, sizeof(debug), "%s/unused.debug", directory);
    strip_program(debug);
    sample_read(&sample, c_program);
    question = ask_plainly(&sample, stripped, directory);
    expect_nothing(&sample, &question, SYMBOLS_NONE);
    question_finish(&question);
}

static void without_debug_info_there_are_functions(void **state)
{
    struct sample sample;
    struct question question;
    char path[PATH_MAX];

    (void)state;
    snprintf(path, sizeof(path), "%s/nodebug", directory);
    run("cp %s %s && strip -g %s", c_program, path, path);
    sample_read(&sample, c_program);
    question = ask_plainly(&sample, path, directory);
    expect_functions_only(&sample, &question);
    question_finish(&question);
}

/* The debug file of SAMPLE below DIRECTORY/debug, by build-id. */
static void build_id_path(const struct sample *sample, char path[PATH_MAX])
{
    int length =
        snprintf(path, PATH_MAX, "%s/debug/.build-id/%02x/", directory, sample->build_id[0]);

    for (size_t i = 1; i < sample->build_id_size; i++)
        length += snprintf(path + length, (size_t)(PATH_MAX - length), "%02x", sample->build_id[i]);
    snprintf(path + length, (size_t)(PATH_MAX - length), ".debug");
}

static void a_debug_file_is_found_by_build_id(void **state)
{
    struct sample sample;
    struct question question;
    char stripped[PATH_MAX], debug[PATH_MAX], folder[PATH_MAX];

    (void)state;
    sample_read(&sample, c_program);
    snprintf(stripped, sizeof(stripped), "%s/stripped", directory);
    snprintf(folder, sizeof(folder), "%s/debug", directory);
    build_id_path(&sample, debug);
    run("mkdir -p $(dirname %s)", debug);
    strip_program(debug);
    question = ask_plainly(&sample, stripped, folder);
    compare(&sample, &question, c_program);
    question_finish(&question);

    /* Even if the program itself is gone. */
    unlink(stripped);
    question = ask_plainly(&sample, stripped, folder);
    compare(&sample, &question, c_program);
    question_finish(&question);

    /* A file of another build in its place is not believed. */
    run("objcopy --remove-section .note.gnu.build-id %s", debug);
    question = ask_plainly(&sample, stripped, folder);
    expect_nothing(&sample, &question, SYMBOLS_MISSING);
    question_finish(&question);
    run("rm -r %s", folder);
}

static void a_debug_file_is_found_by_link(void **state)
{
    const char *const places[] = {".", ".debug", "debug"};
    struct sample sample;
    struct question question;
    char stripped[PATH_MAX], debug[PATH_MAX], folder[PATH_MAX];

    (void)state;
    sample_read(&sample, c_program);
    snprintf(stripped, sizeof(stripped), "%s/stripped", directory);
    snprintf(debug, sizeof(debug), "%s/other-name", directory);
    snprintf(folder, sizeof(folder), "%s/debug", directory);
    for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
        strip_program(debug);
        run("cd %s && objcopy --add-gnu-debuglink=other-name stripped", directory);
        if (strcmp(places[i], "debug") == 0)
            run("cd %s && mkdir -p debug$PWD && mv other-name debug$PWD/", directory);
        else if (strcmp(places[i], ".") != 0)
            run("cd %s && mkdir -p %s && mv other-name %s/", directory, places[i], places[i]);
        question = ask_plainly(&sample, stripped, folder);
        compare(&sample, &question, c_program);
        question_finish(&question);
        run("cd %s && rm -rf other-name .debug debug", directory);
    }
}

/* Programs without build-id: the link's checksum decides. */
static void a_linked_file_is_checked(void **state)
{
    struct sample sample;
    struct question question;
    char stripped[PATH_MAX], debug[PATH_MAX];

    (void)state;
    sample_read(&sample, plain_program);
    assert_int_equal(sample.build_id_size, 0);
    snprintf(stripped, sizeof(stripped), "%s/stripped", directory);
    snprintf(debug, sizeof(debug), "%s/other-name", directory);
    run("cd %s && objcopy --only-keep-debug %s other-name && strip %s -o stripped && "
        "objcopy --add-gnu-debuglink=other-name stripped",
        directory, plain_program, plain_program);
    question = ask(&sample, stripped, NULL, 0, 0, directory);
    compare(&sample, &question, plain_program);
    question_finish(&question);

    run("printf x >> %s", debug);
    question = ask(&sample, stripped, NULL, 0, 0, directory);
    expect_nothing(&sample, &question, SYMBOLS_NONE);
    question_finish(&question);
}

static void another_build_is_not_used(void **state)
{
    uint8_t build_id[32];
    struct sample sample;
    struct question question;

    (void)state;
    sample_read(&sample, c_program);
    memcpy(build_id, sample.build_id, sizeof(build_id));
    build_id[sample.build_id_size - 1] ^= 1;
    question = ask(&sample, c_program, build_id, sample.build_id_size, 0, directory);
    expect_nothing(&sample, &question, SYMBOLS_OTHER_BUILD);
    question_finish(&question);
    question = ask(&sample, c_program, sample.build_id, sample.build_id_size - 1, 0, directory);
    expect_nothing(&sample, &question, SYMBOLS_OTHER_BUILD);
    question_finish(&question);
    question = ask(&sample, c_program, NULL, 0, 0, directory);
    expect_nothing(&sample, &question, SYMBOLS_OTHER_BUILD);
    question_finish(&question);
}

static void what_is_no_file_is_not_opened(void **state)
{
    struct sample sample;
    struct question question;
    char path[PATH_MAX];

    (void)state;
    sample_read(&sample, c_program);
    snprintf(path, sizeof(path), "%s/pipe", directory);
    run("mkfifo %s", path); /* opening it would wait for a writer */
    question = ask_plainly(&sample, path, directory);
    expect_nothing(&sample, &question, SYMBOLS_MISSING);
    question_finish(&question);

    question = ask_plainly(&sample, "/dev/zero", directory);
    expect_nothing(&sample, &question, SYMBOLS_MISSING);
    question_finish(&question);

    snprintf(path, sizeof(path), "%s/text", directory);
    run("echo text > %s", path);
    question = ask_plainly(&sample, path, directory);
    expect_nothing(&sample, &question, SYMBOLS_MISSING);
    question_finish(&question);
}

static void the_kernel_says_deleted(void **state)
{
    struct sample sample;
    struct question question;
    char path[PATH_MAX];

    (void)state;
    sample_read(&sample, c_program);
    snprintf(path, sizeof(path), "%s (deleted)", c_program);
    question = ask(&sample, path, sample.build_id, sample.build_id_size, SNAPSHOT_MODULE_DELETED,
                   directory);
    compare(&sample, &question, c_program);
    assert_string_equal(symbols_frame(question.symbols, 1).symbols->module,
                        strrchr(c_program, '/') + 1);
    question_finish(&question);
}

static void places_without_a_file_have_names(void **state)
{
    struct snapshot_builder *builder = snapshot_builder_create();
    struct symbols *symbols;
    struct symbol_list list;
    struct heap *heap;
    uint32_t vdso =
        snapshot_builder_module(builder, 0x7ff000, 0x800000, 0x7ff000, "[vdso]", NULL, 0, 0);

    (void)state;
    snapshot_builder_frame(builder, 0, 0x7ff123, vdso);
    snapshot_builder_frame(builder, 0, 0x12345678, 0);
    snapshot_builder_frame(builder, 1, 0x12345678, 0);
    heap = built_heap(builder);
    symbols = symbols_create(heap);

    assert_int_equal(symbols_module(symbols, 0).source, SYMBOLS_NONE);
    list = symbols_frame(symbols, 1);
    assert_int_equal(list.count, 1);
    assert_string_equal(list.symbols->place, "[vdso]+0x123");
    assert_string_equal(list.symbols->module, "[vdso]");
    assert_int_equal(list.symbols->offset, 0x123);
    list = symbols_frame(symbols, 2);
    assert_string_equal(list.symbols->place, "0x12345678");
    assert_null(list.symbols->module);
    assert_ptr_equal(symbols_frame(symbols, 3).symbols, list.symbols);

    symbols_destroy(symbols);
    heap_destroy(heap);
}

/* A program damaged anywhere is not worth an answer, but must not end us. */
static void damaged_programs_are_survived(void **state)
{
    struct sample sample;
    char path[PATH_MAX];
    uint8_t *data = NULL;
    size_t size = 0;
    FILE *file;

    (void)state;
    sample_read(&sample, c_program);
    sample.count = 60;
    snprintf(path, sizeof(path), "%s/damaged", directory);
    file = fopen(c_program, "rb");
    data = malloc(1 << 20);
    size = fread(data, 1, 1 << 20, file);
    fclose(file);
    srand(1);
    for (int i = 0; i < 200; i++) {
        struct question question;
        uint8_t *copy = malloc(size);
        size_t length = i % 4 == 0 ? (size_t)rand() % size : size;

        memcpy(copy, data, size);
        for (int j = 0; j < 1 + i % 50; j++)
            copy[(size_t)rand() % size] = (uint8_t)rand();
        assert_int_equal(snapshot_builder_save(path, copy, length), 0);
        question = ask_plainly(&sample, path, directory);
        for (size_t j = 0; j < sample.count; j++)
            assert_in_range(symbols_frame(question.symbols, (uint32_t)j + 1).count, 1, 256);
        question_finish(&question);
        free(copy);
    }
    free(data);
}

static int make_directory(void **state)
{
    (void)state;
    return mkdtemp(directory) ? 0 : -1;
}

static int remove_directory(void **state)
{
    (void)state;
    run("rm -r %s", directory);
    return 0;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(c_is_as_addr2line_says),
        cmocka_unit_test(cplusplus_is_as_addr2line_says),
        cmocka_unit_test(a_stripped_program_is_an_offset),
        cmocka_unit_test(without_debug_info_there_are_functions),
        cmocka_unit_test(a_debug_file_is_found_by_build_id),
        cmocka_unit_test(a_debug_file_is_found_by_link),
        cmocka_unit_test(a_linked_file_is_checked),
        cmocka_unit_test(another_build_is_not_used),
        cmocka_unit_test(what_is_no_file_is_not_opened),
        cmocka_unit_test(the_kernel_says_deleted),
        cmocka_unit_test(places_without_a_file_have_names),
        cmocka_unit_test(damaged_programs_are_survived),
    };

    int result;

    if (argc < 3) {
        fprintf(stderr, "usage: test_symbols C-PROGRAM PLAIN-PROGRAM [C++-PROGRAM]\n");
        return 2;
    }
    c_program = realpath(argv[1], NULL);
    plain_program = realpath(argv[2], NULL);
    cpp_program = argc > 3 ? realpath(argv[3], NULL) : NULL;
    result = cmocka_run_group_tests(tests, make_directory, remove_directory);
    free(c_program);
    free(plain_program);
    free(cpp_program);
    return result;
}
