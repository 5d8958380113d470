#include "model/process.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* System calls that signal(7) has as restarted where the handler was set with
 * SA_RESTART, as ours is; docs/requests.md has them all. futex: without a time. */
static const long restarted[] = {
    SYS_read,    SYS_readv,    SYS_write,   SYS_writev, SYS_openat,       SYS_fcntl,
    SYS_flock,   SYS_recvfrom, SYS_recvmsg, SYS_sendto, SYS_sendmsg,      SYS_accept,
    SYS_accept4, SYS_connect,  SYS_wait4,   SYS_waitid, SYS_mq_timedsend, SYS_mq_timedreceive,
};

/* Those that event loops wait in, which are written for an early end. */
static const long in_loops[] = {
    SYS_poll, SYS_ppoll, SYS_select, SYS_pselect6, SYS_epoll_wait, SYS_epoll_pwait,
};

/* How well a thread bears a signal. */
enum rank {
    RANK_NONE,      /* it must not get it */
    RANK_BLOCKS_AND_RUNS,
    RANK_MAY_END,   /* a system call may end early */
    RANK_IN_LOOP,   /* one does, and is begun again */
    RANK_RESTARTED, /* a system call goes on */
    RANK_RUNNING,   /* nothing is interrupted */
};

/* Read what /proc has in DIRECTORY/NAME into the SIZE bytes at BUFFER. */
static int read_text(const char *directory, const char *name, char *buffer, size_t size)
{
    char path[PROCESS_DIRECTORY_SIZE + 32];
    ssize_t length;
    int file, result;

    snprintf(path, sizeof(path), "%s/%s", directory, name);
    file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return errno == ENOENT ? -ESRCH : -errno;
    length = read(file, buffer, size - 1);
    result = length < 0 ? -errno : 0;
    close(file);
    buffer[length > 0 ? length : 0] = '\0';
    return result;
}

/* What stands behind "KEY:" in TEXT, the lines of a status file; NULL: no such line. */
static const char *value_of(const char *text, const char *key)
{
    size_t length = strlen(key);

    for (const char *line = text; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, key, length) == 0 && line[length] == ':')
            return line + length + 1 + strspn(line + length + 1, "\t ");
    }
    return NULL;
}

static uint64_t number_of(const char *text, const char *key, int base)
{
    const char *value = value_of(text, key);

    return value ? strtoull(value, NULL, base) : 0;
}

/* The last number of the line KEY. */
static pid_t last_number(const char *text, const char *key)
{
    const char *value = value_of(text, key);
    pid_t number = 0;
    char *end;

    for (; value && isdigit((unsigned char)*value); value = end + strspn(end, "\t "))
        number = (pid_t)strtoul(value, &end, 10);
    return number;
}

int process_look(const char *directory, struct process *out_process)
{
    struct process process = {.state = '?'};
    char text[16384]; /* a few hundred bytes, and all groups of the user */
    const char *value;
    int result = read_text(directory, "status", text, sizeof(text));

    if (result < 0)
        return result;
    value = value_of(text, "Name");
    if (value)
        snprintf(process.name, sizeof(process.name), "%.*s", (int)strcspn(value, "\n"), value);
    value = value_of(text, "State");
    if (value)
        process.state = *value;
    value = value_of(text, "Uid");
    if (!value || sscanf(value, "%u %u %u %u", &process.uids[0], &process.uids[1], &process.uids[2],
                         &process.uids[3]) != 4)
        return -EPROTO;
    process.group = (pid_t)number_of(text, "Tgid", 10);
    process.parent = (pid_t)number_of(text, "PPid", 10);
    process.inner_pid = last_number(text, "NSpid");
    process.blocked = number_of(text, "SigBlk", 16);
    process.caught = number_of(text, "SigCgt", 16);
    *out_process = process;
    return 0;
}

/* The next thread in THREADS, an open /proc/PID/task; 0: no more. */
static pid_t next_thread(DIR *threads)
{
    struct dirent *entry;

    while ((entry = readdir(threads))) {
        if (isdigit((unsigned char)entry->d_name[0]))
            return (pid_t)atoi(entry->d_name);
    }
    return 0;
}

