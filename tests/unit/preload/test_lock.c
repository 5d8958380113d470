#include "child.h"

#include "preload/lock.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <unistd.h>

#define THREADS 4
#define ROUNDS  100000

static struct lock lock;
static volatile unsigned long counted; /* plain: only the lock makes it exact */
static _Atomic uint32_t waiter;

static void one_takes_it_at_a_time(void **state)
{
    (void)state;
    assert_true(lock_try(&lock));
    assert_false(lock_try(&lock));
    lock_release(&lock);
    lock_take(&lock);
    assert_false(lock_try(&lock));
    lock_release(&lock);
    assert_true(lock_try(&lock));
}

static void *count(void *unused)
{
    for (int i = 0; i < ROUNDS; i++) {
        lock_take(&lock);
        counted++;
        lock_release(&lock);
    }
    return unused;
}

static void it_excludes_other_threads(void **state)
{
    pthread_t threads[THREADS];

    (void)state;
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, count, NULL), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(counted, (unsigned long)THREADS * ROUNDS);
}

static void *wait_for_it(void *unused)
{
    waiter = syscall_gettid();
    lock_take(&lock);
    counted++;
    lock_release(&lock);
    return unused;
}

/* The state letter of thread TID in /proc. */
static char thread_state(uint32_t tid)
{
    char path[64], text[256] = "";
    int file;

    snprintf(path, sizeof(path), "/proc/self/task/%u/stat", tid);
    file = open(path, O_RDONLY);
    assert_true(file >= 0);
    assert_true(read(file, text, sizeof(text) - 1) > 0);
    close(file);
    for (char *at = text; *at; at++)
        if (*at == ')')
            return at[2];
    return '?';
}

static void a_waiter_sleeps_until_it_is_released(void **state)
{
    pthread_t thread;

    (void)state;
    lock_take(&lock);
    assert_int_equal(pthread_create(&thread, NULL, wait_for_it, NULL), 0);
    while (!waiter || thread_state(waiter) != 'S')
        sched_yield();
    assert_int_equal(counted, 0);
    lock_release(&lock);
    pthread_join(thread, NULL);
    assert_int_equal(counted, 1);
    assert_true(lock_try(&lock));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        child_test(one_takes_it_at_a_time),
        child_test(it_excludes_other_threads),
        child_test(a_waiter_sleeps_until_it_is_released),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
