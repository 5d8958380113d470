#include "unit.h"

#include "model/block_sort.h"

#include <stdlib.h>
#include <string.h>

static int compare(const void *left, const void *right)
{
    const struct heap_block *a = left, *b = right;

    return a->address < b->address ? -1 : a->address > b->address;
}

/* Sort COUNT blocks whose addresses are random within MASK, and compare with qsort. */
static void check(size_t count, uint64_t mask)
{
    struct heap_block *blocks = calloc(count + 1, sizeof(*blocks));
    struct heap_block *expected = calloc(count + 1, sizeof(*blocks));

    for (size_t i = 0; i < count; i++) {
        uint64_t random = (uint64_t)rand() << 42 ^ (uint64_t)rand() << 21 ^ (uint64_t)rand();

        /* Unique, or qsort might order equal ones in another way. */
        blocks[i] = (struct heap_block){.address = (random & mask) * 4096 + i, .size = i};
    }
    memcpy(expected, blocks, count * sizeof(*blocks));
    qsort(expected, count, sizeof(*expected), compare);
    assert_true(block_sort(blocks, count));
    assert_memory_equal(blocks, expected, count * sizeof(*blocks));
    assert_true(block_sort(blocks, count));
    assert_memory_equal(blocks, expected, count * sizeof(*blocks));
    free(expected);
    free(blocks);
}

static void few_and_many_are_sorted(void **state)
{
    (void)state;
    for (size_t count = 0; count < 20; count++)
        check(count, ~(uint64_t)0 >> 12);
    check(4000, ~(uint64_t)0 >> 12);
    check(4000, 0xf);
    check(4000, (uint64_t)0xf000f00 << 12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(few_and_many_are_sorted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
