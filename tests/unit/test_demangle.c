#include "unit.h"

#include "model/demangle.h"

#include <stdlib.h>

static void expect(const char *mangled, const char *expected)
{
    char *text = demangle(mangled);

    if (expected)
        assert_string_equal(text, expected);
    else
        assert_null(text);
    free(text);
}

static void cplusplus(void **state)
{
    (void)state;
    expect("_Z3fooi", "foo(int)");
    expect("_ZN3abc3DefC4Ev", "abc::Def::Def()");
    expect("_ZN12_GLOBAL__N_14calcEv", "(anonymous namespace)::calc()");
    expect("_Z3foov.cold", "foo() [clone .cold]");
}

static void what_is_not_mangled(void **state)
{
    (void)state;
    expect("main", NULL);
    expect("i", NULL);
    expect("", NULL);
    expect("_Z", NULL);
    expect("_ZN3abc", NULL);
}

static void rust(void **state)
{
    (void)state;
    expect("_ZN4core3fmt9Formatter3pad17h0123456789abcdefE", "core::fmt::Formatter::pad");
    expect("_ZN50_$LT$T$u20$as$u20$core..convert..Into$LT$U$GT$$GT$4into17h0123456789abcdefE",
           "<T as core::convert::Into<U>>::into");
    expect("_ZN4main4main28_$u7b$$u7b$closure$u7d$$u7d$17h0123456789abcdefE",
           "main::main::{{closure}}");
    /* C++ that only looks like it. */
    expect("_ZN3abc17h0123456789abcdegEv", "abc::h0123456789abcdeg()");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cplusplus),
        cmocka_unit_test(what_is_not_mangled),
        cmocka_unit_test(rust),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
