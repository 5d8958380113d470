#include "top_start.h"

#include "ending.h"
#include "model/process.h"
#include "model/target.h"
#include "model/traceable.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define NAP 10 /* ms */

/* Make a file for the output of the program NAME that is not there yet. Returns its descriptor, or
 * -errno. */
static int make_output(struct top_start *start, const char *name)
{
    const char *slash = strrchr(name, '/');
    int file;

    snprintf(start->output, sizeof(start->output), "heapdelta.%s.%d.output",
             slash && slash[1] ? slash + 1 : name, (int)getpid());
    file = open(start->output, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0600);
    return file < 0 ? -errno : file;
}

/* In the child: become `heapdelta run` for ARGV. */
static void become(char *const *argv, const char *directory, int output, pid_t parent)
{
    size_t count = 0, used = 0;
    char **words;
    int empty = open("/dev/null", O_RDONLY | O_CLOEXEC);

    /* Whatever becomes of us, the program is not to be left over. */
    prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0);
    if (getppid() != parent)
        _exit(EXIT_FAILURE);
    signal(SIGPIPE, SIG_DFL);
    while (argv[count])
        count++;
    words = calloc(count + 6, sizeof(*words));
    if (!words || empty < 0 || dup2(empty, STDIN_FILENO) < 0 || dup2(output, STDOUT_FILENO) < 0 ||
        dup2(output, STDERR_FILENO) < 0)
        _exit(EXIT_FAILURE);
    words[used++] = (char *)"heapdelta";
    words[used++] = (char *)"run";
    if (directory) {
        words[used++] = (char *)"-o";
        words[used++] = (char *)directory;
    }
    words[used++] = (char *)"--";
    memcpy(words + used, argv, count * sizeof(*words));
    execv("/proc/self/exe", words);
    _exit(EXIT_FAILURE);
}

int top_start(struct top_start *start, char *const *argv, const char *directory,
              struct error *error)
{
    char path[PATH_MAX], executable[PATH_MAX];
    struct error reason;
    pid_t parent = getpid();
    int code = traceable_find(argv[0], path), output;

    *start = (struct top_start){0};
    if (code < 0)
        return error_set(error, code, "can't run '%s': %s", argv[0],
                         code == -ENOENT && !strchr(argv[0], '/') ? "no such command"
                                                                  : strerror(-code));
    if (traceable_check(path, executable, &reason) < 0)
        return error_set(error, -ENOTSUP, "'%s' can't be traced: %s", argv[0], reason.text);
    output = make_output(start, argv[0]);
    if (output < 0)
        return error_set(error, output, "can't write the program's output to '%s': %s",
                         start->output, strerror(-output));
    start->runner = fork();
    code = -errno;
    if (start->runner == 0)
        become(argv, directory, output, parent);
    close(output);
    if (start->runner < 0) {
        start->runner = 0;
        return error_set(error, code, "can't start '%s': %s", argv[0], strerror(-code));
    }
    return 0;
}

static bool has_ended(struct top_start *start)
{
    if (start->runner && waitpid(start->runner, &start->status, WNOHANG) == start->runner)
        start->runner = 0;
    return start->runner == 0;
}

/* The parent of PID; 0: not known. */
static pid_t parent_of(pid_t pid)
{
    char directory[PROCESS_DIRECTORY_SIZE];
    struct process process;

    snprintf(directory, sizeof(directory), "/proc/%d", (int)pid);
    return process_look(directory, &process) == 0 ? process.parent : 0;
}

/* Where the page of TARGET is, and so its snapshots: relative to the working directory, if it is
 * below that. */
static void find_directory(const struct target *target, char out_path[PATH_MAX])
{
    char link[64], here[PATH_MAX];
    ssize_t length;
    char *slash;

    snprintf(link, sizeof(link), "/proc/self/fd/%d", target->file);
    length = readlink(link, out_path, PATH_MAX - 1);
    out_path[length > 0 ? length : 0] = '\0';
    slash = strrchr(out_path, '/');
    if (slash)
        *slash = '\0';
    length = getcwd(here, sizeof(here)) ? (ssize_t)strlen(here) : 0;
    if (length > 0 && strncmp(out_path, here, (size_t)length) == 0 && out_path[length] == '/')
        memmove(out_path, out_path + length + 1, strlen(out_path + length));
}

/* Whether the process PID is traced, and ready to be asked. Then its snapshots go to OUT_DIRECTORY. */
static bool is_traced(pid_t pid, char out_directory[PATH_MAX])
{
    struct control_page page;
    struct target target;
    bool ready;

    if (target_open(pid, true, &target, NULL) < 0)
        return false;
    ready = target_read(&target, &page, NULL) == 0;
    if (ready)
        find_directory(&target, out_directory);
    target_close(&target);
    return ready;
}

/* The traced child of the runner; 0: there is none yet. */
static pid_t find_child(struct top_start *start)
{
    DIR *processes = opendir("/proc");
    struct dirent *entry;
    pid_t found = 0;

    while (processes && !found && (entry = readdir(processes))) {
        pid_t pid = isdigit((unsigned char)entry->d_name[0]) ? (pid_t)atoi(entry->d_name) : 0;

        if (pid > 0 && parent_of(pid) == start->runner && is_traced(pid, start->directory))
            found = pid;
    }
    if (processes)
        closedir(processes);
    return found;
}

/* Wait some ms, or until a signal is to end us: true. */
static bool nap(void)
{
    return poll(&(struct pollfd){.fd = ending_descriptor(), .events = POLLIN}, 1, NAP) > 0;
}

pid_t top_start_find(struct top_start *start, struct error *error)
{
    for (;; nap()) {
        pid_t pid = start->runner ? find_child(start) : 0;

        if (pid > 0)
            return pid;
        if (ending_signal)
            return error_set(error, -EINTR, "ended by a signal");
        if (has_ended(start))
            return error_set(error, -ESRCH,
                             "the program ended before it could be watched; its output is in %s",
                             start->output);
    }
}

/* Kill what PARENT, which waits for it, has started. */
static void kill_children(pid_t parent)
{
    DIR *processes = opendir("/proc");
    struct dirent *entry;

    while (processes && (entry = readdir(processes))) {
        pid_t pid = isdigit((unsigned char)entry->d_name[0]) ? (pid_t)atoi(entry->d_name) : 0;

        if (pid > 0 && parent_of(pid) == parent)
            kill(pid, SIGKILL);
    }
    if (processes)
        closedir(processes);
}

void top_start_end(struct top_start *start)
{
    if (has_ended(start))
        return;
    kill(start->runner, SIGTERM);
    ending_drain();
}

bool top_start_wait(struct top_start *start, unsigned milliseconds)
{
    for (unsigned left = milliseconds / NAP; left > 0; left--) {
        if (has_ended(start))
            return true;
        if (nap())
            break;
    }
    return has_ended(start);
}

void top_start_kill(struct top_start *start)
{
    if (has_ended(start))
        return;
    kill_children(start->runner);
    kill(start->runner, SIGCONT); /* it has stopped as the program did */
    while (waitpid(start->runner, &start->status, 0) < 0 && errno == EINTR)
        ;
    start->runner = 0;
}
