/* The registry of the exercise's solution, in situations its own main does not get into. */
#include "unit.h"

int program_main(int argc, char **argv);

#define main program_main
#include "samples/exercise/solution/event_handler.c"
#undef main

static int reset(void **state)
{
    (void)state;
    events_heard = 0;
    registry_reserve(4);
    return 0;
}

static int is_empty(void **state)
{
    (void)state;
    assert_int_equal(registry_count, 0);
    assert_int_equal(handlers_freed, handlers_created);
    free(registry);
    registry = NULL;
    return 0;
}

static struct event_handler *listening(const char *name, callback_function callback)
{
    struct event_handler *handler = event_handler_new(name);

    event_handler_register(handler, callback);
    return handler;
}

static void nobody_is_called_when_all_are_dead(void **state)
{
    struct event_handler *handlers[100];

    (void)state;
    for (int i = 0; i < 100; i++)
        handlers[i] = listening("handler", count_event);
    event_handler_fire_all("one");
    assert_int_equal(events_heard, 100);
    for (int i = 0; i < 100; i++) /* 0, 99, 1, 98 … */
        object_release(handlers[i % 2 ? 99 - i / 2 : i / 2]);
    event_handler_fire_all("two");
    assert_int_equal(events_heard, 100);
}

static void all_callbacks_of_a_handler_hear(void **state)
{
    struct event_handler *handler = listening("handler", count_event);

    (void)state;
    event_handler_register(handler, count_event);
    event_handler_fire(handler, "event");
    assert_int_equal(events_heard, 2);
    object_release(handler);
}

static struct event_handler *victims[4];

/* The first to hear of it lets all others go, and itself. */
static void let_all_go(const char *event)
{
    count_event(event);
    for (int i = 0; i < 4; i++) {
        object_release(victims[i]);
        victims[i] = NULL;
    }
}

static void handlers_may_die_while_all_are_called(void **state)
{
    for (int i = 0; i < 4; i++)
        victims[i] = listening("victim", let_all_go);
    (void)state;
    event_handler_fire_all("event");
    assert_int_equal(events_heard, 1);
}

/* Each that hears lets the one go that would have been next. */
static void let_next_go(const char *event)
{
    static const int order[] = {1, 3};
    static size_t step;

    count_event(event);
    object_release(victims[order[step]]);
    victims[order[step]] = NULL;
    step++;
}

static void the_living_hear_once_whoever_dies(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++)
        victims[i] = listening("victim", let_next_go);
    event_handler_fire_all("event"); /* 0, which ends 1; 2, which ends 3 */
    assert_int_equal(events_heard, 2);
    object_release(victims[0]);
    object_release(victims[2]);
}

/* The registry grows, and so moves, while all are called. */
static void create_three(const char *event)
{
    count_event(event);
    for (int i = 1; i < 4; i++)
        victims[i] = listening("victim", count_event);
}

static void handlers_may_be_created_while_all_are_called(void **state)
{
    struct event_handler *first = listening("first", count_event);
    struct event_handler *third;

    (void)state;
    victims[0] = listening("second", create_three);
    third = listening("third", count_event);
    event_handler_fire_all("event");
    assert_int_equal(events_heard, 3); /* the new ones were not there when it happened */
    assert_int_equal(registry_count, 6);
    for (int i = 0; i < 4; i++)
        object_release(victims[i]);
    object_release(first);
    object_release(third);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nobody_is_called_when_all_are_dead, reset, is_empty),
        cmocka_unit_test_setup_teardown(all_callbacks_of_a_handler_hear, reset, is_empty),
        cmocka_unit_test_setup_teardown(handlers_may_die_while_all_are_called, reset, is_empty),
        cmocka_unit_test_setup_teardown(the_living_hear_once_whoever_dies, reset, is_empty),
        cmocka_unit_test_setup_teardown(handlers_may_be_created_while_all_are_called, reset, is_empty),
    };

    return cmocka_run_group_tests_name("weak_registry", tests, NULL, NULL);
}
