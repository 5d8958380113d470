#include "model/target.h"

#include "model/process.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define FIRST_REALTIME 32 /* the kernel's; signals before it mean something */
#define LAST_SIGNAL    64
#define DELETED        " (deleted)"
#define LIBRARY        "/libheapdelta.so"

/* A shared mapping of a file that is named like a page. */
struct mapping {
    char path[PATH_MAX]; /* as the kernel names it */
    char program[65];
    pid_t inner_pid;
    ino_t inode;
    bool deleted;
};

/* /proc/PID/maps, and what was read of it. */
struct maps {
    FILE *file;
    bool any;         /* something */
    bool has_library; /* the shim */
};

static bool has_ended(int pidfd)
{
    struct pollfd poll_fd = {.fd = pidfd, .events = POLLIN};

    return poll(&poll_fd, 1, 0) > 0;
}

/* Cut ENDING off the end of TEXT; false if it is not there. */
static bool cut_ending(char *text, const char *ending)
{
    size_t length = strlen(text), size = strlen(ending);

    if (length < size || strcmp(text + length - size, ending) != 0)
        return false;
    text[length - size] = '\0';
    return true;
}

/* Undo what /proc/PID/maps does to a newline in a path. */
static void unescape(char *path)
{
    for (char *at = path; (at = strstr(at, "\\012")); at++) {
        *at = '\n';
        memmove(at + 1, at + 4, strlen(at + 4) + 1);
    }
}

/* Take the path of MAPPING, `DIR/.PROGRAM.PID.control`, apart. False: it is none. */
static bool parse_path(struct mapping *mapping)
{
    const char *slash = strrchr(mapping->path, '/');
    char name[NAME_MAX + 1], *dot, *end;

    if (!slash || slash[1] != '.' || strlen(slash + 2) >= sizeof(name))
        return false;
    strcpy(name, slash + 2);
    if (!cut_ending(name, CONTROL_SUFFIX))
        return false;
    dot = strrchr(name, '.');
    if (!dot || !isdigit((unsigned char)dot[1]))
        return false;
    mapping->inner_pid = (pid_t)strtoul(dot + 1, &end, 10);
    if (*end)
        return false;
    *dot = '\0';
    snprintf(mapping->program, sizeof(mapping->program), "%.64s", name);
    return true;
}

/* Find the next mapping in MAPS that may be one of a page. */
static bool next_mapping(struct maps *maps, struct mapping *out_mapping)
{
    char *line = NULL;
    size_t room = 0;
    bool found = false;

    while (!found && getline(&line, &room, maps->file) > 0) {
        unsigned long long inode;
        char access[5] = "";
        int path = 0;

        line[strcspn(line, "\n")] = '\0';
        maps->any = true;
        maps->has_library |= strstr(line, LIBRARY) != NULL;
        if (sscanf(line, "%*x-%*x %4s %*x %*x:%*x %llu %n", access, &inode, &path) != 2 ||
            path == 0 || access[3] != 's' || strlen(line + path) >= PATH_MAX)
            continue;
        strcpy(out_mapping->path, line + path);
        out_mapping->deleted = cut_ending(out_mapping->path, DELETED);
        out_mapping->inode = (ino_t)inode;
        unescape(out_mapping->path);
        found = parse_path(out_mapping);
    }
    free(line);
    return found;
}

/* Open MAPS of PID. Returns 0, or -errno: -ESRCH if it has ended. */
static int open_maps(pid_t pid, struct maps *maps)
{
    char directory[PROCESS_DIRECTORY_SIZE], path[PROCESS_DIRECTORY_SIZE + 8];
    int result = process_find_directory(pid, directory);

    *maps = (struct maps){0};
    if (result < 0)
        return result;
    snprintf(path, sizeof(path), "%s/maps", directory);
    maps->file = fopen(path, "re");
    if (!maps->file)
        return errno == ENOENT ? -ESRCH : -errno;
    return 0;
}

/* Open the file that the mapping of INODE has at PATH below ROOT, and nothing else: no
 * symbolic link leads out, no pipe or device is touched. Returns it, or -errno. */
