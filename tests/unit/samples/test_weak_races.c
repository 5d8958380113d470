/* Weak references between threads, under ThreadSanitizer: upgrades race with the last
 * release, dictionaries die while their objects do. */
#include "unit.h"

#include <pthread.h>
#include <stdio.h>

#include "samples/lib/weak_value_dict.h"
#include "samples/lib/weakref.h"
#include "thing.h"

enum { THREADS = 3, ROUNDS = 2000 };

/* What the threads of a round share. */
static struct weakref *ref, *other;
static struct thing *thing;
static struct weak_value_dict *dict;
static pthread_barrier_t barrier;
static atomic_int upgrades, refusals, calls;

static void count_call(struct weakref *dead, void *data)
{
    (void)data;
    if (weakref_get(dead))
        abort();
    atomic_fetch_add(&calls, 1);
}

/* Each thread looks the object up in a race with its last release. */
static void *upgrade(void *argument)
{
    (void)argument;
    for (int round = 0; round < ROUNDS; round++) {
        struct thing *seen;

        pthread_barrier_wait(&barrier); /* a new object is there */
        while ((seen = weakref_get(ref)) != NULL) {
            if (seen->intact != LIVING || seen->number != round)
                abort();
            atomic_fetch_add(&upgrades, 1);
            object_release(seen);
        }
        atomic_fetch_add(&refusals, 1);
        pthread_barrier_wait(&barrier); /* the round is over */
    }
    return NULL;
}

static void upgrades_race_with_the_last_release(void **state)
{
    pthread_t threads[THREADS];

    (void)state;
    things_dead = calls = upgrades = refusals = 0;
    pthread_barrier_init(&barrier, NULL, THREADS + 1);
    for (int i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, upgrade, NULL);
    for (int round = 0; round < ROUNDS; round++) {
        thing = thing_new(round);
        ref = weakref_new(thing, count_call, NULL);
        pthread_barrier_wait(&barrier);
        if (round % 2) /* else most rounds would be over before they began */
            while (atomic_load(&upgrades) < round / 2)
                object_release(weakref_get(ref));
        object_release(thing);
        pthread_barrier_wait(&barrier);
        object_release(ref);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    pthread_barrier_destroy(&barrier);
    assert_int_equal(things_dead, ROUNDS);
    assert_int_equal(calls, ROUNDS);
    assert_int_equal(refusals, THREADS * ROUNDS);
    assert_true(upgrades >= ROUNDS / 2 - 1);
}

/* At once: a weak reference is released, the last strong one is, and another weak one
 * is used to make a third. */
static void *let_go(void *argument)
{
    int number = *(int *)argument;

    for (int round = 0; round < ROUNDS; round++) {
        pthread_barrier_wait(&barrier);
        if (number == 0) {
            object_release(ref);
        } else if (number == 1) {
            object_release(thing);
        } else {
            struct thing *seen = weakref_get(other);

            if (seen)
                object_release(weakref_new(seen, count_call, NULL));
            object_release(seen);
            object_release(other);
        }
        pthread_barrier_wait(&barrier);
    }
    return NULL;
}

static void both_ends_let_go_at_once(void **state)
{
    int numbers[THREADS] = {0, 1, 2};
    pthread_t threads[THREADS];

    (void)state;
    things_dead = calls = 0;
    pthread_barrier_init(&barrier, NULL, THREADS + 1);
    for (int i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, let_go, &numbers[i]);
    for (int round = 0; round < ROUNDS; round++) {
        thing = thing_new(round);
        ref = weakref_new(thing, count_call, NULL);
        other = weakref_new(thing, NULL, NULL);
        pthread_barrier_wait(&barrier);
        pthread_barrier_wait(&barrier);
        assert_int_equal(things_dead, round + 1);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    pthread_barrier_destroy(&barrier);
    assert_in_range(calls, 0, ROUNDS); /* at most one a round: whoever came first */
}

/* Each thread fills the dictionary with keys that others use, too, and lets its objects
 * die; the first one lets the dictionary itself go at the end of each round. */
static void *use_dictionary(void *argument)
{
    int number = *(int *)argument;

    for (int round = 0; round < ROUNDS / 10; round++) {
        struct weak_value_dict *mine;

        pthread_barrier_wait(&barrier);
        mine = object_retain(dict);
        pthread_barrier_wait(&barrier);
        if (number == 0)
            object_release(dict);
        for (int i = 0; i < 20; i++) {
            struct thing *own = thing_new(i);
            struct thing *found;
            char key[8];

            snprintf(key, sizeof key, "%d", (i + number) % 5);
            if (weak_value_dict_set(mine, key, own) != 0)
                abort();
            if (i == 10)
                object_release(mine); /* perhaps the last: entries outlive their table */
            if (i >= 10) {
                object_release(own);
                break;
            }
            snprintf(key, sizeof key, "%d", i % 5);
            found = weak_value_dict_get(mine, key);
            if (found && found->intact != LIVING)
                abort();
            object_release(found);
            if (i % 7 == 0)
                weak_value_dict_remove(mine, key);
            object_release(own);
        }
        pthread_barrier_wait(&barrier);
    }
    return NULL;
}

static void a_dictionary_dies_while_its_objects_do(void **state)
{
    int numbers[THREADS] = {0, 1, 2};
    pthread_t threads[THREADS];

    (void)state;
    things_dead = 0;
    pthread_barrier_init(&barrier, NULL, THREADS + 1);
    for (int i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, use_dictionary, &numbers[i]);
    for (int round = 0; round < ROUNDS / 10; round++) {
        dict = weak_value_dict_new();
        pthread_barrier_wait(&barrier);
        pthread_barrier_wait(&barrier);
        pthread_barrier_wait(&barrier);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    pthread_barrier_destroy(&barrier);
    assert_int_equal(things_dead, THREADS * 11 * (ROUNDS / 10));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(upgrades_race_with_the_last_release),
        cmocka_unit_test(both_ends_let_go_at_once),
        cmocka_unit_test(a_dictionary_dies_while_its_objects_do),
    };

    return cmocka_run_group_tests_name("weak_races", tests, NULL, NULL);
}
