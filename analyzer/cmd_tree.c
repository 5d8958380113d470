/* cmd_tree.c - what is alive in a snapshot, as a tree of calls. */
#include "command.h"
#include "graph_input.h"
#include "model/calltree.h"
#include "model/estimate.h"
#include "model/graph.h"
#include "model/held_profile.h"
#include "model/load.h"
#include "options.h"

#include <errno.h>
#include <stdlib.h>

/* clang-format off */
static const char help[] =
    "Usage: heapdelta tree [OPTIONS] SNAPSHOT|DIRECTORY\n"
    "\n"
    "Show what is alive in a snapshot as a tree of calls, largest first: each frame with all that\n"
    "was allocated by it and what it called. A frame without a number has that of the one above.\n"
    "\n"
    "  --bottom-up          from the functions that allocate to their callers\n"
    "  --callers PATTERN    the callers of what matches, by what passes through it; here a\n"
    "                       PATTERN without file= or module= is a function\n"
    "  --dominators         not calls, but which blocks hold which: below a variable, or else who\n"
    "                       holds them, the places of the blocks that would go with it, below\n"
    "                       each of these what would go with its blocks\n"
    "  --group-by KEY       lineno (default) or function: its lines are put together\n"
    "  --recursion          show each call of a recursion; else a frame that is below itself\n"
    "                       is the one above, and what lay between is left out\n"
    "  --value VALUE        order by bytes (default) or blocks alive; allocated_bytes or\n"
    "                       allocations, temporary since tracing began; peak_bytes, peak_blocks;\n"
    "                       with the heap graph lost_bytes, or held_bytes: to a block, what it\n"
    "                       holds alone\n"
    "  --min-share PERCENT  leave out what has less of the total (default 1)\n"
    "  --depth N            show N frames below each other (default 0: all)\n"
    "  --since MARK         only blocks allocated since: the label of a mark or snapshot of the\n"
    "                       process, or the number of the epoch that it began\n"
    OPTIONS_HELP_FILTERS
    "                       here: below each frame\n"
    OPTIONS_HELP_FORMAT OPTIONS_HELP_OUTPUT OPTIONS_HELP_HELP
    "\n" OPTIONS_HELP_PATTERNS
    "\n"
    "Examples:\n"
    "  heapdelta tree app.1234.0001.exit.hds\n"
    "  heapdelta tree --bottom-up --group-by function app.1234.0001.exit.hds\n"
    "  heapdelta tree --callers 'cache_*' --min-share 5 app.1234.0001.exit.hds\n"
    "  heapdelta tree --dominators --depth 3 app.1234.0001.exit.hds\n"
    "  heapdelta tree --value allocations --filter 'src/*' app.1234.0001.exit.hds\n";
/* clang-format on */

static bool needs_graph(const struct options *options)
{
    return options->dominators || options->value == PROFILE_LOST_BYTES ||
           options->value == PROFILE_HELD_BYTES;
}

/* Replace *PROFILE by OTHER, which was made of it and may be NULL. Returns 0 or -ENOMEM. */
static int replace(struct profile **profile, struct profile *other)
{
    profile_destroy(*profile);
    *profile = other;
    return other ? 0 : -ENOMEM;
}

/* The dominator tree of HEAP. NULL for lack of memory. */
static struct profile *make_dominators(const struct options *options, const struct heap *heap,
                                       struct symbols *symbols)
{
    struct profile *profile = NULL;
    struct graph *graph = NULL;
    int result = graph_create(heap, 0, &graph);

    if (result == 0)
        result = held_profile_create(graph, symbols, &profile);
    if (result == 0 && options->group.key == GROUP_FUNCTION)
        replace(&profile, calltree_fold(profile, false, true));
    graph_destroy(graph);
    return profile;
}

/* The profile that OPTIONS ask for. NULL for lack of memory. */
static struct profile *make_profile(const struct options *options, const struct heap *heap,
                                    struct symbols *symbols)
{
    struct group_held *held = calloc(heap->stack_count + 1, sizeof(*held));
    struct profile *profile = profile_create(1);
    struct graph *graph = NULL;
    int result = held && profile ? 0 : -ENOMEM;

    if (result == 0 && needs_graph(options))
        result = graph_create(heap, 0, &graph);
    if (result == 0)
        result = group_find_held(heap, symbols, &options->group, held);
    if (result == 0)
        result = profile_add_held(profile, 0, heap, symbols, options->filter, graph, held);
    if (result == 0)
        result = replace(&profile, calltree_fold(profile, !options->recursion,
                                                 options->group.key == GROUP_FUNCTION));
    if (result == 0 && options->callers)
        result = replace(&profile, calltree_callers(profile, options->callers));
    else if (result == 0 && options->bottom_up)
        result = replace(&profile, profile_invert(profile));
    graph_destroy(graph);
    free(held);
    if (result == 0)
        return profile;
    profile_destroy(profile);
    return NULL;
}

static void set_title(const struct options *options, const struct heap *heap,
                      struct report *report)
{
    char name[256];

