#include "leftovers.h"

#include "format/control.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define PART_SUFFIX ".part"

#define STEP_MS   20
#define NOTICE_MS 1000 /* until it is said that we wait */
#define LIMIT_MS  30000
/* A complete file is closed, then gets its name: until then nobody has it open. */
#define SETTLED_MS 200

/* A hidden file of a process that has ended. */
struct leftover {
    char name[NAME_MAX + 1];
    bool is_part; /* otherwise a control page */
};

static bool ends_in(const char *name, const char *suffix)
{
    size_t length = strlen(name), end = strlen(suffix);

    return length > end && strcmp(name + length - end, suffix) == 0;
}

/* The PID in NAME, which is .PROGRAM.PID.control or .PROGRAM.PID.SEQ….part, where
 * PROGRAM may have dots and digits of its own; 0 if there is none. */
static pid_t find_pid(const char *name, bool is_part)
{
    pid_t found = 0;

    for (const char *at = strchr(name + 1, '.'); at; at = strchr(at + 1, '.')) {
        const char *next = at + 1 + strspn(at + 1, "0123456789");
        const char *end = next + 1 + strspn(next + (*next != '\0'), "0123456789");

        if (next == at + 1 || *next != '.')
            continue;
        if (is_part ? end - (next + 1) >= 4 && *end == '.' : strcmp(next, CONTROL_SUFFIX) == 0) {
            found = (pid_t)strtol(at + 1, NULL, 10);
            break;
        }
    }
    return found;
}

/* Is NAME what a process left that has ended? */
static bool is_leftover(const char *name, struct leftover *out_leftover)
{
    pid_t pid;

    out_leftover->is_part = ends_in(name, PART_SUFFIX);
    if (name[0] != '.' || (!out_leftover->is_part && !ends_in(name, CONTROL_SUFFIX)))
        return false;
    pid = find_pid(name, out_leftover->is_part);
    if (pid <= 0 || kill(pid, 0) == 0 || errno != ESRCH)
        return false;
    snprintf(out_leftover->name, sizeof out_leftover->name, "%s", name);
    return true;
}

