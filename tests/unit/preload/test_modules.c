/* test_modules.c - modules come, go and come back. The PATHs of module_fixture.c in its
 * forms are given: two with build-ids as usual, one without, two with odd ones. */
#include "child.h"

#include "format/snapshot.h"
#include "preload/arena.h"
#include "preload/modules.h"

#include <dlfcn.h>
#include <elfutils/libdwelf.h>
#include <fcntl.h>
#include <gnu/libc-version.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

enum fixture { ONE, OTHER, NO_ID, SHORT_ID, LONG_ID, FIXTURES };

static char *paths[FIXTURES];

/* ---- asking and checking ------------------------------------------------------------ */

/* The number of the module at ADDRESS; BACK says whether it must be one that comes back. */
static uint32_t find(const void *address, bool back)
{
    bool out_back = false;
    uint32_t number = modules_find((uintptr_t)address, &out_back);

    assert_int_equal(out_back, back);
    return number;
}

static void *load(const char *path)
{
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);

    if (!handle)
        fail_msg("%s", dlerror());
    return handle;
}

static void *function_of(void *handle)
{
    void *function = dlsym(handle, "module_function");

    assert_non_null(function);
    return function;
}

static bool unloaded(uint32_t number)
{
    bool flagged = modules_get(number)->flags & SNAPSHOT_MODULE_UNLOADED;

    assert_int_equal(modules_loaded(number), !flagged);
    return flagged;
}

/* Check the build-id of MODULE by the file's own word. */
static void check_build_id(const struct module *module)
{
    const void *build_id;
    int file = open(module->path, O_RDONLY);
    ssize_t size;
    Elf *elf;

    assert_true(file >= 0);
    elf_version(EV_CURRENT);
    elf = elf_begin(file, ELF_C_READ, NULL);
    assert_non_null(elf);
    size = dwelf_elf_gnu_build_id(elf, &build_id);
    if (size > MODULES_BUILD_ID_MAX || size < 0)
        size = 0; /* it can't be kept, or there is none */
    assert_int_equal(module->build_id_size, size);
    if (size)
        assert_memory_equal(module->build_id, build_id, (size_t)size);
    elf_end(elf);
    close(file);
}

/* Compare the segments of the module at the link map of the loader's INFO. */
static int check_segments(struct dl_phdr_info *info, size_t size, void *context)
{
    const struct module *module = context;
    uint32_t count = 0;

    (void)size;
    if (info->dlpi_addr != module->bias)
        return 0;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *header = &info->dlpi_phdr[i];
        const struct module_segment *segment = &module->segments[count];

        if (header->p_type != PT_LOAD)
            continue;
        assert_in_range(++count, 1, module->segment_count);
        assert_int_equal(segment->address, module->bias + header->p_vaddr);
        assert_int_equal(segment->size, header->p_memsz);
        assert_int_equal(segment->file_offset, header->p_offset);
        assert_int_equal(segment->flags, header->p_flags);
        assert_true(segment->address >= module->start);
        assert_true(segment->address + segment->size <= module->end);
    }
    assert_int_equal(module->segment_count, count);
    return 1;
}

/* Check all that is known about module NUMBER, at ADDRESS, whose file is PATH. */
static void check(uint32_t number, const void *address, const char *path, uint32_t flags)
{
    const struct module *module = modules_get(number);
    char *real = realpath(path, NULL), *own = realpath(module->path, NULL);

    assert_in_range(number, 1, modules_count());
    assert_int_equal(module->path[0], '/');
    assert_string_equal(own, real);
    assert_int_equal(module->flags, flags);
    assert_true((uintptr_t)address >= module->start && (uintptr_t)address < module->end);
    assert_int_equal(dl_iterate_phdr(check_segments, (void *)(uintptr_t)module), 1);
    check_build_id(module);
    free(real);
    free(own);
}

/* ---- what there is ------------------------------------------------------------------ */

