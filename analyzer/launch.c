#include "launch.h"

#include "model/clock.h"
#include "model/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Signals that are left alone: those of our own faults, and those of the kernel
 * about our own limits. SIGCONT has done its work when it arrives. */
static const int not_taken[] = {
    SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGXCPU, SIGXFSZ, SIGCONT,
};

/* All signals that we take instead of being interrupted by them. */
static void signals_taken(sigset_t *out_set)
{
    sigfillset(out_set);
    for (size_t i = 0; i < sizeof not_taken / sizeof *not_taken; i++)
        sigdelset(out_set, not_taken[i]);
}

/* Two connected descriptors, not among 0 to 2: the program may have been started
 * with these closed, and what we print must not end in there. */
static int channel_create(int out_ends[2])
{
    int ends[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return -errno;
    for (int i = 0; i < 2; i++) {
        out_ends[i] = fcntl(ends[i], F_DUPFD_CLOEXEC, 3);
        close(ends[i]);
    }
    return out_ends[0] < 0 || out_ends[1] < 0 ? -EMFILE : 0;
}

/* As read(), but not ended by a stop and continue. */
static ssize_t channel_read(int channel, int *out_value)
{
    ssize_t size;

    do
        size = read(channel, out_value, sizeof *out_value);
    while (size < 0 && errno == EINTR);
    return size;
}

/* The new process: wait for the word, then become the program. */
static void become(const struct launch_program *program, int channel, const sigset_t *mask)
{
    char **environment;
    int value;

    if (channel_read(channel, &value) <= 0)
        _exit(EXIT_SUCCESS); /* cancelled */
    environment = program->environment(getpid(), program->context);
    errno = ENOMEM;
    if (environment) {
        sigprocmask(SIG_SETMASK, mask, NULL);
        execve(program->path, program->argv, environment);
        if (errno == ENOEXEC) {
            /* Text without #!: a script of the shell, by the tradition of execvp(). */
            size_t count = 0;
            char **argv;

            while (program->argv[count])
                count++;
            argv = calloc(count + 2, sizeof *argv);
            errno = ENOMEM;
            if (argv) {
                argv[0] = (char *)"/bin/sh";
                argv[1] = (char *)program->path;
                for (size_t i = 1; i < count; i++)
                    argv[i + 1] = program->argv[i];
                execve(argv[0], argv, environment);
            }
        }
    }
    value = errno;
    if (write(channel, &value, sizeof value) < 0)
        _exit(126);
    _exit(127); /* nobody sees it: the other end has the error */
}

int launch_fork(struct launch *launch, const struct launch_program *program)
{
    sigset_t taken, mask;
    int ends[2] = {-1, -1};
    int code = channel_create(ends);

    if (code < 0)
        return code;
    signals_taken(&taken);
    sigprocmask(SIG_BLOCK, &taken, &mask);
    launch->pid = fork();
    if (launch->pid < 0) {
        code = -errno;
        close(ends[0]);
        close(ends[1]);
        sigprocmask(SIG_SETMASK, &mask, NULL);
        return code;
    }
    if (launch->pid == 0) {
        close(ends[0]);
        become(program, ends[1], &mask);
    }
    close(ends[1]);
    launch->channel = ends[0];
    /* Where our caller ignores it, a child would vanish without a status. */
    signal(SIGCHLD, SIG_DFL);
    return 0;
}

static void channel_close(struct launch *launch)
{
    close(launch->channel);
    launch->channel = -1;
}

int launch_go(struct launch *launch)
{
    int value = 0;
    ssize_t size = -1;

    if (write(launch->channel, &value, sizeof value) == sizeof value)
        size = channel_read(launch->channel, &value);
    channel_close(launch);
    /* A successful exec has closed the other end; so has a signal that came first. */
    if (size <= 0)
        return 0;
    waitpid(launch->pid, NULL, 0);
    return -value;
}

void launch_cancel(struct launch *launch)
{
    channel_close(launch);
    waitpid(launch->pid, NULL, 0);
}

/* Pass INFO on to the program, if it is for it. */
static void forward(const struct launch *launch, const siginfo_t *info)
{
    /* From the kernel (the terminal): the program has got its own. From the
     * program: it signalled its group or its parent, and means not itself. From
     * ourselves: PIPE, when we write to what nobody reads any more. */
    if (info->si_code == SI_KERNEL || info->si_pid == launch->pid || info->si_pid == getpid())
        return;
    if (info->si_code == SI_QUEUE)
        sigqueue(launch->pid, info->si_signo, info->si_value);
    else
        kill(launch->pid, info->si_signo);
}

/* Whether PID is stopped. */
static bool is_stopped(pid_t pid)
{
    char directory[PROCESS_DIRECTORY_SIZE];
    struct process process;

    snprintf(directory, sizeof(directory), "/proc/%d", (int)pid);
    return process_look(directory, &process) == 0 && process.state == 'T';
}

/* Stop as the program did, since our caller watches us: it must see it. Go on when it lets us,
 * or when somebody lets the program. That we can't see while we are stopped, so a child looks,
 * and wakes us until it is ended: once might be before we have stopped. */
static void stop_like(const struct launch *launch)
{
    const struct timespec nap = {.tv_nsec = 50000000};
    pid_t self = getpid(), watcher = fork();

    if (watcher == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
        for (;;) {
            nanosleep(&nap, NULL);
            if (getppid() != self)
                _exit(0);
            if (!is_stopped(launch->pid))
                kill(self, SIGCONT);
        }
    }
    kill(self, SIGSTOP);
    if (watcher > 0) {
        kill(watcher, SIGKILL);
        waitpid(watcher, NULL, 0);
    }
    if (is_stopped(launch->pid))
        kill(launch->pid, SIGCONT); /* who lets us go on means the program */
}

/* As sigwaitinfo(), but until the moment END if WATCH has an interval. Returns 0 then. */
static int await_signal(const sigset_t *set, siginfo_t *info, const struct launch_watch *watch,
                        uint64_t end)
{
    struct timespec left = {0};
    uint64_t begin = clock_now();

    if (!watch || !watch->interval)
        return sigwaitinfo(set, info);
    if (end > begin) {
        left.tv_sec = (time_t)((end - begin) / 1000000000u);
        left.tv_nsec = (long)((end - begin) % 1000000000u);
    }
    return sigtimedwait(set, info, &left) > 0 ? info->si_signo : 0;
}

int launch_wait(struct launch *launch, const struct launch_watch *watch)
{
    uint64_t next = watch ? clock_now() + watch->interval : 0;
    sigset_t taken;
    siginfo_t info;
    int status, number;

    signals_taken(&taken);
    for (;;) {
        while (waitpid(launch->pid, &status, WNOHANG | WUNTRACED) == launch->pid) {
            if (!WIFSTOPPED(status))
                return status;
            stop_like(launch);
        }
        number = await_signal(&taken, &info, watch, next);
        if (watch && watch->interval && clock_now() >= next) {
            watch->turn(launch, watch->context);
            next = clock_now() + watch->interval;
        }
        if (watch && number > 0 && number == watch->signal)
            watch->turn(launch, watch->context);
        else if (number > 0 && number != SIGCHLD)
            forward(launch, &info);
    }
}

void launch_end_like(int status)
{
    if (WIFSIGNALED(status)) {
        int number = WTERMSIG(status);
        sigset_t set;

        /* The program has left its core, if it was to. A pipe in core_pattern
         * looks at the second only. */
        setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
        prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
        fflush(NULL);
        signal(number, SIG_DFL);
        kill(getpid(), number);
        sigemptyset(&set);
        sigaddset(&set, number);
        sigprocmask(SIG_UNBLOCK, &set, NULL);
        /* Process 1 of a container survives its signals. */
        exit(128 + number);
    }
    exit(WEXITSTATUS(status));
}