/* Read the control page NAME. False if it is none, or not a whole one. */
static bool read_page(int directory, const char *name, struct control_page *out_page)
{
    int file = openat(directory, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    bool good = file >= 0 && read(file, out_page, sizeof *out_page) == sizeof *out_page &&
                memcmp(out_page->magic, CONTROL_MAGIC, sizeof out_page->magic) == 0 &&
                out_page->version == CONTROL_VERSION;

    if (file >= 0)
        close(file);
    return good;
}

/* Does the process whose files are in the directory DESCRIPTORS have FILE open? */
static bool has_open(int descriptors, const struct stat *file)
{
    DIR *stream = fdopendir(descriptors);
    bool found = false;
    struct dirent *entry;

    while (stream && !found && (entry = readdir(stream))) {
        struct stat status;

        found = isdigit((unsigned char)entry->d_name[0]) &&
                fstatat(descriptors, entry->d_name, &status, 0) == 0 &&
                status.st_dev == file->st_dev && status.st_ino == file->st_ino;
    }
    if (stream)
        closedir(stream);
    else
        close(descriptors);
    return found;
}

/* Is anybody writing NAME? Its writer outlives the process, under a PID of its own. */
static bool is_written(int directory, const char *name)
{
    DIR *processes = opendir("/proc");
    bool found = false;
    struct dirent *entry;
    struct stat file;

    if (!processes || fstatat(directory, name, &file, AT_SYMLINK_NOFOLLOW) < 0) {
        if (processes)
            closedir(processes);
        return false;
    }
    while (!found && (entry = readdir(processes))) {
        char path[NAME_MAX + 8];
        int descriptors;

        if (!isdigit((unsigned char)entry->d_name[0]))
            continue;
        snprintf(path, sizeof path, "%s/fd", entry->d_name);
        descriptors = openat(dirfd(processes), path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        found = descriptors >= 0 && has_open(descriptors, &file);
    }
    closedir(processes);
    return found;
}

static bool is_busy(int directory, const struct leftover *leftover)
{
    struct control_page page;

    if (leftover->is_part)
        return is_written(directory, leftover->name);
    return read_page(directory, leftover->name, &page) && page.request == CONTROL_BUSY &&
           page.state != CONTROL_ENDED;
}

/* Call VISIT for each leftover in DIRECTORY, until it returns true. Returns whether it
 * did. */
static bool visit_all(int directory, bool (*visit)(int directory, const struct leftover *leftover))
{
    int copy = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *stream = copy < 0 ? NULL : fdopendir(copy);
    struct leftover leftover;
    struct dirent *entry;
    bool stopped = false;

    if (!stream && copy >= 0)
        close(copy);
    while (stream && !stopped && (entry = readdir(stream)))
        stopped = is_leftover(entry->d_name, &leftover) && visit(directory, &leftover);
    if (stream)
        closedir(stream);
    return stopped;
}

static bool is_part(int directory, const struct leftover *leftover)
{
    (void)directory;
    return leftover->is_part;
}

/* Say what the process of PAGE could not say itself: descriptor 2 was not its own. */
static void print_messages(const struct control_page *page)
{
    uint32_t count = page->message_count;
    uint32_t first = count > CONTROL_MESSAGES ? count - CONTROL_MESSAGES : 0;

    if (first > 0)
        fprintf(stderr, "heapdelta: (%u earlier messages are lost)\n", first);
    for (uint32_t i = first; i < count; i++) {
        const char *text = page->messages[i % CONTROL_MESSAGES];
        char line[CONTROL_MESSAGE_SIZE + 1];
        size_t length = strnlen(text, CONTROL_MESSAGE_SIZE);

        for (size_t j = 0; j < length; j++)
            line[j] = (unsigned char)text[j] < ' ' || text[j] == 0x7f ? ' ' : text[j];
        while (length > 0 && line[length - 1] == ' ')
            length--;
        if (length > 0)
            fprintf(stderr, "%.*s\n", (int)length, line);
    }
}

static bool clear(int directory, const struct leftover *leftover)
{
    struct control_page page;

    if (!leftover->is_part && read_page(directory, leftover->name, &page))
        print_messages(&page);
    unlinkat(directory, leftover->name, 0);
    return false;
}

static long now_ms(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

/* Wait MS milliseconds; false if a signal wants us to end. */
static bool wait_ms(long ms)
{
    static const int ends[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
    struct timespec time = {.tv_nsec = ms * 1000000};
    sigset_t set;

    sigemptyset(&set);
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        sigaddset(&set, ends[i]);
    return sigtimedwait(&set, NULL, &time) < 0;
}

/* Wait until nothing is busy in DIRECTORY. False: it still is. */
static bool wait_until_written(int directory)
{
    long begin = now_ms(), last_busy = begin;
    bool told = false;

    while (!wait_ms(0)) {
        /* What came before was for the program. */
    }
    for (;;) {
        long now = now_ms();

        if (visit_all(directory, is_busy))
            last_busy = now;
        else if (!visit_all(directory, is_part) || now - last_busy >= SETTLED_MS)
            break;
        if (now - begin >= LIMIT_MS || !wait_ms(STEP_MS))
            return false;
        if (!told && now - begin >= NOTICE_MS && isatty(STDERR_FILENO)) {
            fputs("heapdelta run: a snapshot is still being written …\n", stderr);
            told = true;
        }
    }
    return true;
}

bool leftovers_was_cut_off(const char *directory, pid_t pid)
{
    DIR *stream = opendir(directory);
    struct leftover leftover;
    struct control_page page;
    struct dirent *entry;
    bool found = false;

    while (stream && !found && (entry = readdir(stream)))
        found = is_leftover(entry->d_name, &leftover) && !leftover.is_part &&
                find_pid(entry->d_name, false) == pid &&
                !(read_page(dirfd(stream), entry->d_name, &page) && page.state == CONTROL_ENDED);
    if (stream)
        closedir(stream);
    return found;
}

void leftovers_settle(const char *directory)
{
    int file = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (file < 0)
        return;
    if (wait_until_written(file))
        visit_all(file, clear);
    else
        fprintf(stderr, "heapdelta run: a snapshot in %s is not complete yet\n", directory);
    close(file);
}
