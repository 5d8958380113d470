/* cmd_leaks.c - what is lost, what grows, and who holds it. */
#include "command.h"
#include "graph_input.h"
#include "model/embedded.h"
#include "model/estimate.h"
#include "model/known_block.h"
#include "model/leaks_report.h"
#include "model/load.h"
#include "model/suppressed.h"
#include "model/verdict.h"
#include "options.h"

#include <errno.h>
#include <stdlib.h>

/* clang-format off */
static const char help[] =
    "Usage: heapdelta leaks [OPTIONS] SNAPSHOT…\n"
    "\n"
    "Say what is wrong with the heap, by the stack that allocated it: which blocks are lost, for no\n"
    "chain of pointers leads to them any more (the classes are those of valgrind's memcheck), and\n"
    "which are held, by whom, but become more and more. One snapshot is enough, for it tells what\n"
    "each stack held before; of several of one process, or a directory with them, all from eight on\n"
    "are judged; in a directory each process for itself. The last one must have been taken with the\n"
    "heap graph, as the one at exit is; of a sample (run --sample) only growth is known.\n"
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

/* What was found in one process. The names in the report are those of its symbols. */
struct judged {
    struct report *report;
    struct symbols *symbols;
    bool has_leak;
    struct error embedded; /* why those that the program carries with it are not known; or empty */
};

/* Put into JUDGED's report what is found in INPUT, one of SEVERAL, by PATHS. Returns 0 or -ENOMEM. */
static int judge(const struct options *options, const struct verdict_input *input,
                 struct holder_paths *paths, bool several, struct judged *judged)
{
    const struct heap *heap = input->heaps[input->heap_count - 1];
    struct leaks_options how = {
        .all = options->all,
        .explain = options->explain,
        .fold = options->format == OPTIONS_TEXT && !options->all,
        .of_several = several,
        .limit = options->limit,
    };
    struct report *report = judged->report = report_create();
    struct suppressed suppressed = {0};
    struct verdicts *verdicts = NULL;
    char name[256], found[128];
    int result = -ENOMEM;

    if (report && verdicts_create(input, &verdicts) == 0 &&
        (!options->suppressions ||
         suppressed_remove(options->suppressions, verdicts, judged->symbols, &suppressed) == 0) &&
        leaks_report(verdicts, input, paths, judged->symbols, &how, report) == 0) {
        load_describe(heap, name, sizeof(name));
        leaks_summary(verdicts, found, sizeof(found));
        report_title(report, "%s%s%s: %s", name, *heap->label ? ", " : "", heap->label, found);
        leaks_add_notes(verdicts, report);
        if (input->graph)
            graph_input_add_notes(heap, report);
        estimate_mention(report, &heap, 1);
        if (known_python_pools(heap))
            report_add_note(report, "M" KNOWN_PYTHON_POOLS ", unless it was set.");
        if (options->suppressions)
            suppressed_add_notes(options->suppressions, &suppressed, report);
        if (*judged->embedded.text)
            report_add_note(report, "%s.", judged->embedded.text);
        judged->has_leak = verdicts->leak_count > 0;
        result = 0;
    }
    verdicts_destroy(verdicts);
    return result;
}

/* Judge INPUT into JUDGED. Returns COMMAND_DONE, or the exit status, with what is wrong said. */
static int judge_process(const struct options *options, const struct graph_input *input,
                         bool several, struct judged *judged)
{
    const struct heap *heap = input->heaps[input->heap_count - 1];
    struct holder_paths *paths = NULL;
    struct graph *graph = NULL;
    int result = -ENOMEM, code = 0;

    judged->symbols = symbols_create(heap);
    if (judged->symbols && options->suppressions)
        code = embedded_read(options->suppressions, heap, judged->symbols, &judged->embedded);
    if (code < 0 && code != -ENOTSUP)
        return command_fail(&command_leaks, COMMAND_BAD_INPUT, "%s", judged->embedded.text);
    if (judged->symbols &&
        (heap->sampling ||
         (graph_create(heap, options->strict ? GRAPH_STRICT : 0, &graph) == 0 &&
          holder_paths_create(graph, judged->symbols, &paths) == 0)))
        result = judge(options,
                       &(struct verdict_input){
                           .heaps = (const struct heap *const *)input->heaps,
                           .heap_count = input->heap_count,
                           .graph = graph,
                           .paths = paths,
                       },
                       paths, several, judged);
    holder_paths_destroy(paths);
    graph_destroy(graph);
    return result == 0 ? COMMAND_DONE
                       : command_fail(&command_leaks, COMMAND_NEGATIVE, "out of memory");
}

/* Judge each process of INPUTS for itself, and print it all. */
static int leaks(const struct options *options, const struct graph_inputs *inputs)
{
    struct judged *judged = calloc(inputs->count, sizeof(*judged));
    struct report **reports = calloc(inputs->count, sizeof(struct report *));
    int status = COMMAND_DONE;
    bool has_leak = false;

    if (!judged || !reports)
        status = command_fail(&command_leaks, COMMAND_NEGATIVE, "out of memory");
    for (size_t i = 0; status == COMMAND_DONE && i < inputs->count; i++) {
        status = judge_process(options, &inputs->inputs[i], inputs->count > 1, &judged[i]);
        reports[i] = judged[i].report;
        has_leak |= judged[i].has_leak;
    }
    if (status == COMMAND_DONE)
        status = options_print(options, &command_leaks, reports, inputs->count);
    if (status == COMMAND_DONE && options->error_exitcode && has_leak)
        status = COMMAND_NEGATIVE;
    for (size_t i = 0; judged && i < inputs->count; i++) {
        report_destroy(judged[i].report);
        symbols_destroy(judged[i].symbols);
    }
    free(judged);
    free(reports);
    return status;
}

static int run(int argc, char **argv)
{
    struct graph_inputs inputs = {0};
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
    status = graph_input_load_all(&command_leaks, options.paths, options.path_count, &inputs);
    if (inputs.count > 0) {
        int found = leaks(&options, &inputs);

        status = status == COMMAND_DONE ? found : status;
    }
out:
    graph_inputs_finish(&inputs);
    options_finish(&options);
    return status;
}

const struct command command_leaks = {
    .name = "leaks",
    .summary = "what is lost, what grows, and who holds it",
    .help = help,
    .run = run,
};
