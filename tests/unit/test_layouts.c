/* Where types have pointers, and to what: this program's own types, whose sizes and offsets the
 * compiler tells, and those of a program in C++, if it is the argument. */
#include "unit.h"

#include "debug_module.h"
#include "model/layouts.h"
#include "model/type_index.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

struct entry {
    char *name;
    void *value;
};

struct registry {
    size_t count;
    union {
        struct entry *one;
        long number;
    } both;
    struct entry items[2][3];
    const struct entry *const *nearest;
    struct {
        short number;
        double *amount;
    } inner;
};

struct tail {
    size_t count;
    struct entry *more[];
};

typedef struct {
    struct tail *tail;
} unnamed;

typedef unnamed *unnamed_pointer;
typedef unnamed_pointer same_pointer;

struct node {
    struct node *next, *previous;
    same_pointer content;
    void (*function)(void);
    struct undefined *undefined;
};

struct registry registry;
struct tail *tail;
struct node node;

static char *cpp_program;
static char path[PATH_MAX];
static struct heap_module modules[2];
static struct heap heap = {.modules = modules};
static struct symbols *symbols;
static struct variables *variables;
static struct layouts *layouts;

static int open_all(void **state)
{
    ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - 1);

    (void)state;
    if (length < 0 || debug_module_open(&modules[0], path) != 0)
        return -1;
    heap.module_count = 1;
    if (cpp_program) {
        if (debug_module_open(&modules[1], cpp_program) != 0)
            return -1;
        heap.module_count = 2;
    }
    symbols = symbols_create(&heap);
    variables = variables_create(&heap, symbols);
    layouts = layouts_create(variables);
    return layouts ? 0 : -1;
}

static int close_all(void **state)
{
    (void)state;
    layouts_destroy(layouts);
    variables_destroy(variables);
    symbols_destroy(symbols);
    for (size_t i = 0; i < heap.module_count; i++)
        free((void *)modules[i].build_id);
    return 0;
}

static uint32_t find(size_t module, const char *name)
{
    uint32_t layout = layouts_find(layouts, module, name);

    if (layout == LAYOUTS_NONE)
        fail_msg("%s is not found", name);
    return layout;
}

/* The pointer OFFSET bytes into LAYOUT leads to something of the name TARGET and of SIZE. */
static uint32_t leads_to(uint32_t layout, uint64_t offset, const char *target, uint64_t size)
{
    uint32_t pointee = layouts_pointee(layouts, layout, offset);

    if (pointee == LAYOUTS_NONE)
        fail_msg("what %s has at %d is no pointer to %s", layouts_name(layouts, layout),
                 (int)offset, target);
    assert_string_equal(layouts_name(layouts, pointee), target);
    assert_int_equal(layouts_size(layouts, pointee), size);
    return pointee;
}

static void leads_nowhere(uint32_t layout, uint64_t offset)
{
    assert_int_equal(layouts_pointee(layouts, layout, offset), LAYOUTS_NONE);
}

static void structures_are_found_with_their_size(void **state)
{
    (void)state;
    assert_string_equal(layouts_name(layouts, find(0, "registry")), "struct registry");
    assert_int_equal(layouts_size(layouts, find(0, "registry")), sizeof(struct registry));
    assert_int_equal(layouts_size(layouts, find(0, "entry")), sizeof(struct entry));
    assert_int_equal(layouts_size(layouts, find(0, "tail")), sizeof(struct tail));
    assert_true(layouts_is_structure(layouts, find(0, "registry")));
    assert_int_equal(find(0, "registry"), find(0, "registry"));
    assert_int_equal(layouts_find(layouts, 0, "regist"), LAYOUTS_NONE);
    assert_int_equal(layouts_find(layouts, 0, "undefined"), LAYOUTS_NONE);
}

static void pointers_are_where_the_compiler_puts_them(void **state)
{
    uint32_t one = find(0, "registry"), pointer;

    (void)state;
    leads_to(one, offsetof(struct registry, items[0][0].name), "char", 1);
    leads_to(one, offsetof(struct registry, items[1][2].name), "char", 1);
    leads_to(one, offsetof(struct registry, inner.amount), "double", sizeof(double));
    pointer = layouts_pointee(layouts, one, offsetof(struct registry, nearest));
    assert_int_not_equal(pointer, LAYOUTS_NONE);
    assert_int_equal(layouts_size(layouts, pointer), sizeof(void *));
    assert_false(layouts_is_structure(layouts, pointer));
    assert_int_equal(layouts_pointee(layouts, pointer, 0), find(0, "entry"));
    leads_nowhere(one, offsetof(struct registry, items[1][2].value)); /* void */
    leads_nowhere(one, offsetof(struct registry, count));
    leads_nowhere(one, offsetof(struct registry, both)); /* which of the two is in it? */
    leads_nowhere(one, offsetof(struct registry, inner.number));
    leads_nowhere(one, offsetof(struct registry, items[0][1].name) + 4);
    leads_nowhere(one, sizeof(struct registry));
    leads_nowhere(one, UINT64_MAX);
}

