#include "model/sampler.h"

#include "format/snapshot.h"
#include "model/process.h"
#include "model/request.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PREFIX "heapdelta-top."

/* In memory, if that can be had. */
static const char *const places[] = {"/dev/shm", "/tmp"};

#define NAME_SIZE 64
#define ATTEMPTS  16

/* Open the root of the file system that TARGET sees. */
static int open_root(const struct target *target)
{
    char directory[PROCESS_DIRECTORY_SIZE], path[PROCESS_DIRECTORY_SIZE + 8];
    int result = process_find_directory(target->pid, directory);

    if (result < 0)
        return result;
    snprintf(path, sizeof(path), "%s/root", directory);
    result = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return result < 0 ? -errno : result;
}

/* Open PLACE as TARGET sees it: its symbolic links lead nowhere else. */
static int open_place(const struct target *target, const char *place)
{
    struct open_how how = {
        .flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
        .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
    };
    int root = open_root(target), result;

    if (root < 0)
        return root;
    result = (int)syscall(SYS_openat2, root, place, &how, sizeof(how));
    if (result < 0)
        result = -errno;
    close(root);
    return result;
}

/* Open the directory NAME in PLACE, if it is one of ours that nobody else may enter, and hold it,
 * which tells other samplers that it is in use. Returns it, -EBUSY if it is, or another -errno. */
static int open_own(int place, const char *name)
{
    int directory = openat(place, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    struct stat status;
    int code = 0;

    if (directory < 0)
        return -errno;
    if (flock(directory, LOCK_EX | LOCK_NB) < 0)
        code = errno == EWOULDBLOCK ? -EBUSY : -errno;
    else if (fstat(directory, &status) < 0 || status.st_nlink == 0)
        code = -ENOENT; /* another sampler has just taken it for a leftover */
    else if (status.st_uid != geteuid() || (status.st_mode & 077))
        code = -EPERM;
    if (code == 0)
        return directory;
    close(directory);
    return code;
}

/* Whether NAME is one that a snapshot of ours has, or has while it is being written. */
static bool is_look(const char *name)
{
    size_t digits;

    name += *name == '.';
    digits = strspn(name, "0123456789");
    return digits > 0 &&
           (strcmp(name + digits, ".hds") == 0 || strcmp(name + digits, ".hds.part") == 0);
}

/* Remove what looks have left in DIRECTORY, an open one. Whatever its user puts there, nothing
 * elsewhere is touched. */
static void empty_directory(int directory)
{
    int again = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *entries = again < 0 ? NULL : fdopendir(again);
    struct dirent *entry;

    while (entries && (entry = readdir(entries)))
        if (is_look(entry->d_name))
            unlinkat(directory, entry->d_name, 0);
    if (entries)
        closedir(entries);
    else if (again >= 0)
        close(again);
}

/* Remove from PLACE the directories of samplers that were killed: nobody holds them. */
static void sweep(int place)
{
    int again = openat(place, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *entries = again < 0 ? NULL : fdopendir(again);
    struct dirent *entry;

    while (entries && (entry = readdir(entries))) {
        int directory;

        if (strncmp(entry->d_name, PREFIX, strlen(PREFIX)) != 0)
            continue;
        directory = open_own(place, entry->d_name);
        if (directory < 0)
            continue;
        empty_directory(directory);
        unlinkat(place, entry->d_name, AT_REMOVEDIR);
        close(directory);
    }
    if (entries)
        closedir(entries);
    else if (again >= 0)
        close(again);
}

/* Let the user of the target write to DIRECTORY; only root has to. */
static int give_to_target(const struct target *target, int directory)
{
    struct stat page;

    if (fstat(target->file, &page) < 0)
        return -errno;
    if (page.st_uid == geteuid())
        return 0;
    return fchown(directory, page.st_uid, page.st_gid) < 0 ? -errno : 0;
}

/* Make a directory in PLACE, named into OUT_NAME. Returns it, or -errno. */
static int make_in(const struct target *target, int place, char out_name[NAME_SIZE])
{
    int directory = -EEXIST, code;

    /* Another name if this one is taken, or another sampler's sweep met it before we hold it. */
    for (int i = 0; i < ATTEMPTS; i++) {
        uint32_t random;

        if (getrandom(&random, sizeof(random), 0) != sizeof(random))
            return -EIO;
        snprintf(out_name, NAME_SIZE, PREFIX "%d.%08x", (int)target->pid, random);
        directory = mkdirat(place, out_name, 0700) < 0 ? -errno : open_own(place, out_name);
        if (directory != -EEXIST && directory != -EBUSY && directory != -ENOENT)
            break;
    }
    code = directory < 0 ? directory : give_to_target(target, directory);
    if (code == 0)
        return directory;
    if (directory != -EEXIST)
        unlinkat(place, out_name, AT_REMOVEDIR);
    if (directory >= 0)
        close(directory);
    return code;
}

/* Make the directory for TARGET. */
static int make_directory(struct sampler *sampler, struct error *error)
{
    char name[NAME_SIZE];
    int result = -ENOENT;

    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]) && result < 0; i++) {
        int place = open_place(&sampler->target, places[i]);

        result = place;
        if (place < 0)
            continue;
        sweep(place);
        result = make_in(&sampler->target, place, name);
        if (result < 0) {
            close(place);
            continue;
        }
        sampler->place = place;
        sampler->files = result;
        snprintf(sampler->directory, sizeof(sampler->directory), "%s/%s", places[i], name);
    }
    if (result < 0)
        return error_set(error, result, "can't make a directory in %s: %s", places[0],
                         strerror(-result));
    return 0;
}

