/* cmd_export.c - a snapshot in a form that other programs take. */
#include "command.h"
#include "export.h"
#include "graph_input.h"
#include "model/estimate.h"
#include "model/load.h"
#include "options.h"
#include "output.h"

#include <string.h>
#include <unistd.h>

static const struct export_form *const forms[] = {
    &export_pprof, &export_folded, &export_speedscope, &export_massif,     &export_svg,
    &export_json,  &export_csv,    &export_dot,        &export_tracemalloc,
};

#define FORM_COUNT (sizeof(forms) / sizeof(forms[0]))

/* clang-format off */
static const char help[] =
    "Usage: heapdelta export --to FORM [OPTIONS] SNAPSHOT|DIRECTORY\n"
    "\n"
    "Write what is alive in a snapshot in a form that another program takes; of a directory,\n"
    "what is alive in all its processes together.\n"
    "\n"
    "  --to FORM            pprof: for 'go tool pprof' and what else reads its profiles\n"
    "                       folded: a line for each stack, for flamegraph.pl and the like\n"
    "                       speedscope: for the viewer of that name\n"
    "                       massif: for ms_print and massif-visualizer\n"
    "                       svg: a flame graph, for a browser or a page\n"
    "                       json, csv: each stack with its numbers and frames\n"
    "                       dot: who holds the blocks, for Graphviz; needs the heap graph\n"
    "                       tracemalloc: a pickle for tracemalloc.Snapshot.load() of Python\n"
    "                       3.9 or later, a trace for each block\n"
    "  --value VALUE        of folded, speedscope, svg: bytes (default) or blocks alive;\n"
    "                       allocated_bytes, allocations, temporary (freed at once) since\n"
    "                       tracing began; peak_bytes, peak_blocks; with the heap graph\n"
    "                       lost_bytes, or held_bytes: to a block, what it holds alone\n"
    "  --limit N            of dot: N kinds of paths (default 10, 0: all)\n"
    OPTIONS_HELP_OUTPUT OPTIONS_HELP_HELP
    "\n"
    "Examples:\n"
    "  heapdelta export --to pprof -o app.pb.gz app.1234.0001.exit.hds\n"
    "  go tool pprof -top app.pb.gz\n"
    "  heapdelta export --to svg --value allocations -o app.svg app.1234.0001.exit.hds\n"
    "  heapdelta export --to dot app.1234.0001.exit.hds | dot -Tsvg -o holders.svg\n"
    "  heapdelta export --to tracemalloc -o app.pickle app.1234.0001.exit.hds\n"
    "  python3 -c 'import tracemalloc\n"
    "  for stat in tracemalloc.Snapshot.load(\"app.pickle\").statistics(\"lineno\")[:10]:\n"
    "      print(stat)'\n";
/* clang-format on */

/* The form named NAME; NULL: there is none. */
static const struct export_form *find_form(const char *name)
{
    for (size_t i = 0; i < FORM_COUNT; i++) {
        if (strcmp(forms[i]->name, name) == 0)
            return forms[i];
    }
    return NULL;
}

static int write_form(const struct options *options, const struct export_form *form,
                      const struct heap *heap, struct symbols *symbols)
{
    struct export_options how = {.value = options->value, .limit = options->limit};
    struct output output;
    struct error error;

    if (output_open(&output, options->output, &error) < 0)
        return command_fail(&command_export, COMMAND_NEGATIVE, "%s", error.text);
    if (form->write(output.file, heap, symbols, &how, &error) < 0) {
        output_discard(&output);
        return command_fail(&command_export, COMMAND_NEGATIVE, "%s", error.text);
    }
    if (output_close(&output, &error) < 0)
        return error.text[0] ? command_fail(&command_export, COMMAND_NEGATIVE, "%s", error.text)
                             : COMMAND_NEGATIVE;
    return COMMAND_DONE;
}

/* Say on stderr that not all blocks of HEAP were recorded: not every form has room for that. */
static void mention_sample(const struct heap *heap)
{
    char text[160];

    if (!heap->sampling)
        return;
    estimate_describe(heap, text, sizeof(text));
    fprintf(stderr,
            estimate_is(heap) ? "heapdelta export: a sample, %s: sizes and counts are estimates\n"
                              : "heapdelta export: only %s were recorded\n",
            text);
}

/* Is it to go to the terminal? */
static bool goes_to_terminal(const struct options *options)
{
    return (!options->output || strcmp(options->output, "-") == 0) && isatty(STDOUT_FILENO);
}

/* Load PATH, with its edges if FORM needs them, or tells more with them. Returns the exit status. */
static int load(const struct options *options, const struct export_form *form,
                struct heap **out_heap)
{
    bool tells_graph = form->has_one_value && (options->value == PROFILE_LOST_BYTES ||
                                               options->value == PROFILE_HELD_BYTES);
    struct error error;

    if (form->needs_graph || tells_graph)
        return graph_input_load(&command_export, options->paths[0], out_heap);
    if (load_heap_with_past(options->paths[0], out_heap, &error) < 0)
        return command_fail(&command_export, COMMAND_BAD_INPUT, "%s", error.text);
    return COMMAND_DONE;
}

/* Do OPTIONS fit? Returns -1, or the exit status. */
static int check(const struct options *options, const struct export_form *form)
{
    if (!options->form)
        return command_fail(&command_export, COMMAND_USAGE, "needs --to and the form");
    if (!form)
        return options_fail_value(&command_export, "--to", options->form,
                                  "pprof, folded, speedscope, massif, svg, json, csv, dot, "
                                  "tracemalloc");
    if (options->path_count != 1)
        return command_fail(&command_export, COMMAND_USAGE,
                            options->path_count ? "takes one snapshot, not %zu"
                                                : "needs a snapshot",
                            options->path_count);
    if (options->value_given && !form->has_one_value)
        return command_fail(&command_export, COMMAND_USAGE,
                            "--value: %s has all there are, or only one", form->name);
    if (form->is_binary && goes_to_terminal(options))
        return command_fail(&command_export, COMMAND_USAGE,
                            "%s is not for a terminal: name a file with -o", form->name);
    return -1;
}

static int run(int argc, char **argv)
{
    struct options options;
    const struct export_form *form;
    struct heap *heap = NULL;
    struct symbols *symbols = NULL;
    int status = options_parse(&options, &command_export,
                               OPTIONS_EXPORT | OPTIONS_OUTPUT | OPTIONS_LIMIT, argc, argv);

    if (status >= 0)
        goto out;
    form = options.form ? find_form(options.form) : NULL;
    status = check(&options, form);
    if (status >= 0)
        goto out;
    status = load(&options, form, &heap);
    if (status != COMMAND_DONE)
        goto out;
    mention_sample(heap);
    symbols = symbols_create(heap);
    status = symbols ? write_form(&options, form, heap, symbols)
                     : command_fail(&command_export, COMMAND_NEGATIVE, "out of memory");
out:
    symbols_destroy(symbols);
    heap_destroy(heap);
    options_finish(&options);
    return status;
}

const struct command command_export = {
    .name = "export",
    .summary = "a snapshot in a form that other programs take",
    .help = help,
    .run = run,
};
