/* The names of this program's own variables, as its debug info has them. */
#include "unit.h"

#include "model/elf_file.h"
#include "model/variables.h"

#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct entry {
    char *name;
    void *value;
};

struct registry {
    size_t count;
    union {
        void *all;
        long number;
    };
    struct entry items[2][3];
    const struct entry *const *nearest;
};

struct registry public_registry;
static struct registry registry;
static void *plain;
static __thread void *of_thread[4];
static void *table[10];

static char path[PATH_MAX];
static uintptr_t bias, thread_data;
static struct heap heap;
static struct heap_module module;
static struct symbols *symbols;
static struct variables *variables;

static int find_self(struct dl_phdr_info *info, size_t size, void *context)
{
    (void)size;
    (void)context;
    bias = info->dlpi_addr;
    thread_data = (uintptr_t)info->dlpi_tls_data;
    return 1; /* the first one is the program */
}

static int open_self(void **state)
{
    ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - 1);
    int descriptor = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    struct build_id build_id = {0};
    Elf *elf;

    (void)state;
    elf_version(EV_CURRENT);
    elf = elf_begin(descriptor, ELF_C_READ, NULL);
    if (length < 0 || !elf)
        return -1;
    build_id = elf_file_build_id(elf);
    module.build_id = memcpy(malloc(build_id.size + 1), build_id.data ? build_id.data : "",
                             build_id.size);
    module.build_id_size = (uint32_t)build_id.size;
    elf_end(elf);
    close(descriptor);
    of_thread[0] = NULL; /* or there might be no such data yet */
    dl_iterate_phdr(find_self, NULL);
    module.path = path;
    module.bias = bias;
    heap = (struct heap){.modules = &module, .module_count = 1};
    symbols = symbols_create(&heap);
    variables = variables_create(&heap, symbols);
    return symbols && variables ? 0 : -1;
}

static int close_self(void **state)
{
    (void)state;
    variables_destroy(variables);
    symbols_destroy(symbols);
    free((void *)module.build_id);
    return 0;
}

static void expect(const void *address, const char *name, const char *group, const char *type,
                   bool is_static)
{
    struct variable variable;

    if (!variables_find(variables, 0, (uintptr_t)address - bias, false, &variable))
        fail_msg("%s is not found", name);
    assert_string_equal(variable.name, name);
    assert_string_equal(variable.group, group);
    assert_string_equal(variable.type, type);
    assert_non_null(strstr(variable.file, "tests/unit/test_variables.c"));
    assert_true(*variable.file == '/' && !strstr(variable.file, "/../"));
    assert_int_equal(variable.is_static, is_static);
    assert_in_range((uintptr_t)address - bias - variable.start, 0, sizeof(struct registry) - 1);
}

static void globals_have_names_and_types(void **state)
{
    (void)state;
    expect(&plain, "plain", "plain", "void *", true);
    expect(&table[0], "table[0]", "table[]", "void *[10]", true);
    expect(&table[9], "table[9]", "table[]", "void *[10]", true);
    expect(&public_registry.nearest, "public_registry.nearest", "public_registry.nearest",
           "struct registry", false);
}

static void fields_are_followed(void **state)
{
    (void)state;
    expect(&registry.count, "registry.count", "registry.count", "struct registry", true);
    expect(&registry.items[0][0].name, "registry.items[0].name", "registry.items[].name",
           "struct registry", true);
    expect(&registry.items[1][2].value, "registry.items[5].value", "registry.items[].value",
           "struct registry", true);
}

static void __attribute__((noinline)) keep(const void *value)
{
    __asm__ volatile("" : : "r"(value) : "memory");
}

static void **first_twin(void)
{
    static void *twin;

    keep(&twin);
    return &twin;
}

static void **second_twin(void)
{
    static void *twin[3];

    keep(twin);
    return twin;
}

static void of_one_name_each_has_its_own_start(void **state)
{
    struct variable one, two;

    (void)state;
    assert_true(variables_find(variables, 0, (uintptr_t)first_twin() - bias, false, &one));
    assert_true(variables_find(variables, 0, (uintptr_t)(second_twin() + 1) - bias, false, &two));
    assert_string_equal(one.name, "twin");
    assert_string_equal(two.name, "twin[1]");
    assert_int_equal(one.start, (uintptr_t)first_twin() - bias);
    assert_int_equal(two.start, (uintptr_t)second_twin() - bias);
}

static void what_is_no_variable_has_no_name(void **state)
{
    struct variable variable;

    (void)state;
    assert_false(variables_find(variables, 0, 0, false, &variable));
    assert_false(variables_find(variables, 0, UINT64_MAX, false, &variable));
    assert_false(variables_find(variables, 0, (uintptr_t)&path - bias, true, &variable));
}

static void thread_locals_are_found(void **state)
{
    struct variable variable;

    (void)state;
    assert_true(variables_find(variables, 0, (uintptr_t)&of_thread[2] - thread_data, true,
                               &variable));
    assert_string_equal(variable.name, "of_thread[2]");
    assert_string_equal(variable.type, "void *[4]");
}

static uintptr_t __attribute__((noinline)) own_pc(void)
{
    return (uintptr_t)__builtin_return_address(0) - 1;
}

/* Its frame is as the compiler makes it, without the sanitizer's own. */
static bool __attribute__((noinline, no_sanitize("address", "undefined")))
look_for_locals(struct variable *out_first, struct variable *out_second)
{
    struct entry pair[2] = {{NULL, NULL}, {NULL, NULL}};
    void *single = NULL;
    uintptr_t pc, end = (uintptr_t)__builtin_dwarf_cfa();
    bool found;

    keep(pair);
    keep(&single);
    pc = own_pc() - bias;
    found = variables_find_local(variables, 0, pc, end, (uintptr_t)&pair[1].value, out_first) &&
            variables_find_local(variables, 0, pc, end, (uintptr_t)&single, out_second) &&
            !variables_find_local(variables, 0, pc, end, end + 4096, out_second);
    keep(pair);
    keep(&single);
    return found;
}

static void locals_are_found_in_their_frame(void **state)
{
    struct variable first, second;

    (void)state;
    assert_true(look_for_locals(&first, &second));
    assert_string_equal(first.name, "pair[1].value");
    assert_string_equal(first.type, "struct entry[2]");
    assert_string_equal(second.name, "single");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(globals_have_names_and_types),
        cmocka_unit_test(fields_are_followed),
        cmocka_unit_test(of_one_name_each_has_its_own_start),
        cmocka_unit_test(what_is_no_variable_has_no_name),
        cmocka_unit_test(thread_locals_are_found),
        cmocka_unit_test(locals_are_found_in_their_frame),
    };

    keep(&plain);
    keep(table);
    keep(&registry);
    keep(&public_registry);
    return cmocka_run_group_tests(tests, open_self, close_self);
}
