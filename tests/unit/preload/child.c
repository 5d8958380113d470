#include "child.h"

#include "preload/arena.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_MAPPINGS 2000

int child_run(int (*test)(void *argument), void *argument)
{
    pid_t child;
    int status;

    fflush(NULL);
    child = fork();
    assert_int_not_equal(child, -1);
    if (child == 0) {
        alarm(60);
        setenv("CMOCKA_TEST_ABORT", "1", 1); /* or it would go on with the next test */
        _exit(test(argument));
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    if (!WIFEXITED(status))
        fail_msg("the child was ended by signal %d", WTERMSIG(status));
    return WEXITSTATUS(status);
}

static int call(void *test)
{
    ((CMUnitTestFunction)(uintptr_t)test)(NULL);
    return 0;
}

void child_run_test(void **test)
{
    assert_int_equal(child_run(call, *test), 0);
}

struct starved {
    bool (*test)(void);
    unsigned long mappings;
};

static int starve(void *argument)
{
    const struct starved *starved = argument;

    arena_fail_after(starved->mappings);
    return starved->test();
}

void child_starve(bool (*test)(void))
{
    struct starved starved = { test, 1 };
    int fed;

    while ((fed = child_run(starve, &starved)) == false && starved.mappings < MAX_MAPPINGS)
        starved.mappings++;
    assert_int_equal(fed, true);
    assert_true(starved.mappings > 1);
}