/* If the user of the target has put something else in its place, only that may go, if it is an
 * empty directory. */
static void remove_directory(struct sampler *sampler)
{
    if (!*sampler->directory)
        return;
    empty_directory(sampler->files);
    unlinkat(sampler->place, strrchr(sampler->directory, '/') + 1, AT_REMOVEDIR);
    close(sampler->files);
    close(sampler->place);
    sampler->directory[0] = '\0';
}

/* Open the process PID as it is now. */
static int open_target(struct sampler *sampler, pid_t pid, struct error *error)
{
    int result = target_open(pid, true, &sampler->target, error);

    if (result < 0)
        return result;
    sampler->is_open = true;
    sampler->settled = false;
    return 0;
}

int sampler_init(struct sampler *sampler, pid_t pid, struct error *error)
{
    int result = open_target(sampler, pid, error);

    return result < 0 ? result : make_directory(sampler, error);
}

void sampler_finish(struct sampler *sampler)
{
    remove_directory(sampler);
    if (sampler->is_open)
        target_close(&sampler->target);
    sampler->is_open = false;
}

void sampler_expect_change(struct sampler *sampler)
{
    sampler->settled = false;
}

/* The path of the last look, as the process sees it. */
static void name_look(const struct sampler *sampler, char out_path[CONTROL_PATH_SIZE])
{
    snprintf(out_path, CONTROL_PATH_SIZE, "%s/%u.hds", sampler->directory, sampler->number);
}

/* Whether what the page tells is about the last look: nothing was asked since, nor was there an
 * allocation or free, at which the request would have become another one. */
static bool is_undisturbed(const struct sampler *sampler, struct control_page *out_page)
{
    char path[CONTROL_PATH_SIZE];

    name_look(sampler, path);
    return target_read(&sampler->target, out_page, NULL) == 0 &&
           out_page->request == CONTROL_FINISHED && strcmp(out_page->path, path) == 0;
}

/* Load what the process has written, and remove it. It is a plain file, or nothing is opened. */
static int load(const struct sampler *sampler, struct heap **out_heap, struct error *error)
{
    char name[NAME_SIZE], again[NAME_SIZE];
    struct stat status;
    int file, result;

    snprintf(name, sizeof(name), "%u.hds", sampler->number);
    file = openat(sampler->files, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (file < 0)
        return error_set(error, -errno, "%s/%s: %s", sampler->directory, name, strerror(errno));
    snprintf(again, sizeof(again), "/proc/self/fd/%d", file);
    if (fstat(file, &status) < 0 || !S_ISREG(status.st_mode))
        result = error_set(error, -EBADMSG, "%s/%s: no file", sampler->directory, name);
    else
        result = heap_load(again, out_heap, error);
    close(file);
    unlinkat(sampler->files, name, 0);
    return result;
}

/* Ask for a look. Returns 0 and a heap, or -errno and ERROR. */
static int look(struct sampler *sampler, uint64_t timeout, struct heap **out_heap,
                struct error *error)
{
    char path[CONTROL_PATH_SIZE], done[CONTROL_PATH_SIZE];
    struct request request = {
        .verb = CONTROL_WATCH,
        .path = path,
        .timeout = timeout,
        .given_up = sampler->given_up,
    };
    int result;

    sampler->number++;
    name_look(sampler, path);
    result = request_make(&sampler->target, &request, done, error);
    return result < 0 ? result : load(sampler, out_heap, error);
}

/* The process may have executed another program. Returns 0 if it did, and we look at that; -EAGAIN if
 * that has only just begun; or else ERROR and another -errno. */
static int follow(struct sampler *sampler, struct error *error)
{
    struct sampler next = *sampler;
    int result;

    if (target_look(&sampler->target) != TARGET_REPLACED)
        return error_set(error, -ESRCH, "%s has ended", sampler->target.title);
    result = open_target(&next, sampler->target.pid, error);
    if (result == -ESRCH)
        return error_set(error, -ESRCH, "%s has ended", sampler->target.title);
    if (result == -ENODATA || result == -EACCES)
        return error_set(error, -ESRCH, "%s has executed a program that is not traced",
                         sampler->target.title);
    if (result < 0)
        return -EAGAIN;
    target_close(&sampler->target);
    *sampler = next;
    return 0;
}

enum sampler_result sampler_take(struct sampler *sampler, uint64_t timeout, struct heap **out_heap,
                                 struct error *error)
{
    struct control_page page;
    bool replaced;
    int result;

    if (sampler->settled && is_undisturbed(sampler, &page) &&
        target_look(&sampler->target) == TARGET_THERE)
        return SAMPLER_UNCHANGED;
    result = look(sampler, timeout, out_heap, error);
    if (result == -ESRCH) {
        result = follow(sampler, error);
        if (result == -ESRCH)
            return SAMPLER_ENDED;
        if (result == 0)
            result = look(sampler, timeout, out_heap, error);
    }
    if (result < 0)
        return SAMPLER_BUSY;
    /* It may have gone on between the moment of the look and its end. */
    sampler->settled =
        is_undisturbed(sampler, &page) &&
        page.events == (*out_heap)->account->allocations + (*out_heap)->account->frees;
    replaced = memcmp(sampler->run, (*out_heap)->process->run, sizeof(sampler->run)) != 0;
    memcpy(sampler->run, (*out_heap)->process->run, sizeof(sampler->run));
    return replaced ? SAMPLER_REPLACED : SAMPLER_CHANGED;
}