static void each_module_is_described(void **state)
{
    uint32_t numbers[3 + FIXTURES];
    struct link_map *map;

    (void)state;
    numbers[0] = find((void *)(uintptr_t)find, false);
    check(numbers[0], (void *)(uintptr_t)find, "/proc/self/exe",
          SNAPSHOT_MODULE_MAIN | SNAPSHOT_MODULE_OWN);
    numbers[1] = find(gnu_get_libc_version(), false);
    dlinfo(load("libc.so.6"), RTLD_DI_LINKMAP, &map);
    check(numbers[1], gnu_get_libc_version(), map->l_name, 0);
    dlinfo(load("ld-linux-x86-64.so.2"), RTLD_DI_LINKMAP, &map);
    numbers[2] = find(map->l_ld, false);
    check(numbers[2], map->l_ld, map->l_name, 0);
    for (int i = 0; i < FIXTURES; i++) {
        void *function = function_of(load(paths[i]));

        numbers[3 + i] = find(function, false);
        check(numbers[3 + i], function, paths[i], 0);
    }
    for (uint32_t i = 0; i < 3 + FIXTURES; i++)
        assert_int_equal(numbers[i], i + 1); /* from 1, never given to another */
    assert_int_equal(modules_count(), 3 + FIXTURES);
    assert_int_equal(modules_get(numbers[3 + NO_ID])->build_id_size, 0);
    assert_int_equal(modules_get(numbers[3 + SHORT_ID])->build_id_size, 4);
}

static void any_address_in_it_is_its(void **state)
{
    void *function = function_of(load(paths[ONE]));
    uint32_t number = find(function, false);
    const struct module *module = modules_get(number);

    (void)state;
    for (uintptr_t address = module->start; address < module->end; address += 64)
        assert_int_equal(find((void *)address, false), number);
    assert_int_equal(find((void *)(module->end - 1), false), number);
    assert_int_not_equal(find((void *)module->end, false), number);
    assert_int_not_equal(find((void *)(module->start - 1), false), number);
}

static void elsewhere_is_none(void **state)
{
    void *memory = calloc(1, 100);

    (void)state;
    assert_int_equal(find(memory, false), 0);
    assert_int_equal(find(&memory, false), 0);
    assert_int_equal(find(NULL, false), 0);
    assert_int_equal(find((void *)UINTPTR_MAX, false), 0);
    assert_int_equal(modules_count(), 0);
    free(memory);
}

static void the_vdso_has_a_name_but_no_file(void **state)
{
    const void *vdso = (const void *)getauxval(AT_SYSINFO_EHDR);
    uint32_t number;

    (void)state;
    if (!vdso)
        return;
    number = find(vdso, false);
    assert_string_equal(modules_get(number)->path, "[vdso]");
}

static void a_relative_path_is_made_absolute(void **state)
{
    static const char *const prefixes[] = { "./", "././", "../preload/" };
    char *directory = strdup(paths[ONE]), name[300];

    (void)state;
    *strrchr(directory, '/') = '\0';
    assert_int_equal(chdir(directory), 0);
    for (int i = 0; i < 3; i++) {
        void *handle;

        snprintf(name, sizeof(name), "%s%s", prefixes[i], strrchr(paths[i], '/') + 1);
        handle = load(name);
        check(find(function_of(handle), false), function_of(handle), paths[i], 0);
    }
    free(directory);
}

/* ---- coming and going ----------------------------------------------------------------- */

static void one_that_is_unloaded_stays_known(void **state)
{
    void *handle = load(paths[ONE]), *function = function_of(handle);
    uint32_t number = find(function, false);

    (void)state;
    assert_false(modules_check());
    assert_false(unloaded(number));
    dlclose(handle);
    assert_true(modules_check());
    assert_false(modules_check());
    assert_true(unloaded(number));
    assert_int_equal(find(function, false), 0);
    assert_string_equal(modules_get(number)->path, paths[ONE]);
    assert_int_equal(modules_count(), number);
}

/* Load PATH at the address where FUNCTION is; the kernel may have to be asked often. */
static void *load_there(const char *path, const void *function)
{
    for (int i = 0; i < 50; i++) {
        void *handle = load(path);

        if (function_of(handle) == function)
            return handle;
        /* what took the place stays taken, so the next attempt may find it free */
    }
    fail_msg("the place is never free again");
    return NULL;
}

static void it_gets_its_number_back(void **state)
{
    void *handle = load(paths[ONE]), *function = function_of(handle);
    uint32_t number = find(function, false);

    (void)state;
    for (int round = 0; round < 100; round++) {
        dlclose(handle);
        assert_true(modules_check());
        handle = load_there(paths[ONE], function);
        assert_int_equal(find(function, true), number);
        assert_int_equal(find(function, false), number);
        assert_false(unloaded(number));
        assert_false(modules_check());
    }
    assert_int_equal(modules_count(), number);
}

