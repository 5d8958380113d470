/* cmd_merge.c - several snapshots into one. */
#include "command.h"
#include "model/heap.h"
#include "model/load.h"
#include "model/merge.h"
#include "model/progress.h"
#include "model/snapshot_tree.h"
#include "options.h"
#include "output.h"

#include <stdio.h>
#include <stdlib.h>

/* clang-format off */
static const char help[] =
    "Usage: heapdelta merge -o FILE SNAPSHOT|DIRECTORY…\n"
    "\n"
    "Write one snapshot that holds what all of these hold together: of several processes,\n"
    "runs or machines. 'heapdelta stats --group-by process' still tells them apart. A\n"
    "directory stands for the last snapshot of each of its processes.\n"
    "\n"
    "Two snapshots of one process can't be merged: what both hold would count twice.\n"
    "\n"
    OPTIONS_HELP_OUTPUT OPTIONS_HELP_HELP
    "\n"
    "Examples:\n"
    "  heapdelta merge -o all.hds heapdelta.make.1234\n"
    "  heapdelta merge -o fleet.hds host1.hds host2.hds host3.hds\n";
/* clang-format on */

/* Add the snapshot file PATH. Returns -1 or the exit status. */
static int add_file(struct merge *merge, const char *path)
{
    struct error error;
    struct heap *heap;
    int result = heap_load(path, &heap, &error);

    if (result == 0) {
        struct progress *progress = progress_begin(0, "adding up processes");

        result = merge_add(merge, heap, &error);
        progress_end(progress);
        heap_destroy(heap);
    }
    return result < 0 ? command_fail(&command_merge, COMMAND_BAD_INPUT, "%s", error.text) : -1;
}

/* Add the last snapshots of the processes in the directory PATH. */
static int add_directory(struct merge *merge, const char *path)
{
    struct snapshot_tree *tree;
    struct error error;
    int status = -1;

    if (snapshot_tree_load(path, &tree, &error) < 0)
        return command_fail(&command_merge, COMMAND_BAD_INPUT, "%s", error.text);
    for (size_t i = 0; status < 0 && i < tree->process_count; i++)
        status = add_file(merge, tree->processes[i].last->path);
    snapshot_tree_destroy(tree);
    return status;
}

static int write_merged(struct merge *merge, const struct options *options)
{
    struct output output;
    struct error error;
    struct progress *progress;
    void *data;
    size_t size;
    int result;

    progress = progress_begin(0, "putting the snapshot together");
    result = merge_finish(merge, &data, &size, &error);
    progress_end(progress);
    if (result < 0)
        return command_fail(&command_merge, COMMAND_NEGATIVE, "%s", error.text);
    if (output_open(&output, options->output, &error) < 0) {
        free(data);
        return command_fail(&command_merge, COMMAND_NEGATIVE, "%s", error.text);
    }
    fwrite(data, 1, size, output.file);
    free(data);
    if (output_close(&output, &error) < 0)
        return error.text[0] ? command_fail(&command_merge, COMMAND_NEGATIVE, "%s", error.text)
                             : COMMAND_NEGATIVE;
    return COMMAND_DONE;
}

static int run(int argc, char **argv)
{
    struct options options;
    struct merge *merge = NULL;
    int status = options_parse(&options, &command_merge, OPTIONS_OUTPUT, argc, argv);

    if (status >= 0)
        goto out;
    if (options.path_count == 0)
        status = command_fail(&command_merge, COMMAND_USAGE, "needs snapshots");
    else if (!options.output)
        status = command_fail(&command_merge, COMMAND_USAGE, "needs -o FILE, to write to");
    if (status >= 0)
        goto out;
    merge = merge_create(MERGE_ALL);
    if (!merge)
        status = command_fail(&command_merge, COMMAND_NEGATIVE, "out of memory");
    for (size_t i = 0; status < 0 && i < options.path_count; i++)
        status = load_is_directory(options.paths[i]) ? add_directory(merge, options.paths[i])
                                                     : add_file(merge, options.paths[i]);
    if (status < 0)
        status = write_merged(merge, &options);
out:
    merge_destroy(merge);
    options_finish(&options);
    return status;
}

const struct command command_merge = {
    .name = "merge",
    .summary = "several snapshots into one",
    .help = help,
    .run = run,
};
