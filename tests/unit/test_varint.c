#include "unit.h"

#include "format/varint.h"

static const uint64_t values[] = {0,      1,          0x7f,      0x80,      0x3fff,
                                  0x4000, 0xffffffff, INT64_MAX, 1ul << 63, UINT64_MAX};

static void every_value_comes_back(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++) {
        uint8_t bytes[VARINT_MAX_SIZE];
        size_t size = varint_put(bytes, values[i]);
        uint64_t value = ~values[i];

        assert_in_range(size, 1, VARINT_MAX_SIZE);
        assert_int_equal(varint_get(bytes, size, &value), size);
        assert_true(value == values[i]);
        for (size_t shorter = 0; shorter < size; shorter++)
            assert_int_equal(varint_get(bytes, shorter, &value), 0);
    }
}

static void too_large_is_refused(void **state)
{
    const uint8_t eleven[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01};
    const uint8_t bit_64[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02};
    uint64_t value = 5;

    (void)state;
    assert_int_equal(varint_get(eleven, sizeof(eleven), &value), 0);
    assert_int_equal(varint_get(bit_64, sizeof(bit_64), &value), 0);
    assert_int_equal(value, 5);
}

static void differences_come_back(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++)
        for (size_t j = 0; j < sizeof(values) / sizeof(*values); j++)
            assert_true(varint_undelta(varint_delta(values[i], values[j]), values[j]) == values[i]);
}

static void small_differences_are_short(void **state)
{
    (void)state;
    assert_int_equal(varint_delta(10, 10), 0);
    assert_int_equal(varint_delta(9, 10), 1);
    assert_int_equal(varint_delta(11, 10), 2);
    assert_int_equal(varint_delta(8, 10), 3);
    assert_int_equal(varint_delta(0, UINT64_MAX), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_value_comes_back),
        cmocka_unit_test(too_large_is_refused),
        cmocka_unit_test(differences_come_back),
        cmocka_unit_test(small_differences_are_short),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
