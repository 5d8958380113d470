/* Which blocks a site names, and what sites there are. */
#include "unit.h"

#include "fake_symbols.h"
#include "model/site.h"

#include <errno.h>
#include <string.h>

struct symbol_list symbols_frame(struct symbols *fake, uint32_t frame)
{
    return fake->lists[frame];
}

/* main calls add, twice, and fill, which calls malloc's wrapper. */
static const struct symbol_list lists[] = {
    {0},
    FAKE_LIST(FAKE_SYMBOL("/src/main.c", 10, "main")),
    FAKE_LIST(FAKE_SYMBOL("/src/cache.c", 31, "cache_add")),
    FAKE_LIST(FAKE_SYMBOL("/src/cache.c", 31, "cache_add")),
    FAKE_LIST(FAKE_SYMBOL("/src/lib/cache.c", 31, "ns::fill(int)")),
    FAKE_LIST(FAKE_SYMBOL("/src/xmalloc.c", 5, "xmalloc")),
};
static struct heap_frame frames[] = {
    {0}, {.parent = 0}, {.parent = 1}, {.parent = 1}, {.parent = 1}, {.parent = 4},
};
static struct heap_stack stacks[] = {
    {.frame = 2, .live_blocks = 1},
    {.frame = 3, .live_blocks = 1},
    {.frame = 5, .live_blocks = 1},
    {.frame = 0, .live_blocks = 1},
};
static struct heap_block blocks[] = {
    {0x1000, 16, 0, 1}, {0x2000, 16, 1, 1}, {0x3000, 16, 2, 1}, {0x4000, 0, 3, 1},
};
static const struct heap heap = {
    .path = "x.hds", .frames = frames, .frame_count = 6, .stacks = stacks, .stack_count = 4,
    .blocks = blocks, .block_count = 4,
};
static struct symbols fake = {lists};

/* Expect that TEXT names the blocks at whose places BITS has a 1. */
static void expect(const char *text, const char *bits, bool outer)
{
    uint8_t members[4] = {0};
    struct error error = {0};
    bool is_outer;
    int result = site_select(&heap, &fake, text, members, &is_outer, &error);

    if (result != 0)
        fail_msg("%s: %s", text, error.text);
    for (size_t i = 0; i < 4; i++)
        if (members[i] != (bits[i] == '1'))
            fail_msg("%s: block %zu is %d", text, i, members[i]);
    assert_int_equal(is_outer, outer);
}

static void expect_error(const char *text, int code, const char *words)
{
    uint8_t members[4] = {0};
    struct error error = {0};
    bool is_outer;

    assert_int_equal(site_select(&heap, &fake, text, members, &is_outer, &error), code);
    if (!strstr(error.text, words))
        fail_msg("\"%s\" is not in: %s", words, error.text);
}

static void a_site_is_where_blocks_were_allocated(void **state)
{
    (void)state;
    expect("cache.c:31", "1110", false);
    expect("lib/cache.c:31", "0010", false);
    expect("cache.c", "1110", false);
    expect("cache_add", "1100", false);
    expect("ns::fill", "0010", false);
    expect("function=*fill*", "0010", false);
    expect("stack:1", "0100", false);
    expect("0x2000", "0100", false);
    expect("0x200f", "0100", false);
    expect("0x4000", "0001", false);
}

static void a_function_may_be_named_as_it_is_printed(void **state)
{
    struct symbol_list templates[sizeof(lists) / sizeof(*lists)];

    (void)state;
    expect("ns::fill(int)", "0010", false);
    memcpy(templates, lists, sizeof(lists));
    templates[4] = (struct symbol_list)FAKE_LIST(
        FAKE_SYMBOL("/src/fill.h", 3, "void ns::fill<int, char>(int)"));
    fake.lists = templates;
    expect("void ns::fill<int, char>(int)", "0010", false);
    expect("ns::fill<int, char>(int)", "0010", false);
    expect("ns::fill<int, char>", "0010", false);
    expect("ns::fill", "0010", false);
    expect_error("fill", -ENOENT, "'fill'");
    expect_error("ns::fi", -ENOENT, "'ns::fi'");
    fake.lists = lists;
}

static void else_it_is_further_out(void **state)
{
    (void)state;
    expect("main", "1110", true);
    expect("main.c:10", "1110", true);
    expect("xmalloc", "0010", true);
}

static void what_names_nothing_is_said(void **state)
{
    (void)state;
    expect_error("nobody", -ENOENT, "no block that is alive was allocated at 'nobody'");
    expect_error("stack:4", -ENOENT, "'stack:4'");
    expect_error("0x2010", -ENOENT, "has the address 0x2010");
    expect_error("0x", -EINVAL, "is no address");
    expect_error("stack:x", -EINVAL, "is no number of a stack");
    expect_error("", -EINVAL, "");
}

static void stacks_with_the_same_line_are_one_site(void **state)
{
    struct filter *filter = filter_create();
    struct sites *sites = NULL;

    (void)state;
    assert_int_equal(sites_create(&heap, &fake, filter, &sites), 0);
    assert_int_equal(sites->count, 4 - (lists[2].symbols->file == lists[3].symbols->file));
    assert_int_equal(sites->of_stack[0], sites->of_stack[1]);
    assert_int_not_equal(sites->of_stack[0], sites->of_stack[2]);
    assert_string_equal(sites->sites[sites->of_stack[2]].symbol->function, "ns::fill(int)");
    assert_string_equal(sites->sites[sites->of_stack[3]].symbol->place, "<unknown>");
    sites_destroy(sites);
    filter_destroy(filter);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_site_is_where_blocks_were_allocated),
        cmocka_unit_test(a_function_may_be_named_as_it_is_printed),
        cmocka_unit_test(else_it_is_further_out),
        cmocka_unit_test(what_names_nothing_is_said),
        cmocka_unit_test(stacks_with_the_same_line_are_one_site),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
