/* The threads that have allocated. */
#include "child.h"

#include "preload/arena.h"
#include "preload/roster.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

static void threads_are_numbered_from_one(void **state)
{
    (void)state;
    assert_int_equal(roster_count(), 0);
    assert_int_equal(roster_find(7), 0);
    assert_int_equal(roster_enter(7), 1);
    assert_int_equal(roster_enter(8), 2);
    assert_int_equal(roster_enter(7), 3); /* the id is another thread's now */
    assert_int_equal(roster_count(), 3);
    assert_int_equal(roster_find(7), 3);
    assert_int_equal(roster_find(8), 2);
    assert_int_equal(roster_thread(1)->tid, 7);
    assert_string_equal(roster_thread(1)->name, "");
}

static void names_are_cut_and_replaced(void **state)
{
    (void)state;
    roster_name(2, "a name of more than 15 bytes", 28);
    assert_string_equal(roster_thread(2)->name, "a name of more ");
    roster_name(2, "short", 5);
    assert_string_equal(roster_thread(2)->name, "short");
    assert_int_equal(roster_thread(2)->name[ROSTER_NAME_SIZE - 1], 0);
    roster_name(2, "", 0);
    assert_string_equal(roster_thread(2)->name, "");
    assert_string_equal(roster_thread(3)->name, "");
}

static void *enter_many(void *numbers)
{
    for (uint32_t i = 0; i < 1000; i++)
        ((uint32_t *)numbers)[i] = roster_enter(100000 + i);
    return NULL;
}

static void each_gets_its_own_from_several_threads(void **state)
{
    static uint32_t numbers[4][1000];
    static uint8_t seen[ROSTER_MAX + 1];
    pthread_t threads[4];

    (void)state;
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, enter_many, numbers[i]), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < 4; i++) {
        for (uint32_t j = 0; j < 1000; j++) {
            assert_int_not_equal(numbers[i][j], 0);
            assert_int_equal(seen[numbers[i][j]]++, 0);
            assert_int_equal(roster_thread(numbers[i][j])->tid, 100000 + j);
        }
    }
    assert_int_equal(roster_count(), 4003);
}

static void there_are_so_many_and_no_more(void **state)
{
    (void)state;
    for (uint32_t number = roster_count() + 1; number <= ROSTER_MAX; number++)
        assert_int_equal(roster_enter(5), number);
    assert_int_equal(roster_enter(6), 0);
    assert_int_equal(roster_count(), ROSTER_MAX);
    roster_name(ROSTER_MAX, "last", 4);
    assert_string_equal(roster_thread(ROSTER_MAX)->name, "last");
    assert_int_equal(roster_find(5), ROSTER_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_are_numbered_from_one),
        cmocka_unit_test(names_are_cut_and_replaced),
        cmocka_unit_test(each_gets_its_own_from_several_threads),
        cmocka_unit_test(there_are_so_many_and_no_more),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