static int open_page_below(const char *root, const char *path, ino_t inode, bool writable)
{
    struct open_how how = {
        .flags = O_PATH | O_NOFOLLOW | O_CLOEXEC,
        .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS,
    };
    int directory = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC), place, file;
    char again[64];
    struct stat status;

    if (directory < 0)
        return -errno;
    place = (int)syscall(SYS_openat2, directory, path, &how, sizeof(how));
    file = place < 0 ? -errno : 0;
    close(directory);
    if (file < 0)
        return file;
    /* The device is not compared: overlayfs and btrfs show another one here than in maps. */
    if (fstat(place, &status) < 0 || !S_ISREG(status.st_mode) || status.st_ino != inode) {
        close(place);
        return -ENOENT;
    }
    snprintf(again, sizeof(again), "/proc/self/fd/%d", place);
    file = open(again, (writable ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (file < 0)
        file = -errno;
    close(place);
    return file;
}

/* Open the page of MAPPING. Its path is as seen from the root of the process, unless that
 * was changed within our own file system. */
static int open_page(pid_t pid, const struct mapping *mapping, bool writable)
{
    char directory[PROCESS_DIRECTORY_SIZE], root[PROCESS_DIRECTORY_SIZE + 8];
    int file = process_find_directory(pid, directory);

    if (file < 0)
        return file;
    snprintf(root, sizeof(root), "%s/root", directory);
    file = open_page_below(root, mapping->path, mapping->inode, writable);
    if (file == -ENOENT || file == -ENOTDIR || file == -ELOOP)
        file = open_page_below("/", mapping->path, mapping->inode, writable);
    return file;
}

/* Whether FILE is what the shim of PROCESS makes. */
static bool is_page(int file, const struct process *process)
{
    struct stat status;

    if (fstat(file, &status) < 0 || status.st_size != CONTROL_SIZE)
        return false;
    for (size_t i = 0; i < 4; i++) {
        if (status.st_uid == process->uids[i])
            return true;
    }
    return false;
}

/* Open what MAPPING shows into TARGET, and look at it. */
static int use_mapping(struct target *target, const struct process *process,
                       const struct mapping *mapping, bool writable, struct error *error)
{
    struct control_page page;
    struct stat status;
    int file, result;

    if (mapping->inner_pid != target->inner_pid)
        return error_set(error, -ENODATA,
                         "%s is not traced: its parent was, without --follow=fork or all",
                         target->title);
    file = mapping->deleted ? -ENOENT : open_page(target->pid, mapping, writable);
    if (file == -ENOENT)
        return error_set(error, -ENOENT,
                         "%s can't be asked any more: its control file %s was removed",
                         target->title, mapping->path);
    if (file == -ESRCH)
        return error_set(error, file, "%s is about to end", target->title);
    if (file < 0)
        return error_set(error, file, "%s: can't open its control file %s: %s", target->title,
                         mapping->path, strerror(-file));
    target->file = file;
    target->inode = mapping->inode;
    strcpy(target->program, mapping->program);
    /* It has executed another program, which makes its page, of the same name, and here of the same
     * inode. */
    if (fstat(file, &status) == 0 && status.st_size == 0)
        return error_set(error, -EPROTO,
                         "%s: its control file is empty: the process is only just starting, or "
                         "somebody cut it; ask again",
                         target->title);
    result = is_page(file, process)
                 ? target_read(target, &page, error)
                 : error_set(error, -EPROTO, "%s: %s is no control file: of another size or user",
                             target->title, mapping->path);
    if (result < 0) {
        close(file);
        target->file = -1;
    }
    return result;
}

/* Say that the memory of PROCESS may not be looked at, for CODE. */
static int fail_not_ours(const struct target *target, const struct process *process, int code,
                         struct error *error)
{
    if (geteuid() == process->uids[0])
        return error_set(error, -EACCES, "%s may not be looked into: %s; ask as root",
                         target->title, strerror(-code));
    return error_set(error, -EACCES, "%s belongs to user %u: only that user and root may ask it",
                     target->title, process->uids[0]);
}

/* Find the page of TARGET in the memory of PROCESS. */
static int find_page(struct target *target, const struct process *process, bool writable,
                     struct error *error)
{
    struct mapping mapping;
    struct maps maps;
    int result = open_maps(target->pid, &maps);

    if (result == -ESRCH)
        return error_set(error, result, "%s has ended; its parent has yet to collect it",
                         target->title);
    if (result < 0)
        return fail_not_ours(target, process, result, error);
    result = error_set(error, -ENODATA,
                       strcmp(process->name, "heapdelta") == 0
                           ? "%s is no program that is traced: what it started has another "
                             "process number, which 'heapdelta status' tells"
                           : "%s is not traced: it must be started by 'heapdelta run -- COMMAND'",
                       target->title);
    while (result < 0 && next_mapping(&maps, &mapping))
        result = use_mapping(target, process, &mapping, writable, error);
    if (result == -ENODATA && maps.has_library)
        result = error_set(error, -ENOENT,
                           "%s has no control file: it is only just starting, or could not make it",
                           target->title);
    if (result < 0 && !maps.any)
        result =
            error_set(error, -ESRCH, "%s is about to end, or belongs to the kernel", target->title);
    fclose(maps.file);
    return result;
}

/* Say why there is no process PID. */
static int fail_no_process(pid_t pid, int code, struct error *error)
{
    char directory[PROCESS_DIRECTORY_SIZE];
    struct process process;

    snprintf(directory, sizeof(directory), "/proc/%d", (int)pid);
    if (process_look(directory, &process) == 0 && process.group != pid)
        return error_set(error, -ESRCH, "%d is a thread of process %d (%s): ask that", (int)pid,
                         (int)process.group, process.name);
    if (code == -ENOSYS)
        return error_set(error, code, "this kernel is too old: Linux 5.6 is needed");
    return error_set(error, -ESRCH, "there is no process %d", (int)pid);
}

int target_open(pid_t pid, bool writable, struct target *out_target, struct error *error)
{
    struct target target = {.pid = pid, .pidfd = pidfd_open(pid, 0), .file = -1};
    char directory[PROCESS_DIRECTORY_SIZE];
    struct process process;
    int result;

    if (target.pidfd < 0)
        return fail_no_process(pid, -errno, error);
    snprintf(directory, sizeof(directory), "/proc/%d", (int)pid);
    result = process_look(directory, &process);
    if (result < 0) {
        result = fail_no_process(pid, result, error);
        goto out;
    }
    snprintf(target.title, sizeof(target.title), "process %d (%s)", (int)pid, process.name);
    target.inner_pid = process.inner_pid ? process.inner_pid : pid;
    result = find_page(&target, &process, writable, error);
    /* What was found was that of the process, if the process is still there. */
    if (result != -ESRCH && has_ended(target.pidfd))
        result = error_set(error, -ESRCH, "%s has ended", target.title);
out:
    if (result < 0)
        target_close(&target);
    else
        *out_target = target;
    return result;
}

void target_close(struct target *target)
{
    if (target->file >= 0)
        close(target->file);
    close(target->pidfd);
}

int target_read(const struct target *target, struct control_page *out_page, struct error *error)
{
    struct control_page page;
    ssize_t size = pread(target->file, &page, sizeof(page), 0);

    if (size != sizeof(page))
        return error_set(error, -EPROTO, "%s: its control file was cut short", target->title);
    if (memcmp(page.magic, "\0\0\0\0\0\0\0", sizeof(page.magic)) == 0)
        return error_set(error, -EPROTO, "%s is only just starting: ask again", target->title);
    if (memcmp(page.magic, CONTROL_MAGIC, sizeof(page.magic)) != 0)
        return error_set(error, -EPROTO, "%s: its control file is none of heapdelta's",
                         target->title);
    if (page.version != CONTROL_VERSION)
        return error_set(error, -EPROTO,
                         "%s is traced by another version of heapdelta (control page %u, not %u): "
                         "use the one that started it",
                         target->title, page.version, CONTROL_VERSION);
    if (page.size != CONTROL_SIZE || page.pid != (uint32_t)target->inner_pid)
        return error_set(error, -EPROTO, "%s: its control file is damaged", target->title);
    page.label[sizeof(page.label) - 1] = '\0';
    page.path[sizeof(page.path) - 1] = '\0';
    for (size_t i = 0; i < CONTROL_MESSAGES; i++)
        page.messages[i][sizeof(page.messages[i]) - 1] = '\0';
    *out_page = page;
    return 0;
}

int target_write(const struct target *target, const void *bytes, size_t size, size_t offset,
                 struct error *error)
{
    ssize_t written = pwrite(target->file, bytes, size, (off_t)offset);

    if (written == (ssize_t)size)
        return 0;
    return error_set(error, written < 0 ? -errno : -EIO, "%s: can't write its control file: %s",
                     target->title, strerror(written < 0 ? errno : EIO));
}

enum target_state target_look(const struct target *target)
{
    enum target_state state = TARGET_REPLACED;
    char directory[PROCESS_DIRECTORY_SIZE];
    struct process process;
    struct mapping mapping;
    struct maps maps;
    int result;

    if (has_ended(target->pidfd))
        return TARGET_ENDED;
    result = open_maps(target->pid, &maps);
    if (result < 0)
        return result == -ESRCH ? TARGET_ENDING : TARGET_REPLACED;
    while (state == TARGET_REPLACED && next_mapping(&maps, &mapping)) {
        if (mapping.inode == target->inode)
            state = mapping.deleted ? TARGET_ENDING : TARGET_THERE;
    }
    fclose(maps.file);
    if (!maps.any)
        return TARGET_ENDING; /* its memory is gone already */
    snprintf(directory, sizeof(directory), "/proc/%d", (int)target->pid);
    if (state == TARGET_THERE && process_look(directory, &process) == 0 && process.state == 'T')
        return TARGET_STOPPED;
    return state;
}

/* Send SIGNAL, if the process catches it. */
static int send_signal(const struct target *target, int signal)
{
    char directory[PROCESS_DIRECTORY_SIZE];
    struct process process;
    pid_t thread;
    int result;

    snprintf(directory, sizeof(directory), "/proc/%d", (int)target->pid);
    result = process_look(directory, &process);
    if (result < 0)
        return result;
    if (!(process.caught >> (signal - 1) & 1))
        return -ENOSYS;
    result = process_find_thread(target->pid, signal, &thread);
    if (result < 0)
        return result;
    /* As long as the process is there, the PID is its own. */
    if (has_ended(target->pidfd))
        return -ESRCH;
    return tgkill(target->pid, thread, signal) < 0 ? -errno : 0;
}

static int set_waking(const struct target *target, uint32_t waking)
{
    return target_write(target, &waking, sizeof(waking), offsetof(struct control_page, waking),
                        NULL);
}

int target_signal(const struct target *target, int signal)
{
    struct control_page page;
    int result;

    if (signal < FIRST_REALTIME || signal > LAST_SIGNAL)
        return -ENOSYS;
    /* From here on the process does not execute another program, see control.h. */
    result = set_waking(target, 1);
    if (result < 0)
        return result;
    result = target_read(target, &page, NULL);
    if (result == 0)
        result = page.state == CONTROL_ENDED ? -ESRCH : send_signal(target, signal);
    set_waking(target, 0);
    return result;
}

bool target_find_file(const struct target *target, const char *path, char out_path[PATH_MAX])
{
    char directory[PROCESS_DIRECTORY_SIZE], inside[PATH_MAX];
    struct stat here, there;
    bool elsewhere = false;

    if (process_find_directory(target->pid, directory) == 0 &&
        snprintf(inside, sizeof(inside), "%s/root%s", directory, path) < PATH_MAX &&
        stat(inside, &there) == 0)
        elsewhere =
            stat(path, &here) < 0 || here.st_dev != there.st_dev || here.st_ino != there.st_ino;
    snprintf(out_path, PATH_MAX, "%s", elsewhere ? inside : path);
    return elsewhere;
}
