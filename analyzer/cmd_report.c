/* cmd_report.c - snapshots as one page to look at. */
#include "command.h"
#include "model/heap.h"
#include "model/load.h"
#include "model/symbols.h"
#include "options.h"
#include "output.h"
#include "page.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* clang-format off */
static const char help[] =
    "Usage: heapdelta report [OPTIONS] -o FILE.html SNAPSHOT…|DIRECTORY\n"
    "\n"
    "Make one page of a snapshot, or of several of one process, oldest first: what grew or holds\n"
    "most and who holds it, the course of time, flame graphs, a table of all places, where the\n"
    "memory is. The page needs no network and no server: open it in a browser, or mail it.\n"
    "\n"
    "What grew is the difference between the first snapshot and the last; those between are\n"
    "marks on the timeline. A directory stands for all its processes, as of their last snapshots.\n"
    "\n"
    OPTIONS_HELP_OUTPUT OPTIONS_HELP_HELP
    "\n"
    "Examples:\n"
    "  heapdelta report -o app.html app.1234.0001.exit.hds\n"
    "  heapdelta report -o app.html out/app.1234.*.hds && xdg-open app.html\n";
/* clang-format on */

struct input {
    struct heap **heaps;
    size_t count;
    struct symbols *first, *last;
};

/* Load the COUNT snapshots at PATHS: the first and the last as a whole. */
static int load(struct input *input, char *const *paths, size_t count, struct error *error)
{
    int result = 0;

    input->heaps = calloc(count, sizeof(*input->heaps));
    if (!input->heaps)
        return error_set(error, -1, "out of memory");
    for (; input->count < count && result == 0; input->count += result == 0) {
        const char *path = paths[input->count];
        struct heap **out_heap = &input->heaps[input->count];

        if (count > 1 && load_is_directory(path))
            return error_set(error, -1, "%s: a directory; the page of one takes no other paths",
                             path);
        if (load_is_directory(path))
            result = load_heap(path, out_heap, error);
        else if (input->count + 1 == count)
            result = heap_load_with_edges(path, out_heap, error);
        else if (input->count == 0)
            result = heap_load(path, out_heap, error);
        else
            result = heap_peek(path, out_heap, error);
    }
    return result;
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
