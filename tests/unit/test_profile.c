/* What stacks hold, as a tree of named frames. */
#include "model/profile.h"

#include "fake_symbols.h"
#include "model/filter.h"
#include "unit.h"

#include <stdlib.h>
#include <string.h>

/*  frame  1 main.c:10 (main)
 *         ├ 2 cache.c:31 (add)                           stack 0: 3 blocks, 30 bytes
 *         ├ 3 cache.c:31 (add), at another address       stack 1: 1 block, 100 bytes
 *         ├ 4 work.c:7 (work), into which work.c:99 (helper) is inlined
 *         │  └ 5 operator new                            stack 2: 2 blocks, 8 bytes
 *         └ 6 std::string::reserve, into work.c:9 (grow) stack 3: 1 block, 50 bytes
 *         stack 4: no frame, 1 block, 5 bytes; stack 5: all is freed again */
static const struct symbol_list lists[] = {
    [1] = FAKE_LIST(FAKE_SYMBOL("/src/main.c", 10, "main")),
    [2] = FAKE_LIST(FAKE_SYMBOL("/src/cache.c", 31, "add")),
    [3] = FAKE_LIST(FAKE_SYMBOL("/src/cache.c", 31, "add")),
    [4] = FAKE_LIST({.function = "helper", .file = "/src/work.c", .line = 99, .inlined = true,
                     .module = "app", .place = "app(helper)"},
                    FAKE_SYMBOL("/src/work.c", 7, "work")),
    [5] = FAKE_LIST({.function = "operator new(unsigned long)",
                     .module = "libstdc++.so.6",
                     .place = "libstdc++.so.6(operator new(unsigned long))"}),
    [6] = FAKE_LIST({.function = "std::string::reserve(unsigned long)", .file = "/usr/string",
                     .line = 4, .inlined = true, .module = "app", .place = "app(reserve)"},
                    FAKE_SYMBOL("/src/work.c", 9, "grow")),
};

static struct heap_frame frames[] = {
    {0},          {.parent = 0}, {.parent = 1}, {.parent = 1},
    {.parent = 1}, {.parent = 4}, {.parent = 1},
};

static struct heap_stack stacks[] = {
    {.frame = 2, .live_bytes = 30, .live_blocks = 3, .allocations = 7, .allocated_bytes = 70},
    {.frame = 3, .live_bytes = 100, .live_blocks = 1, .allocations = 1, .allocated_bytes = 100},
    {.frame = 5, .live_bytes = 8, .live_blocks = 2, .allocations = 2, .allocated_bytes = 8},
    {.frame = 6, .live_bytes = 50, .live_blocks = 1, .allocations = 1, .allocated_bytes = 50},
    {.frame = 0, .live_bytes = 5, .live_blocks = 1, .allocations = 1, .allocated_bytes = 5},
    {.frame = 2, .allocations = 9, .allocated_bytes = 900},
};

static const struct heap heap = {
    .frames = frames,
    .frame_count = sizeof(frames) / sizeof(frames[0]),
    .stacks = stacks,
    .stack_count = sizeof(stacks) / sizeof(stacks[0]),
};

struct symbol_list symbols_frame(struct symbols *symbols, uint32_t frame)
{
    return symbols->lists[frame];
}

static struct profile *make_profile(size_t heaps)
{
    struct symbols symbols = {.lists = lists};
    struct filter *filter = filter_create();
    struct profile *profile = profile_create(heaps);

    assert_non_null(filter);
    assert_non_null(profile);
    for (size_t i = 0; i < heaps; i++)
        assert_int_equal(profile_add(profile, i, &heap, &symbols, filter, NULL), 0);
    filter_destroy(filter);
    return profile;
}

/* The node that PATH, names from the outermost with blanks between, leads to; 0: there is none. */
static uint32_t find(const struct profile *profile, const char *path)
{
    char *words = strdup(path), *rest = words, *word;
    uint32_t node = 0;

    assert_non_null(words);
    while ((word = strsep(&rest, " "))) {
        uint32_t next = 0;

        for (uint32_t i = 1; i < profile->node_count; i++) {
            if (profile->nodes[i].parent == node &&
                strcmp(profile->frames[profile->nodes[i].frame].name, word) == 0)
                next = i;
        }
        node = next;
        if (!node)
            break;
    }
    free(words);
    return node;
}

