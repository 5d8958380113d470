/* onlookers.c - looks for anything of ours that a program could notice, in the way its argument says.
 *
 *   onlookers ignored       ignores SIGCHLD and waits for any child while snapshots are taken
 *   onlookers all           waits for children of every kind: it may see some, snapshots are whole
 *   onlookers pipe          holds a pipe whose end must come while a task is there
 *   onlookers exec [ROUND]  execs itself while another thread takes snapshots
 *
 * Half of the snapshots have the heap graph. What it prints is the same without us.
 */
#include "preload/heapdelta.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS 40

static atomic_bool stopping;
static atomic_int seen;

static void take(int round)
{
    int result = round % 2 ? heapdelta_take_snapshot("seen") : heapdelta_take_graph_snapshot("seen");

    if (result != 0 && result != -ENOSYS)
        printf("snapshot: %d\n", result);
}

static void start(pthread_t *thread, void *(*run)(void *))
{
    if (pthread_create(thread, NULL, run, NULL) != 0)
        abort();
}

/* ---- those who wait ------------------------------------------------------------------ */

static int flags;

static void *wait_always(void *unused)
{
    while (!atomic_load(&stopping)) {
        int result = waitpid(-1, NULL, flags);

        if (result > 0 || (result < 0 && errno != ECHILD))
            atomic_fetch_add(&seen, 1);
    }
    return unused;
}

static void take_before_waiters(void)
{
    pthread_t thread;

    start(&thread, wait_always);
    for (int i = 0; i < ROUNDS; i++)
        take(i);
    atomic_store(&stopping, true);
    pthread_join(thread, NULL);
}

static void do_ignored(void)
{
    signal(SIGCHLD, SIG_IGN);
    take_before_waiters();
    printf("%d seen\n", atomic_load(&seen));
}

static void do_all(void)
{
    flags = __WALL;
    take_before_waiters();
    puts("all taken");
}

/* ---- the end of a pipe ---------------------------------------------------------------- */

static _Atomic pid_t taker; /* the thread that takes snapshots */

/* The first child of THREAD of PROCESS, 0: none. */
static pid_t child_of(pid_t process, pid_t thread)
{
    char path[64], text[64] = "";
    int file;
    ssize_t size;

    snprintf(path, sizeof(path), "/proc/%d/task/%d/children", process, thread);
    file = open(path, O_RDONLY | O_CLOEXEC);
    size = file < 0 ? 0 : read(file, text, sizeof(text) - 1);
    close(file);
    return size > 0 ? atoi(text) : 0;
}

static void *take_always(void *unused)
{
    atomic_store(&taker, gettid());
    for (int i = 0; !atomic_load(&stopping); i++)
        take(i);
    return unused;
}

/* Stop a task, which would send on what it has made, and that; the pipe must end nevertheless. */
static void do_pipe(void)
{
    pthread_t thread;
    int stopped = 0, late = 0;
    pid_t last = 0;

    start(&thread, take_always);
    while (stopped < ROUNDS) {
        int ends[2];
        struct pollfd look;
        pid_t task, copy;

        if (pipe2(ends, O_CLOEXEC) != 0)
            abort();
        task = heapdelta_is_tracing() ? child_of(getpid(), atomic_load(&taker)) : 0;
        copy = task > 0 ? child_of(task, task) : 0;
        copy = copy != last ? copy : 0;
        last = copy > 0 ? copy : last;
        if (copy > 0) {
            kill(task, SIGSTOP);
            kill(copy, SIGSTOP);
        }
        look = (struct pollfd){.fd = ends[0], .events = POLLIN};
        close(ends[1]);
        if (copy > 0 || !heapdelta_is_tracing())
            late += poll(&look, 1, 20000) != 1 || !(look.revents & POLLHUP);
        stopped += copy > 0 || !heapdelta_is_tracing();
        if (copy > 0) {
            kill(copy, SIGCONT);
            kill(task, SIGCONT);
        }
        close(ends[0]);
    }
    atomic_store(&stopping, true);
    pthread_join(thread, NULL);
    printf("%d looks, %d late\n", stopped, late);
}

/* ---- a new program -------------------------------------------------------------------- */

static void do_exec(char **arguments, int round)
{
    const struct timespec little = {0, (round * 7919L % 50) * 100000};
    char next[16];
    pthread_t thread;
    sigset_t set, pending;

    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigprocmask(SIG_BLOCK, &set, NULL); /* stays, and so does what is pending */
    for (int look = 0; look < 2; look++) {
        int child = waitpid(-1, NULL, WNOHANG | __WALL);

        sigpending(&pending);
        if (sigismember(&pending, SIGCHLD) || child >= 0 || errno != ECHILD) {
            printf("round %d: SIGCHLD %d, child %d\n", round, sigismember(&pending, SIGCHLD), child);
            return;
        }
        nanosleep(&little, NULL);
    }
    if (round == 2 * ROUNDS) {
        puts("nothing seen");
        return;
    }
    start(&thread, take_always);
    nanosleep(&little, NULL);
    snprintf(next, sizeof(next), "%d", round + 1);
    if (round % 3 == 0) /* fails first */
        execl("/nowhere", "nowhere", (char *)NULL);
    execl("/proc/self/exe", arguments[0], "exec", next, (char *)NULL);
}

int main(int argc, char **argv)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc < 2)
        return 2;
    if (strcmp(argv[1], "ignored") == 0)
        do_ignored();
    else if (strcmp(argv[1], "all") == 0)
        do_all();
    else if (strcmp(argv[1], "pipe") == 0)
        do_pipe();
    else
        do_exec(argv, argc > 2 ? atoi(argv[2]) : 0);
    return 0;
}
