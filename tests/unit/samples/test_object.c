/* Objects that count who holds them. */
#include "unit.h"

#include <string.h>

#include "thing.h"

static void lives_until_its_last_reference(void **state)
{
    struct thing *thing = thing_new(7);

    (void)state;
    things_dead = 0;
    assert_int_equal(object_references(thing), 1);
    assert_ptr_equal(object_retain(thing), thing);
    assert_int_equal(object_references(thing), 2);
    object_release(thing);
    assert_int_equal(things_dead, 0);
    assert_int_equal(thing->number, 7);
    object_release(thing);
    assert_int_equal(things_dead, 1);
}

static void is_zeroes_but_for_its_header(void **state)
{
    struct thing *thing = malloc(sizeof *thing);

    (void)state;
    assert_non_null(thing);
    memset(thing, 0xff, sizeof *thing);
    assert_ptr_equal(object_init(thing, &thing_type), thing);
    assert_ptr_equal(thing->object.type, &thing_type);
    assert_null(thing->weakrefs);
    assert_int_equal(thing->number, 0);
    assert_int_equal(thing->intact, 0);
    thing->intact = LIVING;
    object_release(thing);
}

static void no_memory_is_no_object(void **state)
{
    (void)state;
    assert_null(object_init(NULL, &thing_type));
    object_release(NULL);
}

static void a_type_needs_no_finish(void **state)
{
    static const struct object_type plain_type = {.name = "plain", .size = sizeof(struct object)};
    struct object *plain = object_init(malloc(sizeof *plain), &plain_type);

    (void)state;
    assert_string_equal(plain->type->name, "plain");
    object_release(plain);
}

static void the_dead_are_not_retained(void **state)
{
    struct object object = {.type = &thing_type, .references = 0};

    (void)state;
    assert_false(object_retain_if_alive(&object));
    assert_int_equal(object.references, 0);
    object.references = 1;
    assert_true(object_retain_if_alive(&object));
    assert_int_equal(object.references, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lives_until_its_last_reference),
        cmocka_unit_test(is_zeroes_but_for_its_header),
        cmocka_unit_test(no_memory_is_no_object),
        cmocka_unit_test(a_type_needs_no_finish),
        cmocka_unit_test(the_dead_are_not_retained),
    };

    return cmocka_run_group_tests_name("object", tests, NULL, NULL);
}
