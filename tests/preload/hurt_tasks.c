/* hurt_tasks.c - somebody hurts the tasks that write its snapshots, in the way its argument says.
 *
 *   hurt_tasks copies    kills copies of the program
 *   hurt_tasks tasks     kills tasks while they wait for their copy
 *   hurt_tasks once      stops tasks, each once, and leaves them so
 *   hurt_tasks always    stops tasks again and again
 *
 * A child does that until it has done it often enough. The program takes snapshots with the heap
 * graph meanwhile: none of them may fail, but where every task is kept from its end. Prints how many
 * were taken, how many failed, and how often somebody was hurt.
 */
#include "preload/heapdelta.h"

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define BLOCKS 100000
#define ROUNDS 10

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

/* Whether PROCESS stands still now. */
static bool stop(pid_t process)
{
    kill(process, SIGSTOP);
    for (int i = 0; i < 1000 && state_of(process) != 'T'; i++)
        ;
    return state_of(process) == 'T';
}

/* The task is stopped first, so that it does not see the end of the copy, which it waits for; and
 * before that the program, which would send it on. */
static bool kill_task(pid_t task)
{
    pid_t copy = child_of(task);
    bool waits;

    if (copy <= 0)
        return false;
    waits = stop(getppid()) && stop(task) && child_of(task) == copy && state_of(copy) != 'Z' &&
            state_of(copy) != 0;
    kill(task, waits ? SIGKILL : SIGCONT);
    kill(getppid(), SIGCONT);
    return waits;
}

/* It ends all the same, killed or because it is sent on again and again. */
static bool stop_always(pid_t task)
{
    while (state_of(task) != 0 && state_of(task) != 'Z')
        kill(task, SIGSTOP);
    return true;
}

static bool stop_once(pid_t task)
{
    return kill(task, SIGSTOP) == 0;
}

static int hurt_some(pid_t parent, bool (*hurt)(pid_t task))
{
    pid_t last = 0;

    for (int done = 0; done < ROUNDS;) {
        pid_t task = child_of(parent);

        if (task <= 0 || task == last)
            continue;
        if (hurt(task)) {
            last = task;
            done++;
        }
    }
    return ROUNDS;
}

static void *blocks[BLOCKS];

static const struct way {
    const char *name;
    bool (*hurt)(pid_t task); /* false: it was too late */
} ways[] = {
    { "copies", kill_copy },
    { "tasks", kill_task },
    { "once", stop_once },
    { "always", stop_always },
};

static const struct way *way_called(const char *name)
{
    for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++)
        if (strcmp(ways[i].name, name) == 0)
            return &ways[i];
    return NULL;
}

int main(int argc, char **argv)
{
    const struct way *way = way_called(argc > 1 ? argv[1] : "");
    int taken = 0, failed = 0, status = 0;
    pid_t parent = getpid(), child;

    if (!way || !heapdelta_is_tracing())
        return 2;
    for (int i = 0; i < BLOCKS; i++)
        blocks[i] = malloc(40);
    child = fork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        _exit(hurt_some(parent, way->hurt));
    }
    while (waitpid(child, &status, WNOHANG) == 0) {
        failed += heapdelta_take_graph_snapshot("hurt") != 0;
        taken++;
    }
    printf("%d taken, %d failed, %d hurt\n", taken, failed, WEXITSTATUS(status));
    fflush(stdout);
    _exit(0);
}
