#include "unit.h"

#include "model/demangle.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

/* As rustc-demangle and binutils have them. */
static void newer_rust(void **state)
{
    (void)state;
    expect("_RNvC6_123foo3bar", "123foo::bar");
    expect("_RNvCskwGfYPst2Cb_3foo16example_function", "foo::example_function");
    expect("_RNvMs_Cs4Cv8Wi1oAIB_7mycrateNtB4_7Example3foo", "<mycrate::Example>::foo");
    expect("_RNCNvC4main4loop0s_0.llvm.123", NULL);
    expect("_RNCNvC4main4body0.llvm.123", "main::body::{closure#0}");
    expect("_RNCNvC4main4bodys_0", "main::body::{closure#1}");
    expect("_RINvNtC3std3mem8align_ofdE", "std::mem::align_of::<f64>");
    expect("_RINvC1a1fRShQNtB2_1sPhOlTTEmEE", "a::f::<&[u8], &mut a::s, *const u8, *mut i32, "
                                              "((), u32)>");
    expect("_RINvC1a1fKj1f_KbA_1_E", NULL);
    expect("_RINvC1a1fKj1f_Kb1_Kc41_Kln2a_E", "a::f::<31, true, 'A', -42>");
    expect("_RINvC1a1fFUKCRhEuFG0_RL1_hRL0_tEcE",
           "a::f::<unsafe extern \"C\" fn(&u8), for<'a, 'b> fn(&'a u8, &'b u16) -> char>");
    expect("_RINvC1a1fDNtC1b1tEL_E", "a::f::<dyn b::t>");
    expect("_RINvC1a1fDINtC1b1thEp3OutlEL_E", "a::f::<dyn b::t<u8, Out = i32>>");
    expect("_RNvYhNtC1b1t1m", "<u8 as b::t>::m");
    expect("_RNvXs_C1aNtB4_1sNtC1b1t1m", "<a::s as b::t>::m");
    expect("_RNvC7mycrateu8gdel_5qa", "mycrate::punycode{gdel_5qa}");
    expect("_RINvC1a1fAhj3_EC1b", "a::f::<[u8; 3]>");
}

/* References to what contains them, and numbers beyond all bounds. */
static void hostile_rust(void **state)
{
    char many[2000] = "_RINvC1a1f";
    size_t length = strlen(many);

    (void)state;
    expect("_RB_", NULL);
    expect("_RNvB_1a", NULL);
    expect("_RINvC1a1fB_E", NULL);
    expect("_RNvC99999999999999999999a", NULL);
    expect("_RNvCsZZZZZZZZZZZZZZZZZZZZ_1a1b", NULL);
    expect("_RNvC1a", NULL);
    expect("_R", NULL);
    /* Each tuple twice the one before: 2^60 elements. */
    length += (size_t)sprintf(many + length, "ThhE");
    for (unsigned i = 0, last = 8; i < 60; i++) {
        static const char digits[] =
            "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
        char back[8];
        unsigned at = last - 1; /* "_" is 0, "0_" is 1 */

        last = (unsigned)length - 2;
        if (at < 62)
            sprintf(back, "B%c_", digits[at]);
        else
            sprintf(back, "B%c%c_", digits[at / 62], digits[at % 62]);
        length += (size_t)sprintf(many + length, "T%s%sE", back, back);
    }
    sprintf(many + length, "E");
    expect(many, NULL);
    memset(many + 2, 'S', sizeof(many) - 3);
    memcpy(many, "_RINvC1a1f", 10);
    many[sizeof(many) - 1] = 0;
    expect(many, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cplusplus),  cmocka_unit_test(what_is_not_mangled), cmocka_unit_test(rust),
        cmocka_unit_test(newer_rust), cmocka_unit_test(hostile_rust),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
