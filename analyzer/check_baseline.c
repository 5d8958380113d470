#include "check_baseline.h"

#include "model/load.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

static int fail(const struct command *command, const struct error *error)
{
    return command_fail(command, COMMAND_BAD_INPUT, "%s", error->text);
}

/* Was any of LIST taken at an exit? */
static bool has_exit(const struct run_snapshots *list)
{
    for (size_t i = 0; i < list->count; i++) {
        if (list->snapshots[i].at_exit)
            return true;
    }
    return false;
}

int check_baseline_take(const struct command *command, const char *path,
                        struct check_baseline *baseline)
{
    struct error error = {"out of memory"};

    check_baseline_finish(baseline);
    baseline->path = path;
    baseline->baseline = baseline_create();
    if (!baseline->baseline)
        return fail(command, &error);
    if (!load_is_directory(path))
        return baseline_add(baseline->baseline, path, &error) < 0 ? fail(command, &error) : -1;
    baseline->directory = path;
    run_snapshots_find(path, 0, true, NULL, &baseline->files);
    if (!has_exit(&baseline->files)) {
        error_set(&error, -ENOENT, "%s: has no snapshot that was taken at an exit", path);
        return fail(command, &error);
    }
    return -1;
}

/* Is SNAPSHOT one at an exit of the program that OTHER is of? */
static bool is_wanted(const struct run_snapshot *snapshot, const struct run_snapshot *other)
{
    return snapshot->at_exit && snapshot->program_length == other->program_length &&
           strncmp(snapshot->name, other->name, (size_t)other->program_length) == 0;
}

int check_baseline_find(const struct command *command, const struct check_run *run,
                        struct check_baseline *baseline)
{
    const struct run_snapshots *of_run = &run->snapshots;
    struct error error;

    if (!baseline->directory || of_run->count == 0)
        return COMMAND_DONE;
    baseline->is_empty = true;
    for (size_t i = 0; i < baseline->files.count; i++) {
        const struct run_snapshot *snapshot = &baseline->files.snapshots[i];
        char path[PATH_MAX + NAME_MAX];

        /* A process may have become another program: its last one counts. */
        if (!is_wanted(snapshot, &of_run->snapshots[of_run->count - 1]))
            continue;
        snprintf(path, sizeof(path), "%s/%s", baseline->directory, snapshot->name);
        if (baseline_add(baseline->baseline, path, &error) < 0)
            return fail(command, &error);
        baseline->is_empty = false;
    }
    return COMMAND_DONE;
}

void check_baseline_finish(struct check_baseline *baseline)
{
    baseline_destroy(baseline->baseline);
    run_snapshots_finish(&baseline->files);
    *baseline = (struct check_baseline){0};
}
