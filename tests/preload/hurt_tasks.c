/* hurt_tasks.c - somebody hurts the tasks that write its snapshots, in the way its argument says.
 *
 *   hurt_tasks copies    kills copies of the program
 *   hurt_tasks tasks     kills tasks while they wait for their copy
 *   hurt_tasks stopped   stops a task again and again before it has made a copy;
 *                        for tries by hand: one that is stopped later is waited for
 *
 * A child does that until it has done it often enough. The program takes snapshots with the heap
 * graph meanwhile: none of them may fail. Prints how many were taken, how many failed, and how often
 * somebody was hurt.
 */
#include "preload/heapdelta.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define BLOCKS  100000
#define THREADS 30
#define ROUNDS  10

/* The first child of PROCESS that is not the caller; 0: none. */
static pid_t child_of(pid_t process)
{
    char path[64];
    FILE *file;
    pid_t child = 0;

    snprintf(path, sizeof(path), "/proc/%d/task/%d/children", process, process);
    file = fopen(path, "r");
    while (file && fscanf(file, "%d", &child) == 1 && child == getpid())
        child = 0;
    if (file)
        fclose(file);
    return child;
}

/* What PROCESS does, as ps shows it; 0: it is gone. */
static char state_of(pid_t process)
{
    char path[64], state = 0;
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%d/stat", process);
    file = fopen(path, "r");
    if (file && fscanf(file, "%*d (%*[^)]) %c", &state) != 1)
        state = 0;
    if (file)
        fclose(file);
    return state;
}

static bool kill_copy(pid_t task)
{
    pid_t copy = child_of(task);

    return copy > 0 && state_of(copy) != 'Z' && kill(copy, SIGKILL) == 0;
}

static bool kill_task(pid_t task)
{
    pid_t copy = child_of(task);
    bool waits;

    if (copy <= 0)
        return false;
    kill(task, SIGSTOP); /* so that it does not see the end of the copy, which it waits for */
    for (int i = 0; i < 1000 && state_of(task) != 'T'; i++)
        ;
    waits = state_of(task) == 'T' && child_of(task) == copy && state_of(copy) != 'Z' &&
            state_of(copy) != 0;
    kill(task, waits ? SIGKILL : SIGCONT);
    return waits;
}

/* Does the program, which is the parent, wait for the end of a task? Then it goes on else. */
static bool goes_on(void)
{
    char path[64];
    FILE *file;
    int number = 0;

    snprintf(path, sizeof(path), "/proc/%d/syscall", getppid());
    file = fopen(path, "r");
    if (file && fscanf(file, "%d", &number) != 1)
        number = 0; /* it runs */
    if (file)
        fclose(file);
    return number == SYS_wait4;
}

/* It may be that the task got to its end all the same, when the caller had to wait for a processor. */
static bool stop_task(pid_t task)
{
    while (state_of(task) != 0 && state_of(task) != 'Z') {
        if (child_of(task) > 0 || goes_on()) {
            kill(task, SIGCONT);
            return false;
        }
        kill(task, SIGSTOP);
    }
    return true;
}

static int hurt(pid_t parent, bool (*one)(pid_t task), int rounds)
{
    pid_t last = 0;

    for (int done = 0; done < rounds;) {
        pid_t task = child_of(parent);

        if (task <= 0 || task == last)
            continue;
        if (one(task)) {
            last = task;
            done++;
        }
    }
    return rounds;
}

static void *sleep_always(void *unused)
{
    pause();
    return unused;
}

static void *blocks[BLOCKS];

int main(int argc, char **argv)
{
    bool stops = argc > 1 && strcmp(argv[1], "stopped") == 0;
    bool (*one)(pid_t task) = stops                                            ? stop_task
                              : argc > 1 && strcmp(argv[1], "copies") == 0 ? kill_copy
                                                                               : kill_task;
    int taken = 0, failed = 0, status = 0;
    pid_t parent = getpid(), child;

    for (int i = 0; i < BLOCKS; i++)
        blocks[i] = malloc(40);
    child = fork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        _exit(hurt(parent, one, stops ? 2 : ROUNDS));
    }
    for (int i = 0; stops && i < THREADS; i++) {
        pthread_t thread;

        if (pthread_create(&thread, NULL, sleep_always, NULL) != 0)
            return 1;
    }
    while (waitpid(child, &status, WNOHANG) == 0) {
        failed += heapdelta_take_graph_snapshot("hurt") != 0;
        taken++;
    }
    printf("%d taken, %d failed, %d hurt\n", taken, failed, WEXITSTATUS(status));
    fflush(stdout);
    _exit(0);
}
