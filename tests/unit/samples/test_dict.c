/* Attributes by name. */
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "samples/lib/dict.h"
#include "scarce.h"
#include "thing.h"

static void names_mean_what_was_set_last(void **state)
{
    struct dict *dict = dict_new();

    (void)state;
    assert_null(dict_get(dict, "key"));
    assert_int_equal(dict_set(dict, "key", value_text("one")), 0);
    assert_int_equal(dict_set(dict, "hits", value_number(3)), 0);
    assert_string_equal(dict_get(dict, "key")->text, "one");
    assert_int_equal(dict_set(dict, "key", value_number(1)), 0);
    assert_int_equal(dict_get(dict, "key")->kind, VALUE_NUMBER);
    assert_true(dict_get(dict, "hits")->number == 3);
    assert_int_equal(dict_count(dict), 2);
    assert_true(dict_delete(dict, "key"));
    assert_false(dict_delete(dict, "key"));
    assert_null(dict_get(dict, "key"));
    assert_int_equal(dict_count(dict), 1);
    object_release(dict);
}

static void a_text_is_copied(void **state)
{
    struct dict *dict = dict_new();
    char text[] = "before";

    (void)state;
    assert_int_equal(dict_set(dict, "text", value_text(text)), 0);
    strcpy(text, "after");
    assert_string_equal(dict_get(dict, "text")->text, "before");
    object_release(dict);
}

static void an_object_lives_as_long_as_it_is_named(void **state)
{
    struct dict *dict = dict_new();
    struct thing *thing = thing_new(1);

    (void)state;
    things_dead = 0;
    assert_int_equal(dict_set(dict, "thing", value_object(thing)), 0);
    assert_int_equal(dict_set(dict, "same", value_object(thing)), 0);
    object_release(thing);
    assert_int_equal(dict_set(dict, "thing", value_object(thing)), 0);
    assert_int_equal(object_references(thing), 2);
    dict_delete(dict, "same");
    assert_int_equal(things_dead, 0);
    object_release(dict);
    assert_int_equal(things_dead, 1);
}

static void note_object(void *object, void *data)
{
    void ***next = data;

    *(*next)++ = object;
}

static void objects_are_visited_in_order(void **state)
{
    struct dict *dict = dict_new();
    struct thing *one = thing_new(1);
    struct thing *two = thing_new(2);
    void *seen[4] = {NULL};
    void **next = seen;

    (void)state;
    dict_set(dict, "a", value_object(two));
    dict_set(dict, "text", value_text("x"));
    dict_set(dict, "b", value_object(one));
    dict_set(dict, "c", value_object(two));
    dict_visit_objects(dict, note_object, &next);
    assert_int_equal(next - seen, 3);
    assert_ptr_equal(seen[0], two);
    assert_ptr_equal(seen[1], one);
    assert_ptr_equal(seen[2], two);
    object_release(one);
    object_release(two);
    object_release(dict);
}

static void thousands_of_names(void **state)
{
    static char names[5000][8];
    struct dict *dict = dict_new();

    (void)state;
    for (int i = 0; i < 5000; i++) {
        snprintf(names[i], sizeof names[i], "n%d", i);
        assert_int_equal(dict_set(dict, names[i], value_number(i)), 0);
    }
    for (int i = 0; i < 5000; i += 2)
        assert_true(dict_delete(dict, names[i]));
    assert_int_equal(dict_count(dict), 2500);
    for (int i = 0; i < 5000; i++) {
        const struct value *value = dict_get(dict, names[i]);

        assert_true(i % 2 ? value && value->number == i : !value);
    }
    object_release(dict);
}

static void footprint_counts_each_block(void **state)
{
    struct dict *dict = dict_new();
    struct footprint empty = {0};
    struct footprint full = {0};
    struct thing *thing = thing_new(1);

    (void)state;
    dict_footprint(dict, &empty);
    assert_int_equal(empty.blocks, 1);
    assert_true(empty.usable >= empty.requested && empty.requested > 0);
    dict_set(dict, "text", value_text("12345"));
    dict_set(dict, "thing", value_object(thing));
    dict_footprint(dict, &full);
    assert_int_equal(full.blocks, 1 + 2 + 2 + 1); /* itself, table, entries, the text */
    object_release(thing);
    object_release(dict);
}

/* Whichever allocation fails, the dictionary is as it was. */
static void lack_of_memory_changes_nothing(void **state)
{
    static char names[100][8];
    unsigned failures = 0;

    (void)state;
    scarce_fail_after(0);
    assert_null(dict_new());
    assert_true(scarce_failed());
    for (int i = 0; i < 100; i++)
        snprintf(names[i], sizeof names[i], "n%d", i);
    for (unsigned allocation = 0;; allocation++) {
        struct dict *dict = dict_new();
        int set = 0;

        scarce_fail_after(allocation);
        while (set < 100 && dict_set(dict, names[set], value_text(names[set])) == 0)
            set++;
        failures += scarce_failed();
        assert_int_equal(dict_count(dict), set);
        for (int i = 0; i < 100; i++)
            assert_int_equal(dict_get(dict, names[i]) != NULL, i < set);
        if (set < 100) {
            assert_int_equal(dict_set(dict, names[set], value_text("again")), 0);
            assert_int_equal(dict_count(dict), set + 1);
        }
        object_release(dict);
        if (set == 100)
            break;
    }
    assert_true(failures > 200); /* two an entry, and the table's */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_mean_what_was_set_last),
        cmocka_unit_test(a_text_is_copied),
        cmocka_unit_test(an_object_lives_as_long_as_it_is_named),
        cmocka_unit_test(objects_are_visited_in_order),
        cmocka_unit_test(thousands_of_names),
        cmocka_unit_test(footprint_counts_each_block),
        cmocka_unit_test(lack_of_memory_changes_nothing),
    };

    return cmocka_run_group_tests_name("dict", tests, NULL, NULL);
}
