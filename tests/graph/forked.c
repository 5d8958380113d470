/* forked.c - what a child that was forked holds, has lost, and inherited. */
#include "truth.h"

#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static void *volatile by_both, *volatile by_parent, *volatile by_child, *volatile by_neither;

static APART void kept_by_both(void)
{
    by_both = MAKE(HELD, 700);
}

static APART void lost_by_the_child(void)
{
    by_parent = MAKE(HELD, 701);
}

static APART void lost_by_the_parent(void)
{
    by_child = MAKE(HELD, 702);
}

static APART void lost_before(void)
{
    by_neither = MAKE(LOST, 703);
    by_neither = NULL;
}

static APART void made_by_the_child(void)
{
    static void *volatile kept;

    kept = MAKE(HELD, 704);
}

static APART void lost_in_the_child(void)
{
    (void)MAKE(LOST, 705);
}

static void is_lost_now(const char *function, size_t size)
{
    truth_forget(function);
    truth_add(function, LOST, 1, size);
}

int main(void)
{
    static void (*const functions[])(void) = {
        kept_by_both, lost_by_the_child, lost_by_the_parent, lost_before,
    };
    pid_t child;

    TRUTH_RUN_ALL(functions);
    child = fork();
    if (child == 0) {
        truth_run(made_by_the_child);
        truth_run(lost_in_the_child);
        by_parent = NULL;
        is_lost_now("lost_by_the_child", 701);
        truth_print();
        exit(0);
    }
    by_child = NULL;
    is_lost_now("lost_by_the_parent", 702);
    waitpid(child, NULL, 0);
    truth_print();
    return 0;
}
