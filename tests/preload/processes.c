/* processes.c - starts other processes, in the way that its argument says.
 *
 * The parent keeps 3 blocks of 81 bytes before and 4 of 82 bytes after it;
 * children allocate, print and end. All output is the same on each run.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static void *volatile kept[16];
static int count;

static void keep(size_t size, int times)
{
    for (int i = 0; i < times; i++)
        kept[count++] = malloc(size);
}

static void report(const char *who, pid_t pid)
{
    int status = 0;

    if (waitpid(pid, &status, 0) != pid)
        printf("%s: lost: %s\n", who, strerror(errno));
    else if (WIFSIGNALED(status))
        printf("%s: signal %d\n", who, WTERMSIG(status));
    else
        printf("%s: status %d\n", who, WEXITSTATUS(status));
    fflush(stdout);
}

/* What a forked child does: allocate, free what it inherited, print, allocate more. */
static void live_as_child(const char *name)
{
    char *line = NULL;
    size_t size = 0;
    FILE *file = fmemopen((void *)(size_t) "one\ntwo\n", 8, "r");

    while (getline(&line, &size, file) > 0)
        printf("%s: %s", name, line);
    free(line);
    fclose(file);
    free(kept[0]);
    for (int i = 0; i < 10000; i++)
        free(malloc(83));
    keep(83, 5);
    fflush(stdout);
}

static void do_fork(void)
{
    pid_t child = fork();

    if (child == 0) {
        pid_t grandchild;

        live_as_child("child");
        grandchild = fork();
        if (grandchild == 0) {
            live_as_child("grandchild");
            _exit(4);
        }
        report("grandchild", grandchild);
        exit(3);
    }
    report("child", child);

    child = fork();
    if (child == 0)
        abort();
    report("aborted child", child);
}

static void do_fork_exec(void)
{
    pid_t child = fork();

    if (child == 0) {
        keep(83, 2);
        execlp("sh", "sh", "-c", "echo $0 from the shell; exit 6", "hello", (char *)NULL);
        _exit(127);
    }
    report("sh", child);
}

/* Vfork children that exec, and one that fails to. */
static void do_vfork(void)
{
    static char *const command[] = {(char *)(size_t) "echo", (char *)(size_t) "echoed", NULL};
    pid_t child = vfork();

    if (child == 0) {
        execvp("echo", command);
        _exit(127);
    }
    report("echo", child);
    child = vfork();
    if (child == 0) {
        execv("/nonexistent", command);
        _exit(126);
    }
    report("nonexistent", child);
}

static void do_spawn(void)
{
    static char *const command[] = {(char *)(size_t) "sh", (char *)(size_t) "-c",
                                    (char *)(size_t) "echo spawned; exit 9", NULL};
    pid_t child;
    int error = posix_spawnp(&child, "sh", NULL, NULL, command, environ);

    if (error == 0)
        report("posix_spawnp", child);
    error = posix_spawn(&child, "/nonexistent", NULL, NULL, command, environ);
    printf("posix_spawn: %s\n", strerror(error));
    fflush(stdout);
}

static void do_system(void)
{
    printf("system: %d\n", WEXITSTATUS(system("echo by system; exit 7")));
    fflush(stdout);
}

static void do_popen(void)
{
    char line[100];
    FILE *pipe = popen("echo through a pipe; exit 8", "r");

    while (pipe && fgets(line, sizeof(line), pipe))
        printf("popen: %s", line);
    printf("popen: %d\n", WEXITSTATUS(pclose(pipe)));
    fflush(stdout);
}

/* The environment, as a child sees it and as it is here. */
static void do_environment(void)
{
    for (char **variable = environ; *variable; variable++)
        if (strncmp(*variable, "_=", 2) != 0)
            puts(*variable);
    fflush(stdout);
    printf("env: %d\n", WEXITSTATUS(system("env | grep -v ^_=")));
}

/* An exec that fails leaves everything as it was. */
static void do_failing_exec(void)
{
    char *const command[] = {(char *)(size_t) "nothing", NULL};

    errno = 0;
    printf("execv: %d\n", execv("/nonexistent", command));
    printf("%s\n", strerror(errno));
    errno = 0;
    printf("execvp: %d\n", execvp("/", command));
    printf("%s\n", strerror(errno));
    do_environment();
}

static atomic_bool stopping;

static void *allocate_on(void *unused)
{
    const struct timespec breath = {0, 100000}; /* or the forks wait for a turn for a minute */
    unsigned size = 16;

    while (!atomic_load(&stopping)) {
        for (int i = 0; i < 200; i++) {
            void *block = malloc(size);

            size = size * 5 % 4001 + 8;
            free(realloc(block, size));
        }
        nanosleep(&breath, NULL);
    }
    return unused;
}

/* Fork 200 times from a process in which 16 threads allocate; each child allocates. */
static void do_storm(void)
{
    pthread_t threads[16];
    int good = 0;

    for (int i = 0; i < 16; i++)
        if (pthread_create(&threads[i], NULL, allocate_on, NULL) != 0)
            exit(1);
    for (int i = 0; i < 200; i++) {
        int status;
        pid_t child = fork();

        if (child == 0) {
            alarm(20); /* a child that hangs dies */
            for (int k = 0; k < 100; k++)
                free(realloc(malloc(84), 2000));
            if (i % 2)
                exit(i % 100);
            _exit(i % 100);
        }
        if (waitpid(child, &status, 0) == child && WIFEXITED(status) &&
            WEXITSTATUS(status) == i % 100)
            good++;
    }
    atomic_store(&stopping, true);
    for (int i = 0; i < 16; i++)
        pthread_join(threads[i], NULL);
    printf("%d good children\n", good);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } ways[] = {
        {"fork", do_fork},       {"fork-exec", do_fork_exec},       {"vfork", do_vfork},
        {"spawn", do_spawn},     {"system", do_system},             {"popen", do_popen},
        {"storm", do_storm},     {"failing-exec", do_failing_exec}, {"environment", do_environment},
    };

    keep(81, 3);
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        if (argc > 1 && strcmp(argv[1], ways[i].name) == 0) {
            ways[i].run();
            keep(82, 4);
            return 0;
        }
    }
    return 2;
}
