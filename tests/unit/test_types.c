/* Of what type blocks are: a heap made by hand, whose root is a variable of this program. */
#include "unit.h"

#include "debug_module.h"
#include "format/snapshot.h"
#include "model/types.h"

#include <limits.h>
#include <link.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct node {
    struct node *next;
    double *numbers;
    void *hidden;
};

struct registry {
    struct node *first;
    void *hidden[2];
    struct node *middle; /* of a block */
} registry;

enum blocks { FIRST, SECOND, HIDDEN, ALONE, NUMBERS, INSIDE, TWO, BLOCKS };

#define NODE sizeof(struct node)

/* Nodes are of stack 0. */
static struct heap_block blocks[BLOCKS] = {
    [FIRST] = {.size = NODE},
    [SECOND] = {.size = NODE},
    [HIDDEN] = {.size = NODE},
    [ALONE] = {.size = NODE, .stack = 1},
    [NUMBERS] = {.size = 5 * sizeof(double), .stack = 1},
    [INSIDE] = {.size = 1000, .stack = 1},
    [TWO] = {.size = 2 * NODE, .stack = 1},
};

/* By node: the root, then the blocks. */
static const struct {
    uint32_t node;
    uint64_t offset;
    uint32_t target;
    uint64_t inside;
} pointers[] = {
    {0, offsetof(struct registry, first), FIRST, 0},
    {0, offsetof(struct registry, hidden[0]), HIDDEN, 0},
    {0, offsetof(struct registry, hidden[1]), ALONE, 0},
    {0, offsetof(struct registry, middle), INSIDE, 16},
    {1 + FIRST, offsetof(struct node, next), SECOND, 0},
    {1 + FIRST, offsetof(struct node, numbers), NUMBERS, 0},
    {1 + HIDDEN, offsetof(struct node, next), TWO, 0}, /* by a guess, then */
};

#define POINTERS (sizeof(pointers) / sizeof(*pointers))

static char path[PATH_MAX];
static struct heap_module module;
static struct heap_root root = {.kind = SNAPSHOT_ROOT_MODULE, .module = 1};
static struct heap_frame frames[1];
static struct heap_stack stacks[2];
static uint32_t first[BLOCKS + 2], targets[POINTERS], offsets[POINTERS], insides[POINTERS];
static struct heap heap = {
    .modules = &module,
    .module_count = 1,
    .frames = frames,
    .frame_count = 1,
    .stacks = stacks,
    .stack_count = 2,
    .blocks = blocks,
    .block_count = BLOCKS,
    .roots = &root,
    .root_count = 1,
    .has_blocks = true,
    .has_edges = true,
    .edges = {first, targets, offsets, insides, POINTERS, NULL, 0},
};
static struct symbols *symbols;
static struct types *types;

static int find_self(struct dl_phdr_info *info, size_t size, void *context)
{
    (void)size;
    (void)context;
    module.bias = info->dlpi_addr;
    return 1; /* the first one is the program */
}

static int find_types(void **state)
{
    ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - 1);

    (void)state;
    if (length < 0 || debug_module_open(&module, path) != 0)
        return -1;
    dl_iterate_phdr(find_self, NULL);
    root.start = (uintptr_t)&registry;
    root.size = sizeof(registry);
    for (size_t i = 0; i < BLOCKS; i++)
        blocks[i].address = 0x10000000 + 4096 * i;
    for (size_t i = 0; i < POINTERS; i++) {
        for (size_t node = pointers[i].node + 1; node < BLOCKS + 2; node++)
            first[node]++;
        targets[i] = pointers[i].target;
        offsets[i] = pointers[i].offset;
        insides[i] = pointers[i].inside << SNAPSHOT_INSIDE_SHIFT;
    }
    symbols = symbols_create(&heap);
    return symbols && types_create(&heap, symbols, &types) == 0 ? 0 : -1;
}

static int forget(void **state)
{
    (void)state;
    types_destroy(types);
    symbols_destroy(symbols);
    free((void *)module.build_id);
    return 0;
}

static void is_of(enum blocks block, const char *name, enum types_how how)
{
    assert_string_equal(types->names[types->of_block[block]], name);
    assert_int_equal(types->how[block], how);
}

static void what_pointers_are_declared_to_point_at(void **state)
{
    (void)state;
    is_of(FIRST, "struct node", TYPES_DECLARED);
    is_of(SECOND, "struct node", TYPES_DECLARED);
    is_of(NUMBERS, "double[]", TYPES_DECLARED);
}

static void what_others_of_the_stack_are(void **state)
{
    (void)state;
    is_of(HIDDEN, "struct node", TYPES_INFERRED);
    is_of(TWO, "struct node[]", TYPES_INFERRED);
}

static void what_nothing_tells_of_has_no_type(void **state)
{
    (void)state;
    assert_int_equal(types->how[ALONE], TYPES_UNKNOWN);
    assert_int_equal(types->of_block[ALONE], 0);
    assert_null(types->names[0]);
    assert_int_equal(types->how[INSIDE], TYPES_UNKNOWN); /* who points inside says nothing of it */
}

static void fields_of_blocks(void **state)
{
    char name[30];

    (void)state;
    types_field(types, FIRST, offsetof(struct node, numbers), name, sizeof(name));
    assert_string_equal(name, "numbers");
    types_field(types, TWO, NODE, name, sizeof(name));
    assert_string_equal(name, "next");
    types_field(types, ALONE, 8, name, sizeof(name));
    assert_string_equal(name, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_pointers_are_declared_to_point_at),
        cmocka_unit_test(what_others_of_the_stack_are),
        cmocka_unit_test(what_nothing_tells_of_has_no_type),
        cmocka_unit_test(fields_of_blocks),
    };

    __asm__ volatile("" : : "r"(&registry) : "memory");
    return cmocka_run_group_tests(tests, find_types, forget);
}
