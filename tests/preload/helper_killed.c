/* helper_killed.c - somebody kills the short-lived tasks that write its snapshots.
 *
 * A child kills whatever else its parent has as a child, in other rounds what that has. The
 * program takes 200 snapshots meanwhile, half of them with the heap graph, then one in peace. It
 * ends; what the killed tasks left does, too. Prints how many snapshots were taken of those that
 * were not disturbed, and errors other than the one that says so.
 */
#include "preload/heapdelta.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* The children of the threads of PROCESS, as far as there is room. */
static int children_of(pid_t process, pid_t *list, int room)
{
    char path[64];
    FILE *file;
    int count = 0;

    snprintf(path, sizeof(path), "/proc/%d/task/%d/children", process, process);
    file = fopen(path, "r");
    while (file && count < room && fscanf(file, "%d", &list[count]) == 1)
        count++;
    if (file)
        fclose(file);
    return count;
}

static void kill_always(pid_t parent)
{
    pid_t list[8], below[8];

    for (unsigned round = 0;; round++) {
        int count = children_of(parent, list, 8);

        for (int i = 0; i < count; i++) {
            if (list[i] == getpid())
                continue;
            if (round % 5 == 0)
                kill(list[i], SIGKILL);
            for (int j = round % 5 == 1 ? children_of(list[i], below, 8) : 0; j > 0; j--)
                kill(below[j - 1], SIGKILL);
        }
    }
}

static atomic_bool stopping;

static void *allocate_always(void *unused)
{
    while (!atomic_load(&stopping))
        free(malloc(100));
    return unused;
}

int main(void)
{
    pid_t killer, parent = getpid();
    pthread_t thread;
    int killed = 0, result;

    prctl(PR_SET_CHILD_SUBREAPER, 1); /* what is left behind comes back to us */
    killer = fork();
    if (killer == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        kill_always(parent);
    }
    if (pthread_create(&thread, NULL, allocate_always, NULL) != 0)
        return 1;
    for (int i = 0; i < 200; i++) {
        result = i % 2 ? heapdelta_take_snapshot("some") : heapdelta_take_graph_snapshot("some");
        killed += result == -EOWNERDEAD;
        if (result != 0 && result != -EOWNERDEAD)
            printf("snapshot: %d\n", result);
    }
    kill(killer, SIGKILL);
    atomic_store(&stopping, true);
    pthread_join(thread, NULL);
    while (wait(NULL) > 0) {
    }
    fprintf(stderr, "%d were killed\n", killed);
    result = heapdelta_take_graph_snapshot("peace");
    printf("in peace: %d\n", result);
    return 0;
}
