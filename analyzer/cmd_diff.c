/* cmd_diff.c - what changed between snapshots, by who allocated it. */
#include "command.h"
#include "format/snapshot.h"
#include "graph_input.h"
#include "model/block_diff.h"
#include "model/block_report.h"
#include "model/diff.h"
#include "model/diff_report.h"
#include "model/estimate.h"
#include "model/graph_diff.h"
#include "model/load.h"
#include "options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* clang-format off */
static const char help[] =
    "Usage: heapdelta diff [OPTIONS] OLD NEW…\n"
    "       heapdelta diff [OPTIONS] DIRECTORY\n"
    "\n"
    "Show what changed between two snapshots or more, largest change first. They may be\n"
    "of one run, of two runs or of two machines: names and lines are compared, not\n"
    "addresses. With more than two, all values are shown; the difference is the last\n"
    "minus the first.\n"
    "\n"
    "A directory stands for all its processes together, as of the last snapshot of each.\n"
    "One directory alone: from the first to the last snapshot of each process that has\n"
    "more than one.\n"
    "\n" OPTIONS_HELP_GROUPS
    "  --blocks             what became of each block, in two snapshots of one run: new, resized\n"
    "                       in place, gone, kept; by group\n"
    "  --list               the same block by block, with its age\n"
    OPTIONS_HELP_COLUMNS
    "  --graph              who holds them: what became lost, or is newly held, by group, class and\n"
    "                       holder, in two snapshots with the heap graph\n"
    "  --sort ORDER         change (default: the size of the change, be it growth or not),\n"
    "                       size_diff (growth first), count_diff, size, count, average, name,\n"
    "                       a counter or, by its growth, a counter with _diff: temporary_diff\n"
    OPTIONS_HELP_GROUPS_FORMAT OPTIONS_HELP_OUTPUT OPTIONS_HELP_HELP
    "\n" OPTIONS_HELP_PATTERNS
    "\n"
    "As text and in the default order, rows that did not change are left out.\n"
    "\n"
    "Examples:\n"
    "  heapdelta diff app.1234.0001.before.hds app.1234.0002.after.hds\n"
    "  heapdelta diff --group-by traceback --limit 1 before.hds after.hds\n"
    "  heapdelta diff --blocks --group-by function before.hds after.hds\n"
    "  heapdelta diff --sort temporary_diff before.hds after.hds\n"
    "  heapdelta diff heapdelta.make.1234 heapdelta.make.5678\n"
    "  heapdelta diff --graph --group-by traceback before.hds after.hds\n"
    "  heapdelta diff --sort size_diff --format json --limit 0 monday.hds friday.hds\n";
/* clang-format on */

/* What is loaded from a path, and what was found in it. */
struct side {
    struct heap *heap;
    struct symbols *symbols;
    struct types *types; /* NULL: nobody asks */
    struct group_list *list;
};

struct sides {
    struct side *sides;
    size_t count;
    bool is_one_directory; /* then these are the first and the last of its snapshots */
    size_t singles;        /* its processes that have only one */
};

/* Load what the options name. Returns COMMAND_DONE or the exit status. */
static int load_heaps(const struct options *options, struct sides *all)
{
    bool needs_graph = group_needs_types(&options->group) || options->graph;
    struct error error;

    if (all->is_one_directory) {
        struct heap *heaps[2];

        if (needs_graph) /* which says why that can't be */
            return graph_input_load(&command_diff, options->paths[0], &all->sides[0].heap);
        if (load_first_and_last(options->paths[0], options->group.past, heaps, &all->singles,
                                &error) < 0)
            return command_fail(&command_diff, COMMAND_BAD_INPUT, "%s", error.text);
        for (size_t i = 0; i < 2; i++)
            all->sides[i].heap = heaps[i];
        return COMMAND_DONE;
    }
    for (size_t i = 0; i < all->count; i++) {
        int status = COMMAND_DONE;

        if (needs_graph)
            status = graph_input_load(&command_diff, options->paths[i], &all->sides[i].heap);
        else if ((options->group.past ? load_heap_with_past : load_heap)(
                     options->paths[i], &all->sides[i].heap, &error) < 0)
            status = command_fail(&command_diff, COMMAND_BAD_INPUT, "%s", error.text);
        if (status != COMMAND_DONE)
            return status;
    }
    return COMMAND_DONE;
}

