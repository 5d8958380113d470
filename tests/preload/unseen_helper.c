/* unseen_helper.c - notices every child and every SIGCHLD while snapshots are taken.
 *
 * Takes 60 snapshots, half of them as a subreaper, with another thread that always
 * waits for children. Prints what was noticed.
 */
#include "preload/heapdelta.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>

static volatile sig_atomic_t signals;
static atomic_int children;
static atomic_bool stopping;

static void count_signal(int signal)
{
    (void)signal;
    signals = signals + 1;
}

static void *wait_always(void *unused)
{
    while (!atomic_load(&stopping))
        if (waitpid(-1, NULL, 0) > 0 || errno != ECHILD)
            atomic_fetch_add(&children, 1);
    return unused;
}

int main(void)
{
    const struct sigaction action = {.sa_handler = count_signal, .sa_flags = SA_RESTART};
    pthread_t thread;

    sigaction(SIGCHLD, &action, NULL);
    if (pthread_create(&thread, NULL, wait_always, NULL) != 0)
        return 1;
    for (int i = 0; i < 60; i++) {
        int result = heapdelta_take_snapshot("helper");

        if (result != 0 && result != -ENOSYS)
            printf("snapshot: %d\n", result);
        if (i == 30)
            prctl(PR_SET_CHILD_SUBREAPER, 1);
    }
    atomic_store(&stopping, true);
    pthread_join(thread, NULL);
    printf("%d signals, %d children\n", (int)signals, atomic_load(&children));
    return 0;
}
