/* fork_storm.c - many threads make children at once, in the way of the argument.
 *
 *     exec      16 threads, each 15 times fork or vfork and exec, or posix_spawn, while they all
 *               allocate
 *     handlers  the program's own pthread_atfork() handlers allocate and free, before ours and
 *               behind them; 4 threads fork while 4 allocate
 */
#include <pthread.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define THREADS 16
#define ROUNDS 15

static atomic_int good, prepared, in_parents;
static atomic_bool stopping;
static char *const arguments[] = { (char *)"/bin/sh", (char *)"-c", (char *)"exit 9", NULL };

static void allocate(int times)
{
    for (int i = 0; i < times; i++)
        free(realloc(malloc((size_t)i % 3000), 2000));
}

static void check(pid_t child)
{
    int status;

    if (waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 9)
        atomic_fetch_add(&good, 1);
}

static __attribute__((noinline)) pid_t by_vfork(void)
{
    pid_t child = vfork();

    if (child == 0) {
        execv(arguments[0], arguments);
        _exit(1);
    }
    return child;
}

static pid_t by_fork(void)
{
    pid_t child = fork();

    if (child == 0) {
        alarm(100);
        allocate(100); /* glibc lets the child of threads allocate */
        execve(arguments[0], arguments, environ);
        _exit(1);
    }
    return child;
}

static pid_t by_spawn(void)
{
    pid_t child = -1;

    return posix_spawn(&child, arguments[0], NULL, NULL, arguments, environ) == 0 ? child : -1;
}

static void *exec_on(void *unused)
{
    for (int i = 0; i < ROUNDS; i++) {
        allocate(500);
        check(i % 3 == 0 ? by_spawn() : i % 3 == 1 ? by_vfork() : by_fork());
    }
    return unused;
}

static void *fork_on(void *unused)
{
    for (int i = 0; i < ROUNDS; i++) {
        pid_t child = fork();

        if (child == 0) {
            alarm(100);
            allocate(100);
            exit(9);
        }
        check(child);
    }
    return unused;
}

static void *allocate_on(void *unused)
{
    while (!atomic_load(&stopping))
        allocate(100);
    return unused;
}

static __thread void *from_prepare[2]; /* each handler is registered twice */
static __thread int times;

static void prepare(void)
{
    from_prepare[times++ % 2] = malloc(1234);
    allocate(20);
    atomic_fetch_add(&prepared, 1);
}

static void in_parent(void)
{
    allocate(20);
    free(from_prepare[--times % 2]);
    atomic_fetch_add(&in_parents, 1);
}

static void in_child(void)
{
    free(from_prepare[--times % 2]);
    allocate(20);
}

static void run(int count, void *(*one)(void *), int others)
{
    pthread_t threads[THREADS], busy[THREADS];

    for (int i = 0; i < others; i++)
        pthread_create(&busy[i], NULL, allocate_on, NULL);
    for (int i = 0; i < count; i++)
        pthread_create(&threads[i], NULL, one, NULL);
    for (int i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
    atomic_store(&stopping, true);
    for (int i = 0; i < others; i++)
        pthread_join(busy[i], NULL);
}

/* Before the shim's, which are of its constructor. */
static void register_first(int argc, char **argv, char **environment)
{
    (void)environment;
    if (argc > 1 && strcmp(argv[1], "handlers") == 0)
        pthread_atfork(prepare, in_parent, in_child);
}

__attribute__((section(".preinit_array"), used)) static void (*const preinit)(
    int, char **, char **) = register_first;

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "handlers") == 0) {
        pthread_atfork(prepare, in_parent, in_child);
        run(4, fork_on, 4);
        printf("handlers: %d %d\n", prepared, in_parents);
    } else {
        run(THREADS, exec_on, 0);
    }
    printf("%d good children\n", good);
    return 0;
}