/* Group what is alive in SIDE. Returns 0 or -ENOMEM. */
static int group_side(const struct options *options, struct side *side)
{
    struct group_options group = options->group;

    if (group_needs_types(&group) && types_create(side->heap, side->symbols, &side->types) < 0)
        return -ENOMEM;
    group.types = side->types;
    group.maps_blocks = options->graph;
    side->list = group_create(side->heap, side->symbols, &group);
    return side->list ? 0 : -ENOMEM;
}

static int load(const struct options *options, struct sides *all)
{
    struct side *sides = all->sides;
    int status = load_heaps(options, all);

    if (status != COMMAND_DONE)
        return status;
    for (size_t i = 0; i < all->count; i++) {
        status = options_check_counters(options, &command_diff, sides[i].heap);
        if (status >= 0)
            return status;
        if (group_needs_blocks(&options->group) && !sides[i].heap->has_blocks)
            return command_fail(&command_diff, COMMAND_BAD_INPUT,
                                "%s: its blocks are only counted, not listed: --group-by size "
                                "can't be used",
                                sides[i].heap->path);
        sides[i].symbols = symbols_create(sides[i].heap);
        if (sides[i].symbols && options->blocks)
            continue; /* which has groups of its own */
        if (!sides[i].symbols || group_side(options, &sides[i]) < 0)
            return command_fail(&command_diff, COMMAND_NEGATIVE, "out of memory");
    }
    return -1;
}

/* How SNAPSHOT is called in a title: by its label, else by its number. */
static const char *snapshot_name(const struct heap *heap, char *buffer, size_t size)
{
    if (*heap->label)
        return heap->label;
    snprintf(buffer, size, "snapshot %u", heap->process->sequence);
    return buffer;
}

/* What HEAP is of, for a title: "app, process 4711, before". */
static void name_side(const struct heap *heap, char *buffer, size_t size)
{
    char number[32];

    load_describe(heap, buffer, size);
    if (!heap->is_merged)
        snprintf(buffer + strlen(buffer), size - strlen(buffer), ", %s",
                 snapshot_name(heap, number, sizeof(number)));
}

static void set_title(struct report *report, const struct options *options, const struct sides *all)
{
    const struct heap *old = all->sides[0].heap, *new = all->sides[all->count - 1].heap;
    const char *key = group_key_name(options->group.key);
    char old_name[512], new_name[512];

    if (all->is_one_directory) {
        load_describe(new, new_name, sizeof(new_name));
        report_title(report, "%s, from the first to the last snapshot: changes by %s", new_name,
                     key);
    } else if (!new->is_merged && heap_same_run(old, new)) {
        report_title(report, "%s, process %u, from %s to %s: %s by %s", new->called,
                     new->process->pid, snapshot_name(old, old_name, sizeof(old_name)),
                     snapshot_name(new, new_name, sizeof(new_name)),
                     options->blocks  ? "blocks"
                     : options->graph ? "who holds them"
                                      : "changes",
                     key);
    } else {
        name_side(old, old_name, sizeof(old_name));
        name_side(new, new_name, sizeof(new_name));
        report_title(report, "from %s, to %s: %s by %s", old_name, new_name,
                     options->graph ? "who holds them" : "changes", key);
    }
}

/* Say where what a snapshot knows was forgotten before the next. */
static void mention_gaps(struct report *report, const struct sides *all)
{
    for (size_t i = 1; !all->is_one_directory && i < all->count; i++) {
        const struct heap *old = all->sides[i - 1].heap, *new = all->sides[i].heap;

        if (!new->is_merged && heap_same_run(old, new) && !heap_same_tracing(old, new))
            report_add_note(report,
                            "Tracing was begun anew between %s and %s: what was allocated before is "
                            "not known to the latter.",
                            old->path, new->path);
    }
}

static bool any_sampled(const struct sides *all)
{
    bool sampled = false;

    for (size_t i = 0; i < all->count; i++)
        sampled |= estimate_is(all->sides[i].heap);
    return sampled;
}

/* Say so where not all blocks were recorded. */
static void mention_sample(struct report *report, const struct sides *all)
{
    const struct heap **heaps = calloc(all->count, sizeof(*heaps));

    for (size_t i = 0; heaps && i < all->count; i++)
        heaps[i] = all->sides[i].heap;
    if (heaps)
        estimate_mention(report, heaps, all->count);
    free(heaps);
}