static void test_equal_names_are_one_node(void **state)
{
    struct profile *profile = make_profile(1);
    uint32_t add = find(profile, "main add");

    (void)state;
    assert_int_not_equal(add, 0);
    assert_int_equal(profile_own(profile, add, 0, PROFILE_BYTES), 130);
    assert_int_equal(profile_own(profile, add, 0, PROFILE_BLOCKS), 4);
    assert_int_equal(profile_own(profile, add, 0, PROFILE_ALLOCATIONS), 17);
    assert_int_equal(profile_own(profile, add, 0, PROFILE_ALLOCATED_BYTES), 1070);
    profile_destroy(profile);
}

/* A stack ends where `stats` counts its blocks. */
static void test_wrappers_are_left_out(void **state)
{
    struct profile *profile = make_profile(1);
    uint32_t helper = find(profile, "main work helper"), grow = find(profile, "main grow");

    (void)state;
    assert_int_equal(profile_own(profile, helper, 0, PROFILE_BYTES), 8);
    assert_true(profile->frames[profile->nodes[helper].frame].inlined);
    assert_int_equal(profile_own(profile, grow, 0, PROFILE_BYTES), 50);
    assert_int_equal(find(profile, "<unknown>") > 0, 1);
    assert_int_equal(profile->node_count, 7); /* all, main, add, work, helper, grow, unknown */
    profile_destroy(profile);
}

static void test_totals_and_children(void **state)
{
    struct profile *profile = make_profile(1);
    uint64_t *totals = profile_totals(profile, 0, PROFILE_BYTES);
    struct profile_children children;
    uint32_t main_node = find(profile, "main");

    (void)state;
    assert_non_null(totals);
    assert_int_equal(totals[0], 193);
    assert_int_equal(totals[main_node], 188);
    assert_int_equal(profile_children_init(&children, profile, totals), 0);
    assert_int_equal(children.first[1] - children.first[0], 2);
    assert_int_equal(children.children[children.first[0]], main_node);
    assert_int_equal(children.first[main_node + 1] - children.first[main_node], 3);
    assert_int_equal(children.children[children.first[main_node]], find(profile, "main add"));
    assert_int_equal(children.children[children.first[main_node] + 1], find(profile, "main grow"));
    profile_children_finish(&children);
    free(totals);
    profile_destroy(profile);
}

static void test_inverted(void **state)
{
    struct profile *profile = make_profile(1), *inverted = profile_invert(profile);
    uint64_t *totals = inverted ? profile_totals(inverted, 0, PROFILE_BYTES) : NULL;

    (void)state;
    assert_non_null(totals);
    assert_int_equal(totals[0], 193);
    assert_int_equal(totals[find(inverted, "add")], 130);
    assert_int_equal(profile_own(inverted, find(inverted, "add main"), 0, PROFILE_BYTES), 130);
    assert_int_equal(totals[find(inverted, "helper work")], 8);
    assert_int_equal(find(inverted, "main"), 0); /* it allocated nothing itself */
    free(totals);
    profile_destroy(inverted);
    profile_destroy(profile);
}

static void test_two_heaps_lie_side_by_side(void **state)
{
    struct profile *profile = make_profile(2);
    uint32_t add = find(profile, "main add");

    (void)state;
    assert_int_equal(profile->node_count, 7);
    assert_int_equal(profile_own(profile, add, 0, PROFILE_BYTES), 130);
    assert_int_equal(profile_own(profile, add, 1, PROFILE_BYTES), 130);
    profile_destroy(profile);
}

static void test_values_have_names(void **state)
{
    enum profile_value value = PROFILE_VALUES;

    (void)state;
    for (unsigned i = 0; i < PROFILE_VALUES; i++) {
        assert_int_equal(profile_value_find(profile_value_name((enum profile_value)i), &value), 0);
        assert_int_equal(value, i);
    }
    assert_int_not_equal(profile_value_find("peak", &value), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_equal_names_are_one_node),
        cmocka_unit_test(test_wrappers_are_left_out),
        cmocka_unit_test(test_totals_and_children),
        cmocka_unit_test(test_inverted),
        cmocka_unit_test(test_two_heaps_lie_side_by_side),
        cmocka_unit_test(test_values_have_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
