/* cmd_leaks.c - what is lost, what grows, and who holds it. */
#include "command.h"
#include "graph_input.h"
#include "model/embedded.h"
#include "model/leaks_report.h"
#include "model/load.h"
#include "model/suppressed.h"
#include "model/verdict.h"
#include "options.h"

/* clang-format off */
static const char help[] =
    "Usage: heapdelta leaks [OPTIONS] SNAPSHOT…\n"
    "\n"
    "Say what is wrong with the heap, by the stack that allocated it: which blocks are lost, for no\n"
    "chain of pointers leads to them any more (the classes are those of valgrind's memcheck), and\n"
    "which are held, by whom, but become more and more. One snapshot is enough, for it tells what\n"
    "each stack held before; of several of one process, or a directory with them, all from eight on\n"
    "are judged. The last one must have been taken with the heap graph, as the one at exit is.\n"
    "\n"
    "  --all                also what is well: steady, allocated once, coming and going\n"
    "  --explain            what each verdict rests on\n"
    "  --error-exitcode     exit with status 1 if there is a leak\n"
    "  --suppressions FILE  leaks that are known, in LeakSanitizer's or valgrind's syntax; may be\n"
    "                       repeated\n"
    "  --limit N            show N rows (default 10, 0: all)\n"
    OPTIONS_HELP_STRICT OPTIONS_HELP_FORMAT OPTIONS_HELP_OUTPUT OPTIONS_HELP_HELP
    "\n"
    "Examples:\n"
    "  heapdelta run -o out -- ./app\n"
    "  heapdelta leaks out/app.1234.0001.exit.hds\n"
    "  heapdelta leaks --explain out\n"
    "  heapdelta leaks --suppressions known.supp --error-exitcode out\n"
    "  heapdelta leaks --all --limit 0 --format json out/app.1234.0001.exit.hds\n";
/* clang-format on */

static int judge(const struct options *options, const struct verdict_input *input,
                 struct holder_paths *paths, struct symbols *symbols)
{
    const struct heap *heap = input->heaps[input->heap_count - 1];
    struct leaks_options how = {
        .all = options->all,
        .explain = options->explain,
        .fold = options->format == OPTIONS_TEXT && !options->all,
        .limit = options->limit,
    };
    struct report *report = report_create();
    struct suppressed suppressed = {0};
    struct verdicts *verdicts = NULL;
    char name[256], found[128];
    int status;

    if (!report || verdicts_create(input, &verdicts) < 0 ||
        (options->suppressions &&
         suppressed_remove(options->suppressions, verdicts, symbols, &suppressed) < 0) ||
        leaks_report(verdicts, input, paths, symbols, &how, report) < 0) {
        status = command_fail(&command_leaks, COMMAND_NEGATIVE, "out of memory");
    } else {
        load_describe(heap, name, sizeof(name));
        leaks_summary(verdicts, found, sizeof(found));
        report_title(report, "%s%s%s: %s", name, *heap->label ? ", " : "", heap->label, found);
        leaks_add_notes(verdicts, report);
        graph_input_add_notes(heap, report);
        if (options->suppressions)
            suppressed_add_notes(options->suppressions, &suppressed, report);
        status = options_print(options, &command_leaks, &report, 1);
        if (status == COMMAND_DONE && options->error_exitcode && verdicts->leak_count > 0)
            status = COMMAND_NEGATIVE;
    }
    verdicts_destroy(verdicts);
    report_destroy(report);
    return status;
}

static int leaks(const struct options *options, const struct graph_input *input)
{
    const struct heap *heap = input->heaps[input->heap_count - 1];
    struct symbols *symbols = symbols_create(heap);
    struct holder_paths *paths = NULL;
    struct graph *graph = NULL;
    struct error error;
    int status;

    if (symbols && options->suppressions &&
        embedded_read(options->suppressions, heap, symbols, &error) < 0)
        status = command_fail(&command_leaks, COMMAND_BAD_INPUT, "%s", error.text);
    else if (!symbols || graph_create(heap, options->strict ? GRAPH_STRICT : 0, &graph) < 0 ||
        holder_paths_create(graph, symbols, &paths) < 0)
        status = command_fail(&command_leaks, COMMAND_NEGATIVE, "out of memory");
    else
        status = judge(options,
                       &(struct verdict_input){
                           .heaps = (const struct heap *const *)input->heaps,
                           .heap_count = input->heap_count,
                           .graph = graph,
                           .paths = paths,
                       },
                       paths, symbols);
    holder_paths_destroy(paths);
    graph_destroy(graph);
    symbols_destroy(symbols);
    return status;
}

static int run(int argc, char **argv)
{
    struct graph_input input = {0};
    struct options options;
    int status = options_parse(
        &options, &command_leaks,
        OPTIONS_LEAKS | OPTIONS_LIMIT | OPTIONS_STRICT | OPTIONS_FORMAT | OPTIONS_OUTPUT, argc, argv);

    if (status >= 0)
        goto out;
    if (options.path_count == 0) {
        status = command_fail(&command_leaks, COMMAND_USAGE, "needs a snapshot");
        goto out;
    }
    status = graph_input_load_all(&command_leaks, options.paths, options.path_count, &input);
    if (status == COMMAND_DONE)
        status = leaks(&options, &input);
out:
    graph_input_finish(&input);
    options_finish(&options);
    return status;
}

const struct command command_leaks = {
    .name = "leaks",
    .summary = "what is lost, what grows, and who holds it",
    .help = help,
    .run = run,
};
