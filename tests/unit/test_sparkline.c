/* A series as a line of blocks. */
#include "unit.h"

#include "views/sparkline.h"

#include <string.h>

static void expect(const uint64_t *series, size_t length, size_t columns, bool ascii,
                   const char *line)
{
    char buffer[256];

    assert_string_equal(sparkline_write(buffer, sizeof(buffer), series, length, columns, ascii),
                        line);
}

static void steps_go_from_nothing_to_the_highest(void **state)
{
    static const uint64_t series[] = {0, 1, 2, 3, 4, 5, 6, 7, 8};

    (void)state;
    expect(series, 9, 9, false, " ▂▃▄▅▅▆▇█");
    expect(series, 9, 9, true, " .:-==+*#");
}

static void what_is_not_nothing_is_seen(void **state)
{
    static const uint64_t series[] = {0, 1, 1000000};

    (void)state;
    expect(series, 3, 3, false, " ▁█");
    expect(series, 3, 3, true, " _#");
}

static void the_newest_are_shown(void **state)
{
    static const uint64_t series[] = {800, 0, 8};

    (void)state;
    expect(series, 3, 2, false, " █");
    expect(series, 3, 9, false, "█ ▁");
    expect(series, 3, 0, false, "");
}

static void large_numbers_do_not_wrap(void **state)
{
    static const uint64_t series[] = {UINT64_MAX, UINT64_MAX / 2, 0};

    (void)state;
    expect(series, 3, 3, false, "█▅ ");
}

static void only_whole_characters_are_written(void **state)
{
    static const uint64_t series[] = {8, 8, 8};
    char buffer[8]; /* room for two of three bytes each */

    (void)state;
    assert_string_equal(sparkline_write(buffer, sizeof(buffer), series, 3, 3, false), "██");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_go_from_nothing_to_the_highest),
        cmocka_unit_test(what_is_not_nothing_is_seen),
        cmocka_unit_test(the_newest_are_shown),
        cmocka_unit_test(large_numbers_do_not_wrap),
        cmocka_unit_test(only_whole_characters_are_written),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
