/* A dictionary whose entries vanish with their objects. */
#include "unit.h"

#include <errno.h>
#include <stdio.h>

#include "samples/lib/weak_value_dict.h"
#include "samples/lib/weakref.h"
#include "scarce.h"
#include "thing.h"

/* KEY's object in DICT without a reference. */
static struct thing *peek(struct weak_value_dict *dict, const char *key)
{
    struct thing *thing = weak_value_dict_get(dict, key);

    object_release(thing);
    return thing;
}

static void an_entry_goes_with_its_object(void **state)
{
    struct weak_value_dict *dict = weak_value_dict_new();
    struct thing *one = thing_new(1);
    struct thing *two = thing_new(2);

    (void)state;
    things_dead = 0;
    assert_int_equal(weak_value_dict_set(dict, "one", one), 0);
    assert_int_equal(weak_value_dict_set(dict, "two", two), 0);
    assert_int_equal(weak_value_dict_set(dict, "second", two), 0);
    assert_ptr_equal(peek(dict, "one"), one);
    assert_null(peek(dict, "three"));
    assert_int_equal(weak_value_dict_count(dict), 3);
    object_release(two);
    assert_int_equal(things_dead, 1);
    assert_int_equal(weak_value_dict_count(dict), 1);
    assert_null(peek(dict, "two"));
    assert_null(peek(dict, "second"));
    object_release(one);
    assert_int_equal(weak_value_dict_count(dict), 0);
    object_release(dict);
}

static void a_key_is_copied_and_leads_to_its_last_object(void **state)
{
    struct weak_value_dict *dict = weak_value_dict_new();
    struct thing *old = thing_new(1);
    struct thing *new = thing_new(2);
    char key[] = "key";

    (void)state;
    weak_value_dict_set(dict, key, old);
    key[0] = 'K';
    weak_value_dict_set(dict, "key", new);
    assert_int_equal(weak_value_dict_count(dict), 1);
    object_release(old); /* takes nothing with it: the key is another's now */
    assert_ptr_equal(peek(dict, "key"), new);
    object_release(new);
    assert_int_equal(weak_value_dict_count(dict), 0);
    object_release(dict);
}

static void removed_is_not_dead(void **state)
{
    struct weak_value_dict *dict = weak_value_dict_new();
    struct thing *thing = thing_new(1);

    (void)state;
    things_dead = 0;
    weak_value_dict_set(dict, "a", thing);
    weak_value_dict_set(dict, "b", thing);
    assert_true(weak_value_dict_remove(dict, "a"));
    assert_false(weak_value_dict_remove(dict, "a"));
    assert_int_equal(weak_value_dict_count(dict), 1);
    weak_value_dict_clear(dict);
    assert_int_equal(weak_value_dict_count(dict), 0);
    assert_int_equal(things_dead, 0);
    object_release(thing);
    object_release(dict);
}

static void the_oldest_goes_first(void **state)
{
    struct weak_value_dict *dict = weak_value_dict_new();
    struct thing *thing = thing_new(1);

    (void)state;
    weak_value_dict_set(dict, "a", thing);
    weak_value_dict_set(dict, "b", thing);
    weak_value_dict_set(dict, "a", thing); /* is the younger one now */
    assert_true(weak_value_dict_remove_oldest(dict));
    assert_null(peek(dict, "b"));
    assert_ptr_equal(peek(dict, "a"), thing);
    assert_true(weak_value_dict_remove_oldest(dict));
    assert_false(weak_value_dict_remove_oldest(dict));
    object_release(thing);
    object_release(dict);
}

static void values_are_held(void **state)
{
    struct weak_value_dict *dict = weak_value_dict_new();
    struct thing *one = thing_new(1);
    struct thing *two = thing_new(2);
    size_t count = 7;
    void **values = weak_value_dict_values(dict, &count);

    (void)state;
    things_dead = 0;
    assert_non_null(values);
    assert_int_equal(count, 0);
    free(values);
    weak_value_dict_set(dict, "one", one);
    weak_value_dict_set(dict, "two", two);
    values = weak_value_dict_values(dict, &count);
    assert_int_equal(count, 2);
    assert_ptr_equal(values[0], one);
    assert_ptr_equal(values[1], two);
    object_release(one);
    assert_int_equal(things_dead, 0);
    object_release(values[0]);
    assert_int_equal(things_dead, 1);
    object_release(values[1]);
    free(values);
    scarce_fail_after(0);
    assert_null(weak_value_dict_values(dict, &count));
    assert_true(scarce_failed());
    object_release(two);
    object_release(dict);
}

static void objects_may_outlive_it(void **state)
{
    struct weak_value_dict *dict = weak_value_dict_new();
    struct thing *thing = thing_new(1);

    (void)state;
    weak_value_dict_set(dict, "key", thing);
    object_release(dict);
    object_release(thing);
}

static void footprint_grows_and_shrinks(void **state)
{
    struct weak_value_dict *dict = weak_value_dict_new();
    struct footprint empty = {0}, full = {0}, after = {0};
    struct thing *things[100];
    char key[16];

    (void)state;
    weak_value_dict_footprint(dict, &empty);
    for (int i = 0; i < 100; i++) {
        snprintf(key, sizeof key, "%d", i);
        things[i] = thing_new(i);
        weak_value_dict_set(dict, key, things[i]);
    }
    weak_value_dict_footprint(dict, &full);
    assert_int_equal(full.blocks, empty.blocks + 2 + 100 + 100); /* table, entries, keys */
    for (int i = 0; i < 100; i++)
        object_release(things[i]);
    weak_value_dict_footprint(dict, &after);
    assert_memory_equal(&after, &empty, sizeof after);
    object_release(dict);
}

/* Whichever allocation fails, the dictionary is as it was. */
static void lack_of_memory_changes_nothing(void **state)
{
    struct thing *thing = thing_new(1);
    unsigned failures = 0;

    (void)state;
    for (unsigned allocation = 0; allocation < 2; allocation++) {
        scarce_fail_after(allocation);
        assert_null(weak_value_dict_new());
        assert_true(scarce_failed());
    }
    for (unsigned allocation = 0;; allocation++) {
        struct weak_value_dict *dict = weak_value_dict_new();
        char key[16];
        int set = 0;

        scarce_fail_after(allocation);
        for (; set < 100; set++) {
            snprintf(key, sizeof key, "%d", set);
            if (weak_value_dict_set(dict, key, thing) != 0)
                break;
        }
        failures += scarce_failed();
        assert_int_equal(weak_value_dict_count(dict), set);
        if (set > 0) {
            assert_ptr_equal(peek(dict, "0"), thing);
            scarce_fail_after(0);
            assert_int_equal(weak_value_dict_set(dict, "0", thing), -ENOMEM);
            assert_true(scarce_failed());
            assert_ptr_equal(peek(dict, "0"), thing);
        }
        object_release(dict);
        if (set == 100)
            break;
    }
    assert_true(failures > 200);
    object_release(thing);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_entry_goes_with_its_object),
        cmocka_unit_test(a_key_is_copied_and_leads_to_its_last_object),
        cmocka_unit_test(removed_is_not_dead),
        cmocka_unit_test(the_oldest_goes_first),
        cmocka_unit_test(values_are_held),
        cmocka_unit_test(objects_may_outlive_it),
        cmocka_unit_test(footprint_grows_and_shrinks),
        cmocka_unit_test(lack_of_memory_changes_nothing),
    };

    return cmocka_run_group_tests_name("weak_value_dict", tests, NULL, NULL);
}