static void circles_and_declarations_end(void **state)
{
    uint32_t one = find(0, "node"), undefined;

    (void)state;
    assert_int_equal(layouts_pointee(layouts, one, offsetof(struct node, next)), one);
    assert_int_equal(layouts_pointee(layouts, one, offsetof(struct node, previous)), one);
    undefined = layouts_pointee(layouts, one, offsetof(struct node, undefined));
    assert_int_equal(layouts_size(layouts, undefined), 0);
    leads_nowhere(undefined, 0);
}

static void names_are_taken_off_but_kept_for_what_has_none(void **state)
{
    uint32_t content;

    (void)state;
    content = leads_to(find(0, "node"), offsetof(struct node, content), "unnamed", sizeof(unnamed));
    leads_to(content, 0, "struct tail", sizeof(struct tail));
}

static void an_array_may_be_open(void **state)
{
    uint32_t one = find(0, "tail");

    (void)state;
    assert_true(layouts_is_open(layouts, one));
    assert_false(layouts_is_open(layouts, find(0, "registry")));
    for (size_t i = 0; i < 50; i++)
        leads_to(one, sizeof(struct tail) + i * sizeof(void *), "struct entry", sizeof(struct entry));
    leads_nowhere(one, 0);
}

static void field_is(uint32_t layout, uint64_t offset, const char *expected)
{
    char name[100];

    layouts_field(layouts, layout, offset, name, sizeof(name));
    assert_string_equal(name, expected);
}

static void fields_have_names(void **state)
{
    uint32_t one = find(0, "registry");
    char little[6];

    (void)state;
    field_is(one, 0, "count");
    field_is(one, offsetof(struct registry, items[1][2].value), "items[].value");
    field_is(one, offsetof(struct registry, inner.amount), "inner.amount");
    field_is(one, sizeof(struct registry), "count"); /* of the next one */
    layouts_field(layouts, one, offsetof(struct registry, nearest), little, sizeof(little));
    assert_string_equal(little, "neare");
}

static void templates_have_their_arguments(void **state)
{
    uint32_t three, five, node_layout;

    (void)state;
    if (!cpp_program)
        skip();
    three = find(1, "app::box<double, 3>");
    five = find(1, "app::box<app::second, 5>");
    node_layout = find(1, "app::box<double, 3>::node");
    assert_int_equal(layouts_size(layouts, three), 16 + 16 + 8 + 3 * 8);
    assert_int_equal(layouts_size(layouts, five), 16 + 16 + 8 + 5 * 8);
    assert_int_equal(layouts_pointee(layouts, three, 32), node_layout);
    assert_int_equal(layouts_pointee(layouts, node_layout, 0), node_layout);
    leads_to(three, 40, "double", 8);
    leads_to(three, 56, "double", 8);
    leads_nowhere(three, 64);
    leads_to(five, 40 + 4 * 8, "app::second", 16);
}

static void base_classes_are_parts(void **state)
{
    uint32_t three;

    (void)state;
    if (!cpp_program)
        skip();
    three = find(1, "app::box<double, 3>");
    leads_to(three, 8, "int", 4);
    leads_to(three, 24, "char", 1);
    leads_nowhere(three, 16);
    field_is(three, 32, "head");
}

static void names_of_one_program_are_not_another_ones(void **state)
{
    struct type_index *index = variables_types(variables);
    Dwarf_Die type;

    (void)state;
    if (!cpp_program)
        skip();
    assert_int_equal(layouts_find(layouts, 1, "registry"), LAYOUTS_NONE);
    assert_int_equal(layouts_find(layouts, 0, "app::second"), LAYOUTS_NONE);
    assert_int_equal(layouts_find(layouts, 1, "second"), LAYOUTS_NONE);
    assert_true(type_index_find(index, 1, "app::(anonymous namespace)::hidden", &type));
    assert_string_equal(type_index_name(index, &type), "app::(anonymous namespace)::hidden");
    assert_string_equal(dwarf_diename(&type), "hidden");
    assert_true(type_index_find_beside(index, &type, "app::second", &type));
    assert_false(type_index_find_beside(index, &type, "registry", &type));
    assert_true(type_index_find(index, 0, "registry", &type));
    assert_null(type_index_name(index, &type)); /* in C it is all there is */
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(structures_are_found_with_their_size),
        cmocka_unit_test(pointers_are_where_the_compiler_puts_them),
        cmocka_unit_test(circles_and_declarations_end),
        cmocka_unit_test(names_are_taken_off_but_kept_for_what_has_none),
        cmocka_unit_test(an_array_may_be_open),
        cmocka_unit_test(fields_have_names),
        cmocka_unit_test(templates_have_their_arguments),
        cmocka_unit_test(base_classes_are_parts),
        cmocka_unit_test(names_of_one_program_are_not_another_ones),
    };

    cpp_program = argc > 1 ? realpath(argv[1], NULL) : NULL;
    return cmocka_run_group_tests(tests, open_all, close_all);
}
