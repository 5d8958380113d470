#include "child.h"

#include "preload/arena.h"
#include "preload/epochs.h"

#include <stdio.h>
#include <string.h>

static void the_first_is_number_one(void **state)
{
    (void)state;
    assert_int_equal(epochs_current(), 1);
    assert_int_equal(epochs_count(), 0);
    epochs_reset(77);
    assert_int_equal(epochs_current(), 1);
    assert_int_equal(epochs_count(), 1);
    assert_int_equal(epochs_get(0)->number, 1);
    assert_int_equal(epochs_get(0)->time, 77);
    assert_string_equal(epochs_get(0)->label, "");
}

static void each_begins_with_a_number_a_label_and_a_time(void **state)
{
    char label[32];

    (void)state;
    for (int round = 0; round < 2; round++) { /* the second finds labels of the first */
        epochs_reset(0);
        for (uint32_t i = 1; i < 3000; i++) {
            snprintf(label, sizeof(label), "%.*s%u", (int)(i % 20), "after a long while ...", i);
            epochs_begin(label, i * 10);
            assert_int_equal(epochs_current(), i + 1);
        }
        assert_int_equal(epochs_count(), 3000);
        for (uint32_t i = 1; i < 3000; i++) {
            snprintf(label, sizeof(label), "%.*s%u", (int)(i % 20), "after a long while ...", i);
            assert_int_equal(epochs_get(i)->number, i + 1);
            assert_int_equal(epochs_get(i)->time, i * 10);
            assert_string_equal(epochs_get(i)->label, label);
        }
    }
}

static void a_label_is_cut_at_64_bytes(void **state)
{
    char label[200];

    (void)state;
    epochs_reset(0);
    memset(label, 'x', sizeof(label));
    for (size_t length = 60; length < 70; length++) {
        label[length] = '\0';
        epochs_begin(label, 0);
        assert_int_equal(strlen(epochs_get(epochs_count() - 1)->label), length < 64 ? length : 64);
        label[length] = 'x';
    }
    label[sizeof(label) - 1] = '\0';
    for (int i = 0; i < 2000; i++) /* also where the memory ends */
        epochs_begin(label, 0);
}

/* Numbers are given to all; the list ends where it is full. */
static void more_than_the_list_holds_still_have_numbers(void **state)
{
    uint32_t begun = 1, listed;

    (void)state;
    epochs_reset(0);
    for (; epochs_count() == begun; begun++)
        epochs_begin("", begun);
    listed = epochs_count();
    assert_int_equal(listed, begun - 1);
    for (int i = 0; i < 1000; i++)
        epochs_begin("", begun++);
    assert_int_equal(epochs_count(), listed);
    assert_int_equal(epochs_current(), begun);
    assert_int_equal(epochs_get(listed - 1)->number, listed);
}

static bool begin_without_memory(void)
{
    uint32_t listed;

    epochs_reset(0);
    for (uint32_t i = 1; i < 2000; i++)
        epochs_begin("mark", i);
    assert_int_equal(epochs_current(), 2000);
    listed = epochs_count();
    for (uint32_t i = 0; i < listed; i++)
        assert_int_equal(epochs_get(i)->number, i + 1);
    arena_fail_after(0);
    epochs_begin("again", 5);
    assert_int_equal(epochs_current(), 2001);
    assert_int_equal(epochs_count(), listed + 1);
    assert_int_equal(epochs_get(listed)->number, 2001);
    assert_string_equal(epochs_get(listed)->label, "again");
    return listed == 2000;
}

static void without_memory_it_begins_unlisted(void **state)
{
    (void)state;
    child_starve(begin_without_memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        child_test(the_first_is_number_one),
        child_test(each_begins_with_a_number_a_label_and_a_time),
        child_test(a_label_is_cut_at_64_bytes),
        child_test(more_than_the_list_holds_still_have_numbers),
        cmocka_unit_test(without_memory_it_begins_unlisted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
