#include "unit.h"

#include "model/address_map.h"

#include <stdlib.h>

static void nothing_is_found_in_an_empty_map(void **state)
{
    struct address_map map = {0};
    size_t number = 7;

    (void)state;
    address_map_freeze(&map);
    assert_false(address_map_find(&map, 0, &number));
    assert_int_equal(number, 7);
    address_map_finish(&map);
}

static void the_innermost_range_wins(void **state)
{
    struct address_map map = {0};
    size_t number;

    (void)state;
    address_map_add(&map, 100, 200, 1);
    address_map_add(&map, 120, 150, 2);
    address_map_add(&map, 120, 130, 3); /* an alias of another size */
    address_map_add(&map, 300, 300, 4); /* empty */
    address_map_freeze(&map);
    assert_false(address_map_find(&map, 99, &number));
    assert_true(address_map_find(&map, 100, &number) && number == 1);
    assert_true(address_map_find(&map, 129, &number) && number == 3);
    assert_true(address_map_find(&map, 130, &number) && number == 2);
    assert_true(address_map_find(&map, 150, &number) && number == 1);
    assert_true(address_map_find(&map, 199, &number) && number == 1);
    assert_false(address_map_find(&map, 200, &number));
    assert_false(address_map_find(&map, 300, &number));
    address_map_finish(&map);
}

/* Against looking at all ranges. */
static void random_ranges_are_found(void **state)
{
    enum { COUNT = 300, SPACE = 2000 };
    struct address_map map = {0};
    struct address_range ranges[COUNT];

    (void)state;
    srand(1);
    for (size_t i = 0; i < COUNT; i++) {
        uint64_t low = (uint64_t)rand() % SPACE;

        ranges[i] = (struct address_range){
            .low = low,
            .high = low + (uint64_t)rand() % (i % 10 == 0 ? 500 : 20),
        };
        assert_true(address_map_add(&map, ranges[i].low, ranges[i].high, i));
    }
    address_map_freeze(&map);
    for (uint64_t address = 0; address < SPACE + 500; address++) {
        size_t expected = COUNT, number = COUNT;

        for (size_t i = 0; i < COUNT; i++)
            if (ranges[i].low <= address && address < ranges[i].high &&
                (expected == COUNT || ranges[i].low >= ranges[expected].low))
                expected = i;
        assert_true(address_map_find(&map, address, &number) == (expected != COUNT));
        assert_int_equal(number, expected);
    }
    address_map_finish(&map);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_found_in_an_empty_map),
        cmocka_unit_test(the_innermost_range_wins),
        cmocka_unit_test(random_ranges_are_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
