/* cmd_info.c - what a snapshot contains, and whether its numbers add up. */
#include "command.h"
#include "info_report.h"
#include "model/heap.h"
#include "model/load.h"
#include "model/report.h"
#include "model/snapshot_tree.h"
#include "options.h"

#include <stdlib.h>

/* clang-format off */
static const char help[] =
    "Usage: heapdelta info [OPTIONS] SNAPSHOT|DIRECTORY…\n"
    "\n"
    "Show what a snapshot contains: the moment, the numbers, where the memory went. Of a\n"
    "directory: its processes, children below their parents, with what the last snapshot\n"
    "of each holds.\n"
    "\n"
    "  --modules            also what is known of each module: build-id, lines\n"
    OPTIONS_HELP_FORMAT OPTIONS_HELP_OUTPUT OPTIONS_HELP_HELP
    "\n"
    "Examples:\n"
    "  heapdelta info app.1234.0001.exit.hds\n"
    "  heapdelta info --modules app.1234.0001.exit.hds\n"
    "  heapdelta info heapdelta.make.1234\n"
    "  heapdelta info --format csv app.1234.*.hds\n";
/* clang-format on */

/* Make the report on PATH. Returns -1 or the exit status. */
static int report_path(const struct options *options, const char *path,
                       struct report **out_report)
{
    struct snapshot_tree *tree = NULL;
    struct heap *heap = NULL;
    struct error error;
    int result;

    if (load_is_directory(path))
        result = snapshot_tree_load(path, &tree, &error);
    else
        result = heap_load(path, &heap, &error);
    if (result < 0)
        return command_fail(&command_info, COMMAND_BAD_INPUT, "%s", error.text);
    *out_report = tree ? info_report_of_tree(tree, path) : info_report(heap, options->modules);
    snapshot_tree_destroy(tree);
    heap_destroy(heap);
    return *out_report ? -1 : command_fail(&command_info, COMMAND_NEGATIVE, "out of memory");
}

static int info(const struct options *options, struct report **reports)
{
    for (size_t i = 0; i < options->path_count; i++) {
        int status = report_path(options, options->paths[i], &reports[i]);

        if (status >= 0)
            return status;
    }
    return options_print(options, &command_info, reports, options->path_count);
}

static int run(int argc, char **argv)
{
    struct options options;
    struct report **reports = NULL;
    int status = options_parse(&options, &command_info,
                               OPTIONS_FORMAT | OPTIONS_OUTPUT | OPTIONS_MODULES, argc, argv);

    if (status >= 0)
        goto out;
    if (options.path_count == 0) {
        status = command_fail(&command_info, COMMAND_USAGE, "needs a snapshot");
        goto out;
    }
    reports = calloc(options.path_count, sizeof(*reports));
    status = reports ? info(&options, reports)
                     : command_fail(&command_info, COMMAND_NEGATIVE, "out of memory");
out:
    for (size_t i = 0; reports && i < options.path_count; i++)
        report_destroy(reports[i]);
    free(reports);
    options_finish(&options);
    return status;
}

const struct command command_info = {
    .name = "info",
    .summary = "what a snapshot contains, and where the memory went",
    .help = help,
    .run = run,
};
