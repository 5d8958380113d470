#include "run_snapshots.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Whether NAME is PROGRAM.PID.SEQ[.LABEL].hds, for the PID given or, with 0, for any;
 * PROGRAM may have dots and digits of its own. Then OUT_SNAPSHOT tells its parts. */
static bool is_snapshot(const char *name, pid_t pid, struct run_snapshot *out_snapshot)
{
    const char *suffix = strrchr(name, '.');

    if (!suffix || strcmp(suffix, ".hds") != 0 || name[0] == '.')
        return false;
    for (const char *at = strchr(name, '.'); at; at = strchr(at + 1, '.')) {
        const char *dot = at + 1 + strspn(at + 1, "0123456789"), *rest;

        if (dot == at + 1 || *dot != '.' || (pid && strtol(at + 1, NULL, 10) != pid))
            continue;
        rest = dot + 1 + strspn(dot + 1, "0123456789");
        if (rest - (dot + 1) >= 4 && *rest == '.') {
            out_snapshot->at_exit = strcmp(rest, ".exit.hds") == 0;
            out_snapshot->program_length = (int)(at - name);
            return true;
        }
    }
    return false;
}

static bool contains(const struct run_snapshots *list, const char *name)
{
    for (size_t i = 0; list && i < list->count; i++) {
        if (strcmp(list->snapshots[i].name, name) == 0)
            return true;
    }
    return false;
}

static int compare_age(const void *a, const void *b)
{
    const struct run_snapshot *one = a, *other = b;

    if (one->time.tv_sec != other->time.tv_sec)
        return one->time.tv_sec < other->time.tv_sec ? -1 : 1;
    if (one->time.tv_nsec != other->time.tv_nsec)
        return one->time.tv_nsec < other->time.tv_nsec ? -1 : 1;
    return strcmp(one->name, other->name); /* by SEQ, within a tick of the clock */
}

void run_snapshots_find(const char *directory, pid_t pid, bool all,
                        const struct run_snapshots *before, struct run_snapshots *out_list)
{
    DIR *stream = opendir(directory);
    struct dirent *entry;

    *out_list = (struct run_snapshots){0};
    while (stream && (entry = readdir(stream))) {
        struct run_snapshot found = {0};
        struct run_snapshot *longer;
        struct stat status;

        found.is_main = is_snapshot(entry->d_name, pid, &found);
        if (!found.is_main && !(all && is_snapshot(entry->d_name, 0, &found)))
            continue;
        if (contains(before, entry->d_name) ||
            fstatat(dirfd(stream), entry->d_name, &status, 0) < 0)
            continue;
        longer = realloc(out_list->snapshots, (out_list->count + 1) * sizeof *longer);
        if (!longer)
            break;
        out_list->snapshots = longer;
        found.name = strdup(entry->d_name);
        if (!found.name)
            break;
        found.time = status.st_mtim;
        longer[out_list->count++] = found;
    }
    if (stream)
        closedir(stream);
    if (out_list->count > 1)
        qsort(out_list->snapshots, out_list->count, sizeof *out_list->snapshots, compare_age);
}

void run_snapshots_finish(struct run_snapshots *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->snapshots[i].name);
    free(list->snapshots);
    *list = (struct run_snapshots){0};
}
