#include "unit.h"

#include "format/checksum.h"

#include <string.h>

static uint64_t checksum_of(const void *data, size_t size)
{
    struct checksum sum;

    checksum_init(&sum);
    checksum_add(&sum, data, size);
    return checksum_value(&sum);
}

/* The definition in docs/snapshot-format.md, written down a second time. */
static uint64_t definition(const unsigned char *data, size_t size)
{
    uint64_t state = 0, word = 0;

    for (size_t i = 0; i < size; i++) {
        word |= (uint64_t)data[i] << (i % 8 * 8);
        if (i % 8 == 7) {
            state = (state ^ word) * 0x9e3779b97f4a7c15u;
            state ^= state >> 32;
            word = 0;
        }
    }
    state = (state ^ word) * 0x9e3779b97f4a7c15u;
    state ^= state >> 32;
    state = (state ^ size) * 0x9e3779b97f4a7c15u;
    return state ^ state >> 32;
}

static void is_as_defined(void **state)
{
    unsigned char data[100];

    (void)state;
    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (unsigned char)(i * 37 + 11);
    for (size_t size = 0; size <= sizeof(data); size++)
        assert_true(checksum_of(data, size) == definition(data, size));
    /* Snapshots that exist depend on it. */
    assert_true(checksum_of("", 0) == 0);
    assert_true(checksum_of("heapdelta", 9) == definition((const unsigned char *)"heapdelta", 9));
}

static void cuts_do_not_matter(void **state)
{
    unsigned char data[40];

    (void)state;
    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (unsigned char)(200 - i);
    for (size_t first = 0; first <= sizeof(data); first++) {
        for (size_t second = first; second <= sizeof(data); second++) {
            struct checksum sum;

            checksum_init(&sum);
            checksum_add(&sum, data, first);
            checksum_add(&sum, data + first, second - first);
            checksum_add(&sum, data + second, sizeof(data) - second);
            assert_true(checksum_value(&sum) == checksum_of(data, sizeof(data)));
        }
    }
}

static void every_flipped_bit_is_seen(void **state)
{
    unsigned char data[33] = {0};

    (void)state;
    for (size_t bit = 0; bit < sizeof(data) * 8; bit++) {
        data[bit / 8] ^= (unsigned char)(1 << bit % 8);
        assert_true(checksum_of(data, sizeof(data)) != definition((unsigned char[33]){0}, 33));
        data[bit / 8] ^= (unsigned char)(1 << bit % 8);
    }
}

static void zeros_at_the_end_are_seen(void **state)
{
    const unsigned char zeros[32] = {0};

    (void)state;
    for (size_t size = 1; size <= sizeof(zeros); size++)
        assert_true(checksum_of(zeros, size) != checksum_of(zeros, size - 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_as_defined),
        cmocka_unit_test(cuts_do_not_matter),
        cmocka_unit_test(every_flipped_bit_is_seen),
        cmocka_unit_test(zeros_at_the_end_are_seen),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
