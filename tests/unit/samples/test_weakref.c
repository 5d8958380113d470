/* References that do not keep their object alive. */
#include "unit.h"

#include "samples/lib/weakref.h"
#include "scarce.h"
#include "thing.h"

static int calls;
static void *last_data;

static void count_call(struct weakref *ref, void *data)
{
    assert_null(weakref_get(ref));
    last_data = data;
    calls++;
}

static int reset(void **state)
{
    (void)state;
    calls = 0;
    things_dead = 0;
    last_data = NULL;
    return 0;
}

static void leads_to_its_target_until_that_dies(void **state)
{
    struct thing *thing = thing_new(1);
    struct weakref *ref = weakref_new(thing, NULL, NULL);

    (void)state;
    assert_int_equal(object_references(thing), 1);
    assert_ptr_equal(weakref_get(ref), thing);
    assert_int_equal(object_references(thing), 2);
    object_release(thing);
    assert_int_equal(things_dead, 0);
    object_release(thing);
    assert_int_equal(things_dead, 1);
    assert_null(weakref_get(ref));
    object_release(ref);
}

static void tells_once_when_its_target_dies(void **state)
{
    struct thing *thing = thing_new(1);
    struct weakref *ref = weakref_new(thing, count_call, &calls);

    (void)state;
    object_release(object_retain(thing));
    assert_int_equal(calls, 0);
    object_release(thing);
    assert_int_equal(calls, 1);
    assert_ptr_equal(last_data, &calls);
    object_release(ref);
    assert_int_equal(calls, 1);
}

static void does_not_tell_once_it_is_released(void **state)
{
    struct thing *thing = thing_new(1);

    (void)state;
    object_release(weakref_new(thing, count_call, NULL));
    object_release(thing);
    assert_int_equal(things_dead, 1);
    assert_int_equal(calls, 0);
}

/* Any one of several may leave first: of a list, the middle, the head and the tail. */
static void several_leave_in_any_order(void **state)
{
    static const int orders[][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};

    (void)state;
    for (size_t order = 0; order < sizeof orders / sizeof *orders; order++)
        for (int gone = 0; gone <= 3; gone++) {
            struct thing *thing = thing_new(1);
            struct weakref *refs[3];

            calls = 0;
            for (int i = 0; i < 3; i++)
                refs[i] = weakref_new(thing, count_call, NULL);
            for (int i = 0; i < gone; i++)
                object_release(refs[orders[order][i]]);
            object_release(thing);
            assert_int_equal(calls, 3 - gone);
            for (int i = gone; i < 3; i++)
                object_release(refs[orders[order][i]]);
        }
}

static void release_data(struct weakref *ref, void *data)
{
    calls++;
    object_release(ref); /* the one that whoever made it had */
    object_release(data);
}

/* A callback may release its own weak reference and others of the same target, and let
 * further objects die. */
static void callbacks_may_release(void **state)
{
    struct thing *thing = thing_new(1);
    struct thing *next = thing_new(2);
    struct weakref *first = weakref_new(thing, count_call, NULL);

    (void)state;
    weakref_new(thing, release_data, next);
    weakref_new(next, release_data, first);
    object_release(thing);
    assert_int_equal(things_dead, 2);
    assert_int_equal(calls, 3); /* first is held until its own call has returned */
}

static void lack_of_memory_is_no_weak_reference(void **state)
{
    struct thing *thing = thing_new(1);

    (void)state;
    scarce_fail_after(0);
    assert_null(weakref_new(thing, NULL, NULL));
    assert_true(scarce_failed());
    object_release(thing);
    assert_int_equal(things_dead, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(leads_to_its_target_until_that_dies, reset),
        cmocka_unit_test_setup(tells_once_when_its_target_dies, reset),
        cmocka_unit_test_setup(does_not_tell_once_it_is_released, reset),
        cmocka_unit_test_setup(several_leave_in_any_order, reset),
        cmocka_unit_test_setup(callbacks_may_release, reset),
        cmocka_unit_test_setup(lack_of_memory_is_no_weak_reference, reset),
    };

    return cmocka_run_group_tests_name("weakref", tests, NULL, NULL);
}
