/* cmd_leaks.c - what can't be reached any more, by who allocated it. */
#include "command.h"
#include "graph_input.h"
#include "model/graph.h"
#include "model/heap.h"
#include "model/leaks_report.h"
#include "model/load.h"
#include "model/symbols.h"
#include "options.h"

/* clang-format off */
static const char help[] =
    "Usage: heapdelta leaks [OPTIONS] SNAPSHOT\n"
    "\n"
    "Show which blocks no chain of pointers leads to any more, by the stack that allocated them:\n"
    "the classes are those of valgrind's memcheck. The snapshot must have been taken with the heap\n"
    "graph.\n"
    "\n"
    "  --all                also what is still reachable ('heapdelta why' tells by whom)\n"
    "  --error-exitcode     exit with status 1 if anything is definitely or indirectly lost\n"
    "  --limit N            show N rows (default 10, 0: all)\n"
    OPTIONS_HELP_STRICT OPTIONS_HELP_FORMAT OPTIONS_HELP_OUTPUT OPTIONS_HELP_HELP
    "\n"
    "Examples:\n"
    "  heapdelta run --graph -o out -- ./app\n"
    "  heapdelta leaks out/app.1234.0001.exit.hds\n"
    "  heapdelta leaks --all --limit 0 --format json out/app.1234.0001.exit.hds\n";
/* clang-format on */

static int leaks(const struct options *options, const struct heap *heap, struct symbols *symbols)
{
    struct report *report = report_create();
    struct graph *graph = NULL;
    uint64_t lost = 0;
    char name[256];
    int status;

    if (!report || graph_create(heap, options->strict ? GRAPH_STRICT : 0, &graph) < 0 ||
        leaks_report(graph, symbols, options->all, options->limit, report, &lost) < 0) {
        status = command_fail(&command_leaks, COMMAND_NEGATIVE, "out of memory");
    } else {
        load_describe(heap, name, sizeof(name));
        report_title(report, "%s%s%s: %s", name, *heap->label ? ", " : "", heap->label,
                     options->all ? "what is lost, and what is not" : "what is lost");
        graph_input_add_notes(heap, report);
        status = options_print(options, &command_leaks, &report, 1);
        if (status == COMMAND_DONE && options->error_exitcode && lost > 0)
            status = COMMAND_NEGATIVE;
    }
    graph_destroy(graph);
    report_destroy(report);
    return status;
}

static int run(int argc, char **argv)
{
    struct options options;
    struct heap *heap = NULL;
    struct symbols *symbols = NULL;
    int status = options_parse(
        &options, &command_leaks,
        OPTIONS_LEAKS | OPTIONS_LIMIT | OPTIONS_STRICT | OPTIONS_FORMAT | OPTIONS_OUTPUT, argc, argv);

    if (status >= 0)
        goto out;
    if (options.path_count != 1) {
        status = command_fail(&command_leaks, COMMAND_USAGE,
                              options.path_count ? "takes one snapshot, not %zu"
                                                 : "needs a snapshot",
                              options.path_count);
        goto out;
    }
    status = graph_input_load(&command_leaks, options.paths[0], &heap);
    if (status != COMMAND_DONE)
        goto out;
    symbols = symbols_create(heap);
    status = symbols ? leaks(&options, heap, symbols)
                     : command_fail(&command_leaks, COMMAND_NEGATIVE, "out of memory");
out:
    symbols_destroy(symbols);
    heap_destroy(heap);
    options_finish(&options);
    return status;
}

const struct command command_leaks = {
    .name = "leaks",
    .summary = "what can't be reached any more, by who allocated it",
    .help = help,
    .run = run,
};
