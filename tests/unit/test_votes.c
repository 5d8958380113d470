/* What most blocks of a stack and size are. */
#include "unit.h"

#include "model/votes.h"

static struct votes votes;

static int begin(void **state)
{
    (void)state;
    votes = (struct votes){0};
    return 0;
}

static int end(void **state)
{
    (void)state;
    votes_finish(&votes);
    return 0;
}

static void add(uint32_t stack, uint64_t size, uint32_t value, int times)
{
    for (int i = 0; i < times; i++)
        assert_true(votes_add(&votes, stack, size, value));
}

static void expect(uint32_t stack, uint64_t size, uint32_t value)
{
    uint32_t found = ~value;

    assert_true(votes_find(&votes, stack, size, &found));
    assert_int_equal(found, value);
}

static void without_votes_there_is_nothing(void **state)
{
    uint32_t found = 77;

    (void)state;
    assert_false(votes_find(&votes, 0, 0, &found));
    assert_int_equal(found, 77);
    add(3, 16, 1, 1);
    assert_false(votes_find(&votes, 4, 16, &found));
    assert_false(votes_find(&votes, 3, 17, &found));
    assert_int_equal(found, 77);
}

static void more_than_half_win_in_any_order(void **state)
{
    (void)state;
    add(1, 16, 7, 3);
    add(1, 16, 8, 2);
    expect(1, 16, 7);
    add(2, 16, 8, 2);
    add(2, 16, 7, 3);
    expect(2, 16, 7);
    for (uint32_t i = 0; i < 100; i++) {
        add(3, 16, 100 + i, 1); /* each another one */
        add(3, 16, 7, 1);
    }
    add(3, 16, 7, 1);
    expect(3, 16, 7);
}

static void a_tie_is_won_by_one_of_those_that_were_named(void **state)
{
    uint32_t found;

    (void)state;
    add(1, 16, 7, 2);
    add(1, 16, 8, 2);
    assert_true(votes_find(&votes, 1, 16, &found));
    assert_in_range(found, 7, 8);
}

static void stacks_and_sizes_do_not_mix(void **state)
{
    (void)state;
    for (uint32_t stack = 0; stack < 2000; stack++) {
        for (uint64_t size = 0; size < 5; size++)
            add(stack, size << 30, (uint32_t)(stack * 5 + size), 1);
    }
    for (uint32_t stack = 0; stack < 2000; stack++) {
        for (uint64_t size = 0; size < 5; size++)
            expect(stack, size << 30, (uint32_t)(stack * 5 + size));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(without_votes_there_is_nothing, begin, end),
        cmocka_unit_test_setup_teardown(more_than_half_win_in_any_order, begin, end),
        cmocka_unit_test_setup_teardown(a_tie_is_won_by_one_of_those_that_were_named, begin, end),
        cmocka_unit_test_setup_teardown(stacks_and_sizes_do_not_mix, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
