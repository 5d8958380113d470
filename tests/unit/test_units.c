/* Sizes, counts and durations as people read them. */
#include "views/units.h"

#include "unit.h"

#define TIB (1024.0 * 1024 * 1024 * 1024)

/* What Python 3.11.7 and 3.13.0 print: tracemalloc._format_size(). */
static void sizes_are_those_of_tracemalloc(void **state)
{
    static const struct {
        double bytes;
        const char *plain, *with_sign;
    } cases[] = {
        {0, "0 B", "+0 B"},
        {1, "1 B", "+1 B"},
        {2.5, "2 B", "+2 B"}, /* an average; half to even */
        {3.5, "4 B", "+4 B"},
        {-1536, "-1536 B", "-1536 B"},
        {10239, "10239 B", "+10239 B"},
        {10240, "10.0 KiB", "+10.0 KiB"},
        {-20000, "-19.5 KiB", "-19.5 KiB"},
        {48000, "46.9 KiB", "+46.9 KiB"},
        {102399, "100.0 KiB", "+100.0 KiB"},
        {102400, "100 KiB", "+100 KiB"},
        {10485759, "10240 KiB", "+10240 KiB"},
        {10485760, "10.0 MiB", "+10.0 MiB"},
        {9216 * TIB, "9216 TiB", "+9216 TiB"},
        {102400 * TIB, "102400 TiB", "+102400 TiB"},
    };
    char buffer[UNITS_SIZE];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_string_equal(units_bytes(buffer, cases[i].bytes, false), cases[i].plain);
        assert_string_equal(units_bytes(buffer, cases[i].bytes, true), cases[i].with_sign);
    }
}

static void counts_have_a_sign_on_request(void **state)
{
    char buffer[UNITS_SIZE];

    (void)state;
    assert_string_equal(units_count(buffer, 1000, false), "1000");
    assert_string_equal(units_count(buffer, 1000, true), "+1000");
    assert_string_equal(units_count(buffer, 0, true), "+0");
    assert_string_equal(units_count(buffer, -3, true), "-3");
    assert_string_equal(units_count(buffer, INT64_MIN, true), "-9223372036854775808");
}

static void durations_keep_three_digits(void **state)
{
    static const struct {
        uint64_t nanoseconds;
        const char *text;
    } cases[] = {
        {0, "0 ns"},
        {999, "999 ns"},
        {1000, "1 µs"},
        {12500000, "12.5 ms"},
        {999400000, "999 ms"},
        {999900000, "1.00 s"},
        {3200000000u, "3.20 s"},
        {119000000000u, "119.00 s"},
        {120000000000u, "2 min 00 s"},
        {7500000000000u, "2 h 05 min"},
        {UINT64_MAX, "5124095 h 34 min"},
    };
    char buffer[UNITS_SIZE];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_string_equal(units_duration(buffer, cases[i].nanoseconds), cases[i].text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_are_those_of_tracemalloc),
        cmocka_unit_test(counts_have_a_sign_on_request),
        cmocka_unit_test(durations_keep_three_digits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
