/* Text as Python sees it. What fnmatch and sorting do with it, tests/tracemalloc compares. */
#include "model/text.h"

#include "unit.h"

#include <string.h>

static void expect_points(const char *text, const uint32_t *points, size_t count)
{
    const char *at = text, *end = text + strlen(text);

    for (size_t i = 0; i < count; i++)
        assert_int_equal(text_next(&at, end), points[i]);
    assert_ptr_equal(at, end);
}

#define EXPECT_POINTS(text, ...)                        \
    expect_points(text, (const uint32_t[]){__VA_ARGS__}, \
                  sizeof((const uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t))

static void what_is_utf8_are_characters_other_bytes_escaped(void **state)
{
    (void)state;
    EXPECT_POINTS("a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", 'a', 0xe9, 0x20ac, 0x1f600);
    EXPECT_POINTS("\xff\x80", 0xdcff, 0xdc80);
    EXPECT_POINTS("\xe2\x82" "b", 0xdce2, 0xdc82, 'b');              /* cut */
    EXPECT_POINTS("\xc0\xaf\xe0\x80\xaf", 0xdcc0, 0xdcaf, 0xdce0, 0xdc80, 0xdcaf); /* too long */
    EXPECT_POINTS("\xed\xa0\x80", 0xdced, 0xdca0, 0xdc80);           /* a surrogate */
    EXPECT_POINTS("\xf4\x90\x80\x80", 0xdcf4, 0xdc90, 0xdc80, 0xdc80); /* too large */
}

static void order_is_that_of_code_points(void **state)
{
    static const char *const texts[] = {"", "a", "a\x01", "ab", "b", "\xc3\xa9",
                                        "\xff", "\xef\xbf\xbd", "\xf0\x9f\x98\x80"};
    const size_t count = sizeof(texts) / sizeof(texts[0]);

    (void)state;
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < count; j++)
            assert_int_equal(text_compare(texts[i], texts[j]), (i > j) - (i < j));
    }
}

static bool matches(const char *pattern, const char *text)
{
    return text_matches(pattern, strlen(pattern), text, strlen(text));
}

static void patterns_are_those_of_fnmatch(void **state)
{
    (void)state;
    assert_true(matches("", ""));
    assert_false(matches("", "a"));
    assert_true(matches("*", ""));
    assert_true(matches("*b*d", "abcbcd"));
    assert_false(matches("*b*d", "abcbc"));
    assert_true(matches("?", "\xc3\xa9"));
    assert_true(matches("[\xc3\xa0-\xc3\xbf]", "\xc3\xa9"));
    assert_true(matches("[!a-c]x", "dx"));
    assert_false(matches("[!a-c]x", "bx"));
    assert_true(matches("[]]", "]"));
    assert_true(matches("[^a]", "^")); /* as Python, not as the shell */
    assert_true(matches("[a-]", "-"));
    assert_false(matches("[c-a]", "b"));
    assert_false(matches("[c-a]", "c"));
    assert_true(matches("[!c-a]", "b"));
    assert_true(matches("a[b", "a[b"));
    assert_true(matches("a\\b", "a\\b"));
    assert_true(matches("a/*", "a/b/c"));
}

/* A pattern of many `*` must not take forever. */
static void many_stars_are_no_trouble(void **state)
{
    char pattern[202], text[5001];

    (void)state;
    for (size_t i = 0; i < 200; i += 2)
        memcpy(pattern + i, "*a", 2);
    memcpy(pattern + 200, "b", 2);
    memset(text, 'a', 5000);
    text[5000] = '\0';
    assert_false(matches(pattern, text));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_utf8_are_characters_other_bytes_escaped),
        cmocka_unit_test(order_is_that_of_code_points),
        cmocka_unit_test(patterns_are_those_of_fnmatch),
        cmocka_unit_test(many_stars_are_no_trouble),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