    load_describe(heap, name, sizeof(name));
    report_title(report, "%s%s%s: %s%s%s%s", name, *heap->label && !heap->is_merged ? ", " : "",
                 heap->is_merged ? "" : heap->label,
                 options->dominators  ? "dominator tree"
                 : options->callers   ? "callers"
                 : options->bottom_up ? "call tree, bottom-up"
                                      : "call tree",
                 options->group.key == GROUP_FUNCTION ? " by function" : "",
                 options->since ? " since " : "", options->since ? options->since : "");
}

static int tree(struct options *options, const struct heap *heap, struct symbols *symbols)
{
    struct profile *profile = options->dominators ? make_dominators(options, heap, symbols)
                                                  : make_profile(options, heap, symbols);
    struct report *report = report_create();
    struct calltree_options how = {
        .value = options->value,
        .min_share = options->min_share,
        .limit = options->limit,
        .depth = options->depth,
        .shows_self = options->dominators,
    };
    int status;

    if (!profile || !report || calltree_report(profile, &how, report) < 0) {
        status = command_fail(&command_tree, COMMAND_NEGATIVE, "out of memory");
    } else {
        set_title(options, heap, report);
        options_mention_filters(options, report, profile->node_count == 1);
        estimate_mention_total(report, heap);
        if (options->callers && profile->node_count == 1)
            report_add_note(report, "No stack has a frame that matches --callers.");
        if (options->dominators)
            graph_input_add_notes(heap, report);
        status = options_print(options, &command_tree, &report, 1);
    }
    report_destroy(report);
    profile_destroy(profile);
    return status;
}

/* Do OPTIONS fit together? Returns -1, or the exit status. */
static int check(const struct options *options)
{
    if (options->path_count != 1)
        return command_fail(&command_tree, COMMAND_USAGE,
                            options->path_count ? "takes one snapshot, not %zu"
                                                : "needs a snapshot",
                            options->path_count);
    if (options->group.key != GROUP_LINENO && options->group.key != GROUP_FUNCTION)
        return command_fail(&command_tree, COMMAND_USAGE,
                            "--group-by knows lineno and function here, not %s",
                            group_key_name(options->group.key));
    if (options->bottom_up && options->callers)
        return command_fail(&command_tree, COMMAND_USAGE,
                            "--callers is bottom-up already: use one of the two");
    if (options->dominators &&
        (options->bottom_up || options->callers || options->recursion || options->since ||
         filter_has_patterns(options->filter) ||
         (options->value != PROFILE_BYTES && options->value != PROFILE_BLOCKS)))
        return command_fail(&command_tree, COMMAND_USAGE,
                            "--dominators is of all blocks and their bytes or number: it goes "
                            "without --bottom-up, --callers, --recursion, --since, filters and "
                            "other values");
    if (options->since && options->value != PROFILE_BYTES && options->value != PROFILE_BLOCKS)
        return command_fail(&command_tree, COMMAND_USAGE,
                            "--since knows the values bytes and blocks, not %s",
                            profile_value_name(options->value));
    return -1;
}

/* Load the heap, and find in it what OPTIONS name. Returns the exit status. */
static int load(struct options *options, struct heap **out_heap)
{
    const char *path = options->paths[0];
    struct error error;

    if (needs_graph(options))
        return graph_input_load(&command_tree, path, out_heap);
    if (load_heap(path, out_heap, &error) < 0)
        return command_fail(&command_tree, COMMAND_BAD_INPUT, "%s", error.text);
    if (!options->since)
        return COMMAND_DONE;
    options->group.since = heap_find_epoch(*out_heap, options->since);
    if (!options->group.since)
        return command_fail(&command_tree, COMMAND_BAD_INPUT,
                            "--since '%s': %s has no such mark ('heapdelta info' lists the epochs)",
                            options->since, path);
    if (!(*out_heap)->has_blocks)
        return command_fail(&command_tree, COMMAND_BAD_INPUT,
                            "%s: its blocks are only counted, not listed: --since can't be used",
                            path);
    return COMMAND_DONE;
}

static int run(int argc, char **argv)
{
    struct options options;
    struct heap *heap = NULL;
    struct symbols *symbols = NULL;
    int status = options_parse(&options, &command_tree,
                               OPTIONS_TREE | OPTIONS_FILTERS | OPTIONS_FORMAT | OPTIONS_OUTPUT,
                               argc, argv);

    if (status < 0)
        status = check(&options);
    if (status >= 0)
        goto out;
    status = load(&options, &heap);
    if (status != COMMAND_DONE)
        goto out;
    symbols = symbols_create(heap);
    status = symbols ? tree(&options, heap, symbols)
                     : command_fail(&command_tree, COMMAND_NEGATIVE, "out of memory");
out:
    symbols_destroy(symbols);
    heap_destroy(heap);
    options_finish(&options);
    return status;
}

const struct command command_tree = {
    .name = "tree",
    .summary = "what is alive in a snapshot, as a tree of calls",
    .help = help,
    .run = run,
};
