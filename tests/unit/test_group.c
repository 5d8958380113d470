/* Blocks, put together by what they have in common. */
#include "model/group.h"

#include "fake_symbols.h"
#include "format/snapshot.h"
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/*  frame  1 main.c:10 (main)
 *         ├ 2 cache.c:31 (cache_add)                     stack 0: 3 blocks, 30 bytes
 *         ├ 3 cache.c:31 (cache_fill)                    stack 1: 1 block, 100 bytes
 *         ├ 4 work.c:7 (work), into which work.c:99 (helper) is inlined
 *         │  └ 5 operator new                            stack 2: 2 blocks, 0 bytes
 *         └ 6 work.c:7 (work)
 *            └ 7 work.c:7 (work), a recursion            stack 3: 1 block, 50 bytes
 *         stack 4: no frame, 1 block, 5 bytes; stack 5: as 0, nothing alive */
static const struct symbol_list lists[] = {
    [1] = FAKE_LIST(FAKE_SYMBOL("/src/main.c", 10, "main")),
    [2] = FAKE_LIST(FAKE_SYMBOL("/src/cache.c", 31, "cache_add")),
    [3] = FAKE_LIST(FAKE_SYMBOL("/src/cache.c", 31, "cache_fill")),
    [4] =
        FAKE_LIST(FAKE_SYMBOL("/src/work.c", 99, "helper"), FAKE_SYMBOL("/src/work.c", 7, "work")),
    [5] = FAKE_LIST({.function = "operator new(unsigned long)",
                     .module = "libstdc++.so.6",
                     .place = "libstdc++.so.6(operator new(unsigned long))"}),
    [6] = FAKE_LIST(FAKE_SYMBOL("/src/work.c", 7, "work")),
    [7] = FAKE_LIST(FAKE_SYMBOL("/src/work.c", 7, "work")),
};

static struct heap_module modules[] = {
    {.bias = 0x400000, .path = "/opt/app", .build_id = (const uint8_t *)"\xab", .build_id_size = 1},
};

static struct heap_frame frames[] = {
    {0},
    {.address = 0x400010, .parent = 0, .module = 1},
    {.address = 0x400020, .parent = 1, .module = 1},
    {.address = 0x400030, .parent = 1, .module = 1},
    {.address = 0x400040, .parent = 1, .module = 1},
    {.address = 0x7f0000, .parent = 4, .module = 0},
    {.address = 0x400060, .parent = 1, .module = 1},
    {.address = 0x400060, .parent = 6, .module = 1},
};

static struct heap_stack stacks[] = {
    {.frame = 2, .live_bytes = 30, .live_blocks = 3},
    {.frame = 3, .live_bytes = 100, .live_blocks = 1, .flags = SNAPSHOT_STACK_TRUNCATED},
    {.frame = 5, .live_bytes = 0, .live_blocks = 2},
    {.frame = 7, .live_bytes = 50, .live_blocks = 1, .flags = SNAPSHOT_STACK_LIMITED},
    {.frame = 0, .live_bytes = 5, .live_blocks = 1},
    {.frame = 2, .live_bytes = 0, .live_blocks = 0},
};

static const struct heap heap = {
    .modules = modules,
    .module_count = 1,
    .frames = frames,
    .frame_count = 8,
    .stacks = stacks,
    .stack_count = 6,
};

static struct symbols symbols = {lists};

/* Stands in for model/symbols.c. */
struct symbol_list symbols_frame(struct symbols *fake, uint32_t frame)
{
    return fake->lists[frame];
}

static struct group_list *make(enum group_key key, bool cumulative, const struct filter *filter)
{
    struct group_options options = {.key = key, .cumulative = cumulative, .filter = filter};
    struct group_list *list = group_create(&heap, &symbols, &options);

    assert_non_null(list);
    return list;
}

/* LIST has the COUNT groups EXPECTED, "NAME SIZE COUNT" each, in this order. */
static void check(struct group_list *list, const char *const *expected, size_t count)
{
    char line[200];

    for (size_t i = 0; i < list->count && i < count; i++) {
        group_name(list->key, &list->groups[i], line, sizeof(line));
        snprintf(line + strlen(line), sizeof(line) - strlen(line), " %u %u",
                 (unsigned)list->groups[i].size, (unsigned)list->groups[i].count);
        assert_string_equal(line, expected[i]);
    }
    assert_int_equal(list->count, count);
    group_destroy(list);
}

