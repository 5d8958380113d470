/* Names of functions for people. */
#include "views/names.h"
#include "views/value.h"

#include "unit.h"

#include <stdio.h>
#include <stdlib.h>

static void expect(const char *name, bool whole, bool place, const char *expected)
{
    char *text;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    if (place)
        names_print_place(out, name, whole);
    else
        names_print(out, name, whole);
    fclose(out);
    assert_string_equal(text, expected);
    free(text);
}

#define LONG_LIST "std::vector<std::basic_string<char>, std::allocator<std::basic_string<char> > >"

static void long_names_lose_what_is_in_brackets(void **state)
{
    (void)state;
    expect("short<int>(int)", false, false, "short<int>(int)");
    expect(LONG_LIST "::push_back(int)", false, false, "std::vector<…>::push_back(int)");
    expect(LONG_LIST "::push_back(int)", true, false, LONG_LIST "::push_back(int)");
    /* Parameters first, and that may be enough. */
    expect("app::parser<int>::read(" LONG_LIST " const&) const", false, false,
           "app::parser<int>::read(…) const");
    expect("(anonymous namespace)::read(" LONG_LIST ")", false, false,
           "(anonymous namespace)::read(…)");
    expect(LONG_LIST "::operator()(int const&, int const&)", false, false,
           "std::vector<…>::operator()(…)");
    expect("bool operator< <" LONG_LIST ">(int, int)", false, false, "bool operator< <…>(…)");
    expect("f(void (*)(" LONG_LIST "), int)", false, false, "f(…)");
    expect("main::{lambda(" LONG_LIST ")#1}::operator()(int) const", false, false,
           "main::{lambda(…)#1}::operator()(int) const");
}

/* What does not close is not touched. */
static void odd_names_stay(void **state)
{
    (void)state;
    expect("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa(b", false, false,
           "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa(b");
    expect("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa>b)<", false, false,
           "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa>b)<");
}

/* In a table as anywhere else. */
static void names_in_a_table_are_shortened(void **state)
{
    struct report_cell cell = {.known = true, .text = "top.cpp:12 " LONG_LIST "::push_back(int)"};
    char *text;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    (void)state;
    value_print(out, &cell, REPORT_FUNCTION, 0, 0);
    fclose(out);
    assert_string_equal(text, "top.cpp:12 std::vector<…>::push_back(int)");
    free(text);
}

static void a_place_keeps_its_module(void **state)
{
    (void)state;
    expect("libx.so+0x10", false, true, "libx.so+0x10");
    expect("libx.so(main)", false, true, "libx.so(main)");
    expect("libx.so(" LONG_LIST "::push_back(int))", false, true,
           "libx.so(std::vector<…>::push_back(int))");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(long_names_lose_what_is_in_brackets),
        cmocka_unit_test(odd_names_stay),
        cmocka_unit_test(names_in_a_table_are_shortened),
        cmocka_unit_test(a_place_keeps_its_module),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
