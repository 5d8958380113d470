/* cmd_report.c - snapshots as one page to look at. */
#include "command.h"
#include "model/heap.h"
#include "model/load.h"
#include "model/snapshot_tree.h"
#include "model/symbols.h"
#include "options.h"
#include "output.h"
#include "page.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* clang-format off */
static const char help[] =
    "Usage: heapdelta report [OPTIONS] [-o FILE.html] SNAPSHOT…|DIRECTORY\n"
    "\n"
    "Make one page of a snapshot, or of several of one process, oldest first: what grew or holds\n"
    "most and who holds it, the course of time, flame graphs, a table of all places, where the\n"
    "memory is. The page needs no network and no server: open it in a browser, or mail it.\n"
    "\n"
    "What grew is the difference between the first snapshot and the last; those between are\n"
    "marks on the timeline. A directory with the snapshots of one process stands for these, one\n"
    "of several processes for what all hold together, as of their last snapshots.\n"
    "\n"
    OPTIONS_HELP_OUTPUT OPTIONS_HELP_HELP
    "\n"
    "Examples:\n"
    "  heapdelta report -o app.html app.1234.0001.exit.hds\n"
    "  heapdelta run --interval 10s -o out -- ./app\n"
    "  heapdelta report -o app.html out && xdg-open app.html\n";
/* clang-format on */

struct input {
    struct heap **heaps;
    size_t count;
    struct symbols *first, *last;
};

static int compare_sequences(const void *left, const void *right)
{
    const struct heap *a = *(struct heap *const *)left, *b = *(struct heap *const *)right;

    return (a->process->sequence > b->process->sequence) -
           (a->process->sequence < b->process->sequence);
}

/* Load the COUNT snapshots at PATHS, oldest first: the first and the last as a whole. */
static int load_files(struct input *input, const char *const *paths, size_t count,
                      struct error *error)
{
    int result = 0;

    input->heaps = calloc(count, sizeof(*input->heaps));
    if (!input->heaps)
        return error_set(error, -ENOMEM, "out of memory");
    for (; input->count < count && result == 0; input->count += result == 0) {
        const char *path = paths[input->count];
        struct heap **out_heap = &input->heaps[input->count];

        if (load_is_directory(path))
            return error_set(error, -EISDIR,
                             "%s: a directory; the page of one takes no other paths", path);
        if (input->count + 1 == count)
            result = heap_load_with_edges(path, out_heap, error);
        else if (input->count == 0)
            result = heap_load(path, out_heap, error);
        else
            result = heap_peek(path, out_heap, error);
    }
    return result;
}

/* Load what is in DIRECTORY: the snapshots of its process, or several processes merged. */
static int load_directory(struct input *input, const char *directory, struct error *error)
{
    struct snapshot_tree *tree = NULL;
    const struct heap **heads = NULL;
    const char **paths = NULL;
    int result = snapshot_tree_load(directory, &tree, error);
    size_t count = 0;

    if (result != 0)
        return result;
    if (tree->process_count > 1) {
        input->heaps = calloc(1, sizeof(*input->heaps));
        result = input->heaps ? load_heap(directory, &input->heaps[0], error)
                              : error_set(error, -ENOMEM, "out of memory");
        input->count = result == 0;
        goto out;
    }
    heads = calloc(tree->snapshot_count + 1, sizeof(*heads));
    paths = calloc(tree->snapshot_count + 1, sizeof(*paths));
    result = heads && paths ? 0 : error_set(error, -ENOMEM, "out of memory");
    for (size_t i = 0; i < tree->snapshot_count && result == 0; i++) {
        /* Not those of before an exec: it is another program then. */
        if (memcmp(tree->heads[i]->process->run, tree->processes[0].last->process->run,
                   sizeof(tree->heads[i]->process->run)) == 0)
            heads[count++] = tree->heads[i];
    }
    if (result == 0) {
        qsort(heads, count, sizeof(*heads), compare_sequences);
        for (size_t i = 0; i < count; i++)
            paths[i] = heads[i]->path;
        result = load_files(input, paths, count, error);
    }
out:
    free(heads);
    free(paths);
    snapshot_tree_destroy(tree);
    return result;
}

static int load(struct input *input, char *const *paths, size_t count, struct error *error)
{
    if (count == 1 && load_is_directory(paths[0]))
        return load_directory(input, paths[0], error);
    return load_files(input, (const char *const *)paths, count, error);
}

static int print(const struct options *options, struct input *input)
{
    struct output output;
    struct error error;

    input->last = symbols_create(input->heaps[input->count - 1]);
    input->first = input->count > 1 ? symbols_create(input->heaps[0]) : input->last;
    if (!input->last || !input->first)
        return command_fail(&command_report, COMMAND_NEGATIVE, "out of memory");
    if (output_open(&output, options->output, &error) < 0)
        return command_fail(&command_report, COMMAND_NEGATIVE, "%s", error.text);
    if (page_print(output.file, input->heaps, input->count, input->first, input->last) < 0) {
        output_discard(&output);
        return command_fail(&command_report, COMMAND_NEGATIVE, "out of memory");
    }
    if (output_close(&output, &error) < 0)
        return error.text[0] ? command_fail(&command_report, COMMAND_NEGATIVE, "%s", error.text)
                             : COMMAND_NEGATIVE;
    return COMMAND_DONE;
}

static void finish(struct input *input)
{
    if (input->first != input->last)
        symbols_destroy(input->first);
    symbols_destroy(input->last);
    for (size_t i = 0; i < input->count; i++)
        heap_destroy(input->heaps[i]);
    free(input->heaps);
}

static int run(int argc, char **argv)
{
    struct options options;
    struct input input = {0};
    struct error error;
    int status = options_parse(&options, &command_report, OPTIONS_OUTPUT, argc, argv);

    if (status >= 0)
        goto out;
    if (options.path_count == 0)
        status = command_fail(&command_report, COMMAND_USAGE, "needs a snapshot");
    else if (!options.output && isatty(STDOUT_FILENO))
        status = command_fail(&command_report, COMMAND_USAGE,
                              "a page is not for a terminal: name a file with -o");
    else if (load(&input, options.paths, options.path_count, &error) < 0)
        status = command_fail(&command_report, COMMAND_BAD_INPUT, "%s", error.text);
    else
        status = print(&options, &input);
out:
    finish(&input);
    options_finish(&options);
    return status;
}

const struct command command_report = {
    .name = "report",
    .summary = "snapshots as one page to look at",
    .help = help,
    .run = run,
};