#define CHECK(list, ...)                            \
    check(list, (const char *const[]){__VA_ARGS__}, \
          sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

static void newest_frame_that_is_no_wrapper_counts(void **state)
{
    (void)state;
    CHECK(make(GROUP_LINENO, false, NULL), "/src/cache.c:31 (cache_add, …) 130 4",
          "/src/work.c:7 (work) 50 1", "<unknown> 5 1", "/src/work.c:99 (helper) 0 2");
    CHECK(make(GROUP_FILENAME, false, NULL), "/src/cache.c 130 4", "/src/work.c 50 3",
          "<unknown> 5 1");
    CHECK(make(GROUP_FUNCTION, false, NULL), "cache_fill [app] 100 1", "work [app] 50 1",
          "cache_add [app] 30 3", "<unknown> 5 1", "helper [app] 0 2");
    CHECK(make(GROUP_MODULE, false, NULL), "app 180 7", "<unknown> 5 1");
}

static void skipped_frames_are_passed_over(void **state)
{
    struct filter *filter = filter_create();
    struct error error;

    (void)state;
    assert_int_equal(filter_add(filter, FILTER_SKIP, "cache_fill", &error), 0);
    assert_int_equal(filter_add(filter, FILTER_SKIP, "helper", &error), 0);
    CHECK(make(GROUP_LINENO, false, filter), "/src/main.c:10 (main) 100 1",
          "/src/work.c:7 (work) 50 3", "/src/cache.c:31 (cache_add) 30 3", "<unknown> 5 1");
    /* If all frames are skipped, the very newest one it is. */
    assert_int_equal(filter_add(filter, FILTER_SKIP, "*", &error), 0);
    CHECK(make(GROUP_FUNCTION, false, filter), "cache_fill [app] 100 1", "work [app] 50 1",
          "cache_add [app] 30 3", "<unknown> 5 1",
          "operator new(unsigned long) [libstdc++.so.6] 0 2");
    filter_destroy(filter);
}

static void cumulative_group_counts_a_block_once(void **state)
{
    (void)state;
    CHECK(make(GROUP_LINENO, true, NULL), "/src/main.c:10 (main) 180 7",
          "/src/cache.c:31 (cache_add, …) 130 4", "/src/work.c:7 (work) 50 3", "<unknown> 5 1",
          "libstdc++.so.6(operator new(unsigned long)) 0 2", "/src/work.c:99 (helper) 0 2");
    CHECK(make(GROUP_FILENAME, true, NULL), "/src/main.c 180 7", "/src/cache.c 130 4",
          "/src/work.c 50 3", "<unknown> 5 1", "libstdc++.so.6(operator new(unsigned long)) 0 2");
}

static void stack_without_frame_and_total_are_there(void **state)
{
    struct group_list *list = make(GROUP_LINENO, true, NULL);

    (void)state;
    assert_int_equal(list->size, 185);
    assert_int_equal(list->blocks, 8);
    group_destroy(list);
}

static void truncation_is_kept(void **state)
{
    struct group_list *list = make(GROUP_TRACEBACK, false, NULL);

    (void)state;
    assert_int_equal(list->count, 5);
    for (size_t i = 0; i < list->count; i++) {
        assert_int_equal(list->groups[i].truncated, list->groups[i].stack == 1);
        assert_int_equal(list->groups[i].limited, list->groups[i].stack == 3);
    }
    group_destroy(list);
}

/* The filter looks at the newest frame that is not skipped, or at all. */
static void filter_chooses_the_stacks(void **state)
{
    struct filter *filter = filter_create();
    struct error error;
    struct group_list *list;

    (void)state;
    assert_int_equal(filter_add(filter, FILTER_INCLUDE, "work.c:99", &error), 0);
    CHECK(make(GROUP_LINENO, false, filter), "/src/work.c:99 (helper) 0 2");
    assert_int_equal(filter_add(filter, FILTER_INCLUDE, "main.c", &error), 0);
    filter_look_at_all_frames(filter);
    list = make(GROUP_TRACEBACK, false, filter);
    assert_int_equal(list->blocks, 7);
    assert_int_equal(list->size, 180);
    assert_int_equal(list->count, 4);
    group_destroy(list);
    filter_destroy(filter);
}

/* The same program again, elsewhere in memory: the stacks have the same names. */
static void stacks_are_named_alike_in_every_run(void **state)
{
    struct heap_module moved[] = {modules[0]};
    struct heap_frame moved_frames[8];
    struct heap other = heap;
    struct group_options options = {.key = GROUP_TRACEBACK};
    struct group_list *here, *there, *rebuilt;

    (void)state;
    moved[0].bias += 0x1000000;
    moved[0].path = "/elsewhere/app";
    memcpy(moved_frames, frames, sizeof(frames));
    for (size_t i = 1; i < 8; i++)
        moved_frames[i].address += moved_frames[i].module ? 0x1000000 : 0;
    other.modules = moved;
    other.frames = moved_frames;
    here = group_create(&heap, &symbols, &options);
    there = group_create(&other, &symbols, &options);
    assert_int_equal(here->count, there->count);
    for (size_t i = 0; i < here->count; i++)
        assert_int_equal(group_compare(GROUP_TRACEBACK, &here->groups[i], &there->groups[i]), 0);
    /* Another build is another program. */
    moved[0].build_id = (const uint8_t *)"\xac";
    rebuilt = group_create(&other, &symbols, &options);
    assert_int_not_equal(group_compare(GROUP_TRACEBACK, &here->groups[0], &rebuilt->groups[0]), 0);
    group_destroy(here);
    group_destroy(there);
    group_destroy(rebuilt);
}

/* As tracemalloc: by size, then count, then key, all descending. */
static void ties_come_in_descending_order_of_the_key(void **state)
{
    const struct symbol_list tied[] = {
        [1] = FAKE_LIST(FAKE_SYMBOL("a.c", 9, "f")), [2] = FAKE_LIST(FAKE_SYMBOL("a.c", 10, "f")),
        [3] = FAKE_LIST(FAKE_SYMBOL("b.c", 1, "f")), [4] = FAKE_LIST(FAKE_SYMBOL("b.c", 3, "f")),
        [5] = FAKE_LIST(FAKE_SYMBOL("c.c", 5, "f")),
    };
    struct heap_frame tied_frames[6] = {{0}};
    struct heap_stack tied_stacks[5];
    struct heap other = {
        .frames = tied_frames, .frame_count = 6, .stacks = tied_stacks, .stack_count = 5};
    struct symbols tied_symbols = {tied};
    struct group_options options = {.key = GROUP_LINENO};

    (void)state;
    for (uint32_t i = 0; i < 5; i++) {
        tied_frames[i + 1].address = i + 1;
        tied_stacks[i] = (struct heap_stack){.frame = i + 1, .live_bytes = 10, .live_blocks = 1};
    }
    tied_stacks[4].live_blocks = 2;
    CHECK(group_create(&other, &tied_symbols, &options), "c.c:5 (f) 10 2", "b.c:3 (f) 10 1",
          "b.c:1 (f) 10 1", "a.c:10 (f) 10 1", "a.c:9 (f) 10 1");
}

static void key_names_are_found(void **state)
{
    (void)state;
    for (int i = 0; i < GROUP_KEYS; i++) {
        enum group_key key = GROUP_KEYS;

        assert_int_equal(group_key_find(group_key_name((enum group_key)i), &key), 0);
        assert_int_equal(key, i);
    }
    assert_int_equal(group_key_find("x", &(enum group_key){0}), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(newest_frame_that_is_no_wrapper_counts),
        cmocka_unit_test(skipped_frames_are_passed_over),
        cmocka_unit_test(cumulative_group_counts_a_block_once),
        cmocka_unit_test(stack_without_frame_and_total_are_there),
        cmocka_unit_test(truncation_is_kept),
        cmocka_unit_test(filter_chooses_the_stacks),
        cmocka_unit_test(stacks_are_named_alike_in_every_run),
        cmocka_unit_test(ties_come_in_descending_order_of_the_key),
        cmocka_unit_test(key_names_are_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
