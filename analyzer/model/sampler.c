#include "model/sampler.h"

#include "format/snapshot.h"
#include "model/request.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* In memory, if that can be had. */
static const char *const places[] = {"/dev/shm", "/tmp"};

/* The file system of the target as we see it: "" if it is ours, else below /proc. */
static void find_root(const struct target *target, char out_root[32])
{
    struct stat own, other;
    char path[32];

    out_root[0] = '\0';
    snprintf(path, sizeof(path), "/proc/%d/root", (int)target->pid);
    if (stat("/", &own) == 0 && stat(path, &other) == 0 &&
        (own.st_dev != other.st_dev || own.st_ino != other.st_ino))
        strcpy(out_root, path);
}

/* Let the user of the target write to DIRECTORY; only root has to. */
static int give_to_target(const struct target *target, const char *directory)
{
    struct stat page;

    if (fstat(target->file, &page) < 0)
        return -errno;
    if (page.st_uid == geteuid())
        return 0;
    return chown(directory, page.st_uid, page.st_gid) < 0 ? -errno : 0;
}

/* Make the directory for TARGET. */
static int make_directory(struct sampler *sampler, struct error *error)
{
    char root[32];
    int code = -ENOENT;

    find_root(&sampler->target, root);
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        snprintf(sampler->seen, sizeof(sampler->seen), "%s%s/heapdelta-top.%d.XXXXXX", root,
                 places[i], (int)sampler->target.pid);
        if (mkdtemp(sampler->seen)) {
            snprintf(sampler->directory, sizeof(sampler->directory), "%s",
                     sampler->seen + strlen(root));
            code = give_to_target(&sampler->target, sampler->seen);
            break;
        }
        code = -errno;
    }
    if (code < 0)
        return error_set(error, code, "can't make a directory in %s: %s", places[0],
                         strerror(-code));
    return 0;
}

static void remove_directory(struct sampler *sampler)
{
    DIR *directory = *sampler->directory ? opendir(sampler->seen) : NULL;
    struct dirent *entry;

    if (!directory)
        return;
    while ((entry = readdir(directory)))
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            unlinkat(dirfd(directory), entry->d_name, 0);
    closedir(directory);
    rmdir(sampler->seen);
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

/* Load what the process has written to PATH, as it sees it, and remove it. */
static int load(const struct sampler *sampler, struct heap **out_heap, struct error *error)
{
    char path[PATH_MAX + 32];
    int result;

    snprintf(path, sizeof(path), "%s/%u.hds", sampler->seen, sampler->number);
    result = heap_load(path, out_heap, error);
    unlink(path);
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