static DIR *open_threads(pid_t pid)
{
    char path[PROCESS_DIRECTORY_SIZE];

    snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
    return opendir(path);
}

static bool is_alive(const struct process *process)
{
    return process->state != 'Z' && process->state != 'X';
}

int process_find_directory(pid_t pid, char out_directory[PROCESS_DIRECTORY_SIZE])
{
    char directory[PROCESS_DIRECTORY_SIZE];
    struct process process;
    DIR *threads;
    pid_t thread;
    int result;

    snprintf(directory, sizeof(directory), "/proc/%d", (int)pid);
    result = process_look(directory, &process);
    if (result < 0)
        return result;
    if (is_alive(&process)) {
        strcpy(out_directory, directory);
        return 0;
    }
    threads = open_threads(pid);
    if (!threads)
        return errno == ENOENT ? -ESRCH : -errno;
    result = -ESRCH;
    while (result < 0 && (thread = next_thread(threads)) > 0) {
        snprintf(directory, sizeof(directory), "/proc/%d/task/%d", (int)pid, (int)thread);
        if (process_look(directory, &process) == 0 && is_alive(&process)) {
            strcpy(out_directory, directory);
            result = 0;
        }
    }
    closedir(threads);
    return result;
}

static bool is_in(long call, const long *calls, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (calls[i] == call)
            return true;
    }
    return false;
}

/* Whether the futex call with the arguments in TEXT waits without a time. */
static bool is_untimed_futex(const char *text)
{
    unsigned long long time;

    return sscanf(text, "%*x %*x %*x %llx", &time) == 1 && time == 0;
}

/* How well the thread that DIRECTORY shows bears SIGNAL. */
static enum rank rank_thread(const char *directory, int signal)
{
    struct process thread;
    char text[256], *end;
    long call;

    if (process_look(directory, &thread) < 0 || !is_alive(&thread))
        return RANK_NONE;
    if (thread.blocked >> (signal - 1) & 1)
        return thread.state == 'R' ? RANK_BLOCKS_AND_RUNS : RANK_NONE;
    /* `syscall` needs the right to trace; `wchan`, where the kernel names its functions,
     * tells sigwait at least, which lifts the mask that we just looked at. */
    if (read_text(directory, "syscall", text, sizeof(text)) < 0) {
        if (thread.state == 'R')
            return RANK_RUNNING;
        if (read_text(directory, "wchan", text, sizeof(text)) == 0 && strstr(text, "sigtimedwait"))
            return RANK_NONE;
        return RANK_MAY_END;
    }
    if (strncmp(text, "running", 7) == 0)
        return RANK_RUNNING;
    call = strtol(text, &end, 10);
    if (end == text)
        return RANK_MAY_END;
    if (call == SYS_rt_sigtimedwait)
        return RANK_NONE;
    if (is_in(call, restarted, sizeof(restarted) / sizeof(restarted[0])) ||
        (call == SYS_futex && is_untimed_futex(end)))
        return RANK_RESTARTED;
    return is_in(call, in_loops, sizeof(in_loops) / sizeof(in_loops[0])) ? RANK_IN_LOOP
                                                                         : RANK_MAY_END;
}

int process_find_thread(pid_t pid, int signal, pid_t *out_thread)
{
    DIR *threads = open_threads(pid);
    enum rank best = RANK_NONE;
    pid_t thread, found = 0;

    if (!threads)
        return errno == ENOENT ? -ESRCH : -errno;
    while (best < RANK_RUNNING && (thread = next_thread(threads)) > 0) {
        char directory[PROCESS_DIRECTORY_SIZE];
        enum rank rank;

        snprintf(directory, sizeof(directory), "/proc/%d/task/%d", (int)pid, (int)thread);
        rank = rank_thread(directory, signal);
        if (rank > best) {
            best = rank;
            found = thread;
        }
    }
    closedir(threads);
    if (best <= RANK_BLOCKS_AND_RUNS)
        return best == RANK_NONE ? -EAGAIN : -EALREADY;
    *out_thread = found;
    return 0;
}