static int diff(const struct options *options, const struct sides *all)
{
    size_t count = all->count, unchanged = 0;
    const struct group_list **lists = calloc(count, sizeof(*lists));
    struct symbols **symbols = calloc(count, sizeof(*symbols));
    struct source_lines *sources =
        options->format == OPTIONS_TRACEMALLOC ? source_lines_create() : NULL;
    struct report *report = report_create();
    struct diff *found = NULL;
    bool is_empty; /* no block at all, on any side */
    int status;

    for (size_t i = 0; lists && symbols && i < count; i++) {
        lists[i] = all->sides[i].list;
        symbols[i] = all->sides[i].symbols;
    }
    if (lists && symbols && report)
        found = diff_create(lists, count);
    if (!found) {
        status = command_fail(&command_diff, COMMAND_NEGATIVE, "out of memory");
        goto out;
    }
    is_empty = found->row_count == 0;
    if (options->sort_given)
        diff_sort(found, options->sort);
    else if (options->format == OPTIONS_TEXT)
        unchanged = diff_drop_unchanged(found, options->counters);

    set_title(report, options, all);
    diff_report(found, symbols, &(struct diff_report_options){.limit = options->limit,
                                                              .columns = options->columns,
                                                              .sampled = any_sampled(all),
                                                              .sources = sources}, report);
    options_mention_filters(options, report, is_empty);
    if (found->row_count == 0 && !(is_empty && filter_has_patterns(options->filter)))
        report_add_note(report, "Nothing changed.");
    else if (unchanged)
        report_add_note(report, "%zu %s did not change.", unchanged,
                        unchanged == 1 ? "row" : "rows");
    if (options->group.cumulative)
        report_add_note(report, "Each block is counted to all frames of its stack, so the rows add "
                                "up to more than the total.");
    mention_gaps(report, all);
    mention_sample(report, all);
    estimate_mention_unlike(report, all->sides[0].heap, all->sides[count - 1].heap);
    if (all->singles)
        report_add_note(report, "%zu %s one snapshot only: left out.", all->singles,
                        all->singles == 1 ? "process has" : "processes have");
    status = options_print(options, &command_diff, &report, 1);
out:
    diff_destroy(found);
    report_destroy(report);
    source_lines_destroy(sources);
    free(symbols);
    free(lists);
    return status;
}

/* Report what became of the blocks. */
static int diff_blocks(const struct options *options, const struct sides *all)
{
    const struct side *old = &all->sides[0], *new = &all->sides[1];
    const struct block_report_input input = {
        .old = old->heap,
        .new = new->heap,
        .old_symbols = old->symbols,
        .new_symbols = new->symbols,
        .options = &options->group,
        .limit = options->limit,
    };
    struct report *report;
    int result, status;

    if (!block_diff_possible(old->heap, new->heap) && !old->heap->is_merged &&
        heap_same_run(old->heap, new->heap) && !heap_same_tracing(old->heap, new->heap))
        return command_fail(&command_diff, COMMAND_BAD_INPUT,
                            "--blocks: tracing was begun anew between %s and %s, so what became "
                            "of blocks is not known",
                            old->heap->path, new->heap->path);
    if (!block_diff_possible(old->heap, new->heap))
        return command_fail(&command_diff, COMMAND_BAD_INPUT,
                            "--blocks needs two snapshots of one run that list their blocks: %s "
                            "and %s are not",
                            old->heap->path, new->heap->path);
    report = report_create();
    if (!report)
        return command_fail(&command_diff, COMMAND_NEGATIVE, "out of memory");
    set_title(report, options, all);
    options_mention_filters(options, report, false);
    result = options->list ? block_report_list(&input, report) : block_report_groups(&input, report);
    mention_sample(report, all);
    status = result < 0 ? command_fail(&command_diff, COMMAND_NEGATIVE, "out of memory")
                        : options_print(options, &command_diff, &report, 1);
    report_destroy(report);
    return status;
}

/* Compare who holds the blocks, of which OLD and NEW are found out. */
static int compare_holders(const struct options *options, const struct sides *all,
                           struct graph_diff_side *sides, struct report *report)
{
    const struct group_list *lists[] = {all->sides[0].list, all->sides[1].list};
    const struct graph_diff_options how = {
        .limit = options->limit,
        .with_unchanged = options->format != OPTIONS_TEXT,
    };
    struct diff *found = diff_create(lists, 2);
    int result = found ? graph_diff_report(found, &sides[0], &sides[1], &how, report) : -ENOMEM;

    diff_destroy(found);
    return result;
}