static void another_at_its_place_is_another(void **state)
{
    void *handle = load(paths[ONE]), *function = function_of(handle);
    uint32_t one = find(function, false), other = 0;

    (void)state;
    for (int round = 0; round < 100; round++) {
        dlclose(handle);
        handle = load_there(paths[OTHER], function);
        assert_true(modules_check());
        assert_true(unloaded(one));
        if (round == 0)
            other = find(function, false);
        else
            assert_int_equal(find(function, true), other);
        assert_int_not_equal(other, one);
        check(other, function, paths[OTHER], 0);

        dlclose(handle);
        handle = load_there(paths[ONE], function);
        assert_true(modules_check());
        assert_true(unloaded(other));
        assert_int_equal(find(function, true), one);
        check(one, function, paths[ONE], 0);
    }
    assert_true(modules_get(other)->generation > modules_get(one)->generation);
    assert_int_equal(modules_count(), 2);
}

static void copy(const char *from, const char *to)
{
    char bytes[65536];
    FILE *in = fopen(from, "rb"), *out;
    size_t size;

    assert_non_null(in);
    unlink(to);
    out = fopen(to, "wb");
    assert_non_null(out);
    while ((size = fread(bytes, 1, sizeof(bytes), in)) > 0)
        assert_int_equal(fwrite(bytes, 1, size, out), size);
    fclose(in);
    fclose(out);
}

static char directory[] = "/tmp/test_modules.XXXXXX";

static int make_directory(void **state)
{
    (void)state;
    return mkdtemp(directory) ? 0 : -1;
}

static int remove_directory(void **state)
{
    (void)state;
    return rmdir(directory);
}

/* A plug-in that was compiled anew has its old name and place. */
static void a_new_file_of_the_same_name_is_another(void **state)
{
    char path[100];
    void *handle, *function;
    uint32_t number;

    (void)state;
    snprintf(path, sizeof(path), "%s/plugin.so", directory);
    copy(paths[ONE], path);
    handle = load(path);
    function = function_of(handle);
    number = find(function, false);
    dlclose(handle);
    copy(paths[OTHER], path);
    load_there(path, function);
    assert_true(modules_check());
    assert_int_not_equal(find(function, false), number);
    assert_string_equal(modules_get(number)->path, path);
    unlink(path);
}

static void there_may_be_many(void **state)
{
    static void *functions[200];
    char path[100];

    (void)state;
    for (uint32_t i = 0; i < 200; i++) {
        snprintf(path, sizeof(path), "%s/%u.so", directory, i);
        copy(paths[i % 2], path);
        functions[i] = function_of(load(path));
        unlink(path);
        assert_int_equal(find(functions[i], false), i + 1);
    }
    for (uint32_t i = 0; i < 200; i++) {
        snprintf(path, sizeof(path), "%s/%u.so", directory, i);
        assert_int_equal(find(functions[i], false), i + 1);
        assert_string_equal(modules_get(i + 1)->path, path);
    }
    assert_false(modules_check());
}

/* Without memory it is unknown, or has no segments; later it is known. */
static bool find_without_memory(void)
{
    bool complete = true, back = false;

    for (int i = 0; i < FIXTURES; i++) {
        void *function = function_of(load(paths[i]));
        uint32_t number = modules_find((uintptr_t)function, &back);

        assert_false(back);
        complete = complete && number && modules_get(number)->segments;
        if (number) {
            assert_string_equal(modules_get(number)->path, paths[i]);
            assert_int_equal(modules_get(number)->segments != NULL,
                             modules_get(number)->segment_count != 0);
        }
    }
    arena_fail_after(0);
    for (int i = 0; i < FIXTURES; i++)
        assert_int_not_equal(modules_find((uintptr_t)function_of(load(paths[i])), &back), 0);
    assert_int_equal(modules_count(), FIXTURES);
    return complete;
}

static void without_memory_it_is_unknown(void **state)
{
    (void)state;
    child_starve(find_without_memory);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        child_test(each_module_is_described),
        child_test(any_address_in_it_is_its),
        child_test(elsewhere_is_none),
        child_test(the_vdso_has_a_name_but_no_file),
        child_test(a_relative_path_is_made_absolute),
        child_test(one_that_is_unloaded_stays_known),
        child_test(it_gets_its_number_back),
        child_test(another_at_its_place_is_another),
        child_test(a_new_file_of_the_same_name_is_another),
        child_test(there_may_be_many),
        cmocka_unit_test(without_memory_it_is_unknown),
    };

    if (argc != 1 + FIXTURES)
        return 2;
    for (int i = 0; i < FIXTURES; i++)
        paths[i] = realpath(argv[1 + i], NULL);
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
