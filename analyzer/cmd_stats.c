/* cmd_stats.c - what is alive in a snapshot, by who allocated it. */
#include "command.h"
#include "graph_input.h"
#include "model/diff.h"
#include "model/diff_report.h"
#include "model/estimate.h"
#include "model/graph.h"
#include "model/group_retained.h"
#include "model/load.h"
#include "options.h"

#include <string.h>

/* clang-format off */
static const char help[] =
    "Usage: heapdelta stats [OPTIONS] SNAPSHOT|DIRECTORY\n"
    "\n"
    "Show what is alive in a snapshot, largest first, by who allocated it; of a directory,\n"
    "in all its processes together, as of the last snapshot of each.\n"
    "\n" OPTIONS_HELP_GROUPS
    "  --since MARK         only blocks allocated since: the label of a mark or snapshot of the\n"
    "                       process, or the number of the epoch that it began\n"
    OPTIONS_HELP_COLUMNS
    "                       With the heap graph also retained: what would go with the blocks, one\n"
    "                       by one, in bytes\n"
    "  --sort ORDER         size (default), count, average, name, retained or a counter; the last two\n"
    "                       are shown then\n"
    OPTIONS_HELP_GROUPS_FORMAT OPTIONS_HELP_OUTPUT OPTIONS_HELP_HELP
    "\n" OPTIONS_HELP_PATTERNS
    "\n"
    "Examples:\n"
    "  heapdelta stats app.1234.0001.exit.hds\n"
    "  heapdelta stats --group-by traceback --limit 3 app.1234.0001.exit.hds\n"
    "  heapdelta stats --filter 'src/*' --exclude function=cache_fill app.1234.0001.exit.hds\n"
    "  heapdelta stats --sort peak_bytes --columns peak_bytes,temporary app.hds\n"
    "  heapdelta stats --group-by process heapdelta.make.1234\n"
    "  heapdelta stats --group-by type app.1234.0001.exit.hds\n"
    "  heapdelta stats --sort retained app.1234.0001.exit.hds\n"
    "  heapdelta stats --group-by module --limit 0 --format csv -o modules.csv app.hds\n";
/* clang-format on */

/* Find what the groups of LIST retain. Returns 0 or -ENOMEM. */
static int find_retained(const struct heap *heap, struct group_list *list)
{
    struct graph *graph = NULL;
    int result = graph_create(heap, 0, &graph);

    if (result == 0)
        result = group_retained(list, graph);
    graph_destroy(graph);
    return result;
}

static int stats(struct options *options, const struct heap *heap, struct symbols *symbols)
{
    struct group_list *list = group_create(heap, symbols, &options->group);
    bool ready = list && (!options->retained || find_retained(heap, list) == 0);
    struct diff *diff = ready ? diff_create((const struct group_list *const *)&list, 1) : NULL;
    struct source_lines *sources =
        options->format == OPTIONS_TRACEMALLOC ? source_lines_create() : NULL;
    struct report *report = report_create();
    int status;

    if (!diff || !report) {
        status = command_fail(&command_stats, COMMAND_NEGATIVE, "out of memory");
    } else {
        char name[256];

        load_describe(heap, name, sizeof(name));
        diff_sort(diff, options->sort);
        report_title(report, "%s%s%s: alive%s%s by %s", name,
                     *heap->label && !heap->is_merged ? ", " : "",
                     heap->is_merged ? "" : heap->label, options->since ? " since " : "",
                     options->since ? options->since : "", group_key_name(options->group.key));
        diff_report(diff, &symbols, &(struct diff_report_options){.limit = options->limit,
                                                           .columns = options->columns,
                                                           .sampled = estimate_is(heap),
                                                           .sources = sources}, report);
        options_mention_filters(options, report, list->count == 0);
        estimate_mention(report, &heap, 1);
        if (options->group.cumulative)
            report_add_note(report, "Each block is counted to all frames of its stack, so the rows "
                                    "add up to more than the total.");
        status = options_print(options, &command_stats, &report, 1);
    }
    report_destroy(report);
    source_lines_destroy(sources);
    diff_destroy(diff);
    group_destroy(list);
    return status;
}

/* Find what OPTIONS ask for in HEAP. Returns -1, or the exit status. */
static int check_heap(struct options *options, const struct heap *heap)
{
    if (options->since) {
        options->group.since = heap_find_epoch(heap, options->since);
        if (!options->group.since)
            return command_fail(&command_stats, COMMAND_BAD_INPUT,
                                "--since '%s': %s has no such mark ('heapdelta info' lists the "
                                "epochs)",
                                options->since, heap->path);
    }
    if (group_needs_blocks(&options->group) && !heap->has_blocks)
        return command_fail(&command_stats, COMMAND_BAD_INPUT,
                            "%s: its blocks are only counted, not listed: %s can't be used",
                            heap->path, options->since ? "--since" : "--group-by size");
    return options_check_counters(options, &command_stats, heap);
}

static int run(int argc, char **argv)
{
    struct options options;
    struct heap *heap = NULL;
    struct symbols *symbols = NULL;
    struct types *types = NULL;
    struct error error;
    int status = options_parse(&options, &command_stats,
                               OPTIONS_GROUPS | OPTIONS_TYPES | OPTIONS_SINCE | OPTIONS_COLUMNS |
                                   OPTIONS_FORMAT | OPTIONS_OUTPUT,
                               argc, argv);

    if (status >= 0)
        goto out;
    if (options.path_count != 1) {
        status = command_fail(
            &command_stats, COMMAND_USAGE,
            options.path_count ? "takes one snapshot, not %zu ('heapdelta diff' compares several, "
                                 "'heapdelta merge' adds them up)"
                               : "needs a snapshot",
            options.path_count);
        goto out;
    }
    if (diff_sort_compares(options.sort)) {
        status = command_fail(&command_stats, COMMAND_USAGE,
                              "--sort by a difference needs two snapshots: use 'heapdelta diff'");
        goto out;
    }
    if (options.retained && options.group.cumulative) {
        status = command_fail(&command_stats, COMMAND_USAGE,
                              "retained goes without --cumulative: a block would be in several rows");
        goto out;
    }
    /* Counters tell of what is gone as well; --since asks only for what is there. */
    options.group.past = options.counters && !options.since;
    options.group.maps_blocks = options.retained;
    if (group_needs_types(&options.group) || options.retained) {
        status = graph_input_load(&command_stats, options.paths[0], &heap);
        if (status != COMMAND_DONE)
            goto out;
    } else if ((options.group.past ? load_heap_with_past : load_heap)(options.paths[0], &heap,
                                                                      &error) < 0) {
        status = command_fail(&command_stats, COMMAND_BAD_INPUT, "%s", error.text);
        goto out;
    }
    status = check_heap(&options, heap);
    if (status >= 0)
        goto out;
    symbols = symbols_create(heap);
    if (symbols && group_needs_types(&options.group) && types_create(heap, symbols, &types) == 0)
        options.group.types = types;
    status = symbols && (types || !group_needs_types(&options.group))
                 ? stats(&options, heap, symbols)
                 : command_fail(&command_stats, COMMAND_NEGATIVE, "out of memory");
out:
    types_destroy(types);
    symbols_destroy(symbols);
    heap_destroy(heap);
    options_finish(&options);
    return status;
}

const struct command command_stats = {
    .name = "stats",
    .summary = "what is alive in a snapshot, by who allocated it",
    .help = help,
    .run = run,
};