/* Report who holds the blocks, and did. */
static int diff_graph(const struct options *options, const struct sides *all)
{
    struct graph *graphs[2] = {NULL};
    struct holder_paths *paths[2] = {NULL};
    struct graph_diff_side sides[2];
    struct report *report = report_create();
    int result = report ? 0 : -ENOMEM, status;

    for (size_t i = 0; i < 2 && result == 0; i++) {
        result = graph_create(all->sides[i].heap, 0, &graphs[i]);
        if (result == 0)
            result = holder_paths_create(graphs[i], all->sides[i].symbols, &paths[i]);
        sides[i] = (struct graph_diff_side){all->sides[i].list, graphs[i], paths[i],
                                            all->sides[i].symbols};
    }
    if (result == 0) {
        set_title(report, options, all);
        result = compare_holders(options, all, sides, report);
        options_mention_filters(options, report, false);
        for (size_t i = 0; i < 2 && result == 0; i++)
            graph_input_add_notes(all->sides[i].heap, report);
    }
    status = result < 0 ? command_fail(&command_diff, COMMAND_NEGATIVE, "out of memory")
                        : options_print(options, &command_diff, &report, 1);
    for (size_t i = 0; i < 2; i++) {
        holder_paths_destroy(paths[i]);
        graph_destroy(graphs[i]);
    }
    report_destroy(report);
    return status;
}

/* Does --graph fit the other options? Returns -1, or the exit status. */
static int check_graph(const struct options *options, const struct sides *all)
{
    if (!options->graph)
        return -1;
    if (all->count != 2 || all->is_one_directory)
        return command_fail(&command_diff, COMMAND_USAGE,
                            "--graph needs two snapshots, the old one first");
    if (options->blocks || options->group.cumulative || options->sort_given || options->counters ||
        options->format == OPTIONS_TRACEMALLOC)
        return command_fail(&command_diff, COMMAND_USAGE,
                            "--graph goes without --blocks, --cumulative, --sort, --columns and "
                            "--format tracemalloc");
    return -1;
}

/* Does --blocks fit the other options? Returns -1, or the exit status. */
static int check_blocks(const struct options *options, const struct sides *all)
{
    if (!options->blocks)
        return -1;
    if (all->count != 2 || all->is_one_directory)
        return command_fail(&command_diff, COMMAND_USAGE,
                            "--blocks needs two snapshots, the old one first");
    if (options->group.key == GROUP_SIZE || options->sort_given || options->counters ||
        options->format == OPTIONS_TRACEMALLOC)
        return command_fail(&command_diff, COMMAND_USAGE,
                            "--blocks goes without --group-by size, --sort, --columns and --format "
                            "tracemalloc");
    return -1;
}

static int run(int argc, char **argv)
{
    struct options options;
    struct sides all = {0};
    int status = options_parse(&options, &command_diff,
                               OPTIONS_GROUPS | OPTIONS_TYPES | OPTIONS_BLOCKS | OPTIONS_COLUMNS |
                                   OPTIONS_FORMAT | OPTIONS_OUTPUT,
                               argc, argv);

    if (status >= 0)
        goto out;
    all.is_one_directory = options.path_count == 1 && load_is_directory(options.paths[0]);
    all.count = all.is_one_directory ? 2 : options.path_count;
    if (all.count < 2) {
        status =
            command_fail(&command_diff, COMMAND_USAGE, "needs two snapshots, the old one first");
        goto out;
    }
    options.group.past = options.counters != 0;
    status = check_blocks(&options, &all);
    if (status < 0)
        status = check_graph(&options, &all);
    if (status >= 0)
        goto out;
    all.sides = calloc(all.count, sizeof(*all.sides));
    if (!all.sides) {
        status = command_fail(&command_diff, COMMAND_NEGATIVE, "out of memory");
        goto out;
    }
    status = load(&options, &all);
    if (status < 0)
        status = options.graph    ? diff_graph(&options, &all)
                 : options.blocks ? diff_blocks(&options, &all)
                                  : diff(&options, &all);
out:
    for (size_t i = 0; all.sides && i < all.count; i++) {
        group_destroy(all.sides[i].list);
        types_destroy(all.sides[i].types);
        symbols_destroy(all.sides[i].symbols);
        heap_destroy(all.sides[i].heap);
    }
    free(all.sides);
    options_finish(&options);
    return status;
}

const struct command command_diff = {
    .name = "diff",
    .summary = "what changed between snapshots, by who allocated it",
    .help = help,
    .run = run,
};
