/* cputime.c - the CPU time of a command and of all that it leaves behind.
 *
 *   cputime [--name NAME] [--times N] [--timeout SECONDS] [--output FILE] [--preload LIBRARY]
 *           -- COMMAND…
 *
 * Runs COMMAND, N times one after the other, and waits for all its descendants: this
 * process is made their reaper, so who loses its parent comes here. Among those are tasks
 * that a raw clone without exit signal made, as heapdelta does for writing: the kernel
 * gives a task's time to whoever reaps it, so it is either in that of the process that
 * waited for it (whose time comes here), or the orphan is waited for here (__WALL). Lost
 * is only the time of children that a process ignores by SIGCHLD.
 *
 * Adds a line of JSON to FILE (default: stderr), times in seconds and per run: name, user,
 * system, wall, max_rss (bytes, of the largest process), status (as a shell has it), and
 * timed_out. After SECONDS all processes of the command are killed. The status is COMMAND's. LIBRARY is
 * preloaded into it; by `env` that would be a program more, with a start of its own.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t timed_out;
static pid_t command_group;

/* All of the command's group at once. What made a group of its own is killed when it
 * has come to us. */
static void on_alarm(int number)
{
    (void)number;
    timed_out = 1;
    kill(-command_group, SIGKILL);
}

/* Kill the children that we have now: orphans of a command that was timed out. */
static void kill_children(void)
{
    char path[64];
    long pid;
    FILE *children;

    snprintf(path, sizeof path, "/proc/self/task/%d/children", getpid());
    children = fopen(path, "re");
    while (children && fscanf(children, "%ld", &pid) == 1)
        kill((pid_t)pid, SIGKILL);
    if (children)
        fclose(children);
}

/* Run ARGV, with the library PRELOAD if not NULL, and wait for it and all that is left of it. Returns
 * its status. */
static int run(char **argv, unsigned timeout, const char *preload)
{
    int status, result = 0;
    pid_t pid, command = fork();

    if (command == 0) {
        setpgid(0, 0);
        if (preload)
            setenv("LD_PRELOAD", preload, 1);
        execvp(argv[0], argv);
        fprintf(stderr, "cputime: cannot run '%s': %s\n", argv[0], strerror(errno));
        _exit(errno == ENOENT ? 127 : 126);
    }
    if (command < 0) {
        perror("cputime: fork");
        exit(EXIT_FAILURE);
    }
    setpgid(command, command);
    command_group = command;
    alarm(timeout);
    while ((pid = waitpid(-1, &status, __WALL)) > 0 || errno == EINTR) {
        if (pid == command)
            result = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
        if (timed_out)
            kill_children();
    }
    alarm(0);
    return result;
}

static double seconds(struct timeval time)
{
    return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

static void usage(void)
{
    fputs("usage: cputime [--name NAME] [--times N] [--timeout SECONDS] [--output FILE]\n"
          "               [--preload LIBRARY] -- COMMAND...\n",
          stderr);
    exit(2);
}

static unsigned number(const char *text)
{
    char *end;
    unsigned long value = strtoul(text, &end, 10);

    if (*text < '0' || *text > '9' || *end != '\0' || value == 0 || value > 1000000)
        usage();
    return (unsigned)value;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"name", required_argument, NULL, 'n'},    {"times", required_argument, NULL, 't'},
        {"timeout", required_argument, NULL, 's'}, {"output", required_argument, NULL, 'o'},
        {"preload", required_argument, NULL, 'p'}, {0},
    };
    const char *name = "", *output = NULL, *preload = NULL;
    unsigned times = 1, timeout = 0, done = 0;
    struct timespec begun, ended;
    struct rusage usage_now;
    int option, status = 0;
    FILE *file = stderr;

    while ((option = getopt_long(argc, argv, "+", options, NULL)) != -1) {
        switch (option) {
        case 'n':
            name = optarg;
            break;
        case 't':
            times = number(optarg);
            break;
        case 's':
            timeout = number(optarg);
            break;
        case 'o':
            output = optarg;
            break;
        case 'p':
            preload = optarg;
            break;
        default:
            usage();
        }
    }
    if (optind == argc)
        usage();
    signal(SIGCHLD, SIG_DFL); /* ignored, children vanish with their time */
    sigaction(SIGALRM, &(struct sigaction){.sa_handler = on_alarm}, NULL);
    prctl(PR_SET_CHILD_SUBREAPER, 1);

    clock_gettime(CLOCK_MONOTONIC, &begun);
    while (done < times && status == 0 && !timed_out) {
        status = run(argv + optind, timeout, preload);
        done++;
    }
    clock_gettime(CLOCK_MONOTONIC, &ended);
    getrusage(RUSAGE_CHILDREN, &usage_now);

    if (output && !(file = fopen(output, "ae"))) {
        fprintf(stderr, "cputime: cannot write '%s': %s\n", output, strerror(errno));
        return EXIT_FAILURE;
    }
    fprintf(file,
            "{\"name\": \"%s\", \"user\": %.6f, \"system\": %.6f, \"wall\": %.6f, "
            "\"max_rss\": %ld, \"status\": %d, \"timed_out\": %s}\n",
            name, seconds(usage_now.ru_utime) / done, seconds(usage_now.ru_stime) / done,
            ((double)(ended.tv_sec - begun.tv_sec) +
             (double)(ended.tv_nsec - begun.tv_nsec) / 1e9) / done,
            usage_now.ru_maxrss * 1024, status, timed_out ? "true" : "false");
    return status;
}
