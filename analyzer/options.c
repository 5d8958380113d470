#include "options.h"

#include "option_values.h"
#include "quantity.h"
#include "suggest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_LIMIT     10
#define DEFAULT_MIN_SHARE 0.01
#define DEFAULT_TIMEOUT   10000000000u /* ns */
#define DEFAULT_DELAY     1000000000u  /* ns */

enum option_code {
    OPTION_OUTPUT = 'o',
    OPTION_HELP = 'h',
    OPTION_FORMAT = 256,
    OPTION_GROUP_BY,
    OPTION_CUMULATIVE,
    OPTION_FILTER,
    OPTION_EXCLUDE,
    OPTION_ALL_FRAMES,
    OPTION_SKIP,
    OPTION_TRACEMALLOC_COMPAT,
    OPTION_MOST_RECENT_FIRST,
    OPTION_SINCE,
    OPTION_SORT,
    OPTION_LIMIT,
    OPTION_MODULES,
    OPTION_SECTION,
    OPTION_TIMEOUT,
    OPTION_LABEL,
    OPTION_STRICT,
    OPTION_ALL,
    OPTION_EXPLAIN,
    OPTION_ERROR_EXITCODE,
    OPTION_SUPPRESSIONS,
    OPTION_TO,
    OPTION_BLOCKS,
    OPTION_GRAPH,
    OPTION_COLUMNS,
    OPTION_WIDE,
    OPTION_LIST,
    OPTION_VALUE,
    OPTION_BOTTOM_UP,
    OPTION_CALLERS,
    OPTION_RECURSION,
    OPTION_MIN_SHARE,
    OPTION_DEPTH,
    OPTION_DOMINATORS,
    OPTION_ALL_PATHS,
    OPTION_ONCE,
    OPTION_BATCH,
    OPTION_DELAY,
};

/* Every option there is, and the sets it belongs to; 0: to each command. */
static const struct {
    struct option option;
    unsigned sets;
} table[] = {
    {{"help", no_argument, NULL, OPTION_HELP}, 0},
    {{"output", required_argument, NULL, OPTION_OUTPUT}, OPTIONS_OUTPUT},
    {{"format", required_argument, NULL, OPTION_FORMAT}, OPTIONS_FORMAT},
    {{"group-by", required_argument, NULL, OPTION_GROUP_BY},
     OPTIONS_GROUPS | OPTIONS_TREE | OPTIONS_WATCH},
    {{"cumulative", no_argument, NULL, OPTION_CUMULATIVE}, OPTIONS_GROUPS},
    {{"filter", required_argument, NULL, OPTION_FILTER}, OPTIONS_GROUPS | OPTIONS_FILTERS},
    {{"exclude", required_argument, NULL, OPTION_EXCLUDE}, OPTIONS_GROUPS | OPTIONS_FILTERS},
    {{"all-frames", no_argument, NULL, OPTION_ALL_FRAMES}, OPTIONS_GROUPS | OPTIONS_FILTERS},
    {{"skip", required_argument, NULL, OPTION_SKIP}, OPTIONS_GROUPS | OPTIONS_FILTERS},
    {{"tracemalloc-compat", no_argument, NULL, OPTION_TRACEMALLOC_COMPAT}, OPTIONS_GROUPS},
    {{"most-recent-first", no_argument, NULL, OPTION_MOST_RECENT_FIRST}, OPTIONS_GROUPS},
    {{"since", required_argument, NULL, OPTION_SINCE}, OPTIONS_SINCE | OPTIONS_TREE},
    {{"columns", required_argument, NULL, OPTION_COLUMNS}, OPTIONS_COLUMNS},
    {{"wide", no_argument, NULL, OPTION_WIDE}, OPTIONS_GROUPS | OPTIONS_FILTERS},
    {{"sort", required_argument, NULL, OPTION_SORT}, OPTIONS_GROUPS | OPTIONS_WATCH},
    {{"limit", required_argument, NULL, OPTION_LIMIT},
     OPTIONS_GROUPS | OPTIONS_FILTERS | OPTIONS_LIMIT},
    {{"modules", no_argument, NULL, OPTION_MODULES}, OPTIONS_MODULES},
    {{"section", required_argument, NULL, OPTION_SECTION}, OPTIONS_SECTION},
    {{"timeout", required_argument, NULL, OPTION_TIMEOUT}, OPTIONS_TIMEOUT},
    {{"label", required_argument, NULL, OPTION_LABEL}, OPTIONS_LABEL},
    {{"strict", no_argument, NULL, OPTION_STRICT}, OPTIONS_STRICT},
    {{"all", no_argument, NULL, OPTION_ALL}, OPTIONS_LEAKS},
    {{"explain", no_argument, NULL, OPTION_EXPLAIN}, OPTIONS_LEAKS},
    {{"error-exitcode", no_argument, NULL, OPTION_ERROR_EXITCODE}, OPTIONS_LEAKS},
    {{"suppressions", required_argument, NULL, OPTION_SUPPRESSIONS}, OPTIONS_LEAKS},
    {{"blocks", no_argument, NULL, OPTION_BLOCKS}, OPTIONS_BLOCKS},
    {{"graph", no_argument, NULL, OPTION_GRAPH}, OPTIONS_BLOCKS},
    {{"list", no_argument, NULL, OPTION_LIST}, OPTIONS_BLOCKS},
    {{"to", required_argument, NULL, OPTION_TO}, OPTIONS_EXPORT},
    {{"value", required_argument, NULL, OPTION_VALUE}, OPTIONS_EXPORT | OPTIONS_TREE},
    {{"bottom-up", no_argument, NULL, OPTION_BOTTOM_UP}, OPTIONS_TREE},
    {{"callers", required_argument, NULL, OPTION_CALLERS}, OPTIONS_TREE},
    {{"recursion", no_argument, NULL, OPTION_RECURSION}, OPTIONS_TREE},
    {{"min-share", required_argument, NULL, OPTION_MIN_SHARE}, OPTIONS_TREE},
    {{"depth", required_argument, NULL, OPTION_DEPTH}, OPTIONS_TREE | OPTIONS_PATHS},
    {{"all-paths", no_argument, NULL, OPTION_ALL_PATHS}, OPTIONS_PATHS},
    {{"dominators", no_argument, NULL, OPTION_DOMINATORS}, OPTIONS_TREE},
    {{"once", no_argument, NULL, OPTION_ONCE}, OPTIONS_WATCH},
    {{"batch", required_argument, NULL, OPTION_BATCH}, OPTIONS_WATCH},
    {{"delay", required_argument, NULL, OPTION_DELAY}, OPTIONS_WATCH},
};

#define TABLE_SIZE (sizeof(table) / sizeof(table[0]))

/* Put the options of SETS into OUT, which has room for all of the table and an end. */
static void select_options(unsigned sets, struct option *out)
{
    size_t count = 0;

    for (size_t i = 0; i < TABLE_SIZE; i++) {
        if (!table[i].sets || table[i].sets & sets)
            out[count++] = table[i].option;
    }
    out[count] = (struct option){0};
}

/* Take one option. Returns -1, or the exit status. */
static int parse_option(struct options *options, const struct command *command, unsigned sets,
                        int code, const char *value)
{
    switch (code) {
    case OPTION_HELP:
        return command_help(command);
    case OPTION_OUTPUT:
        options->output = value;
        return -1;
    case OPTION_FORMAT:
        return option_values_format(options, command, sets, value);
    case OPTION_GROUP_BY:
        if (group_key_find(value, &options->group.key) < 0)
            return options_fail_value(command, "--group-by", value,
                                      sets & OPTIONS_TREE    ? "lineno, function"
                                      : sets & OPTIONS_WATCH ? "lineno, filename, function, "
                                                               "module, thread, type"
                                                             : GROUP_KEY_NAMES);
        return -1;
    case OPTION_CUMULATIVE:
        options->group.cumulative = true;
        return -1;
    case OPTION_FILTER:
        return option_values_pattern(options, command, FILTER_INCLUDE, value);
    case OPTION_EXCLUDE:
        return option_values_pattern(options, command, FILTER_EXCLUDE, value);
    case OPTION_ALL_FRAMES:
        filter_look_at_all_frames(options->filter);
        return -1;
    case OPTION_SKIP:
        return option_values_pattern(options, command, FILTER_SKIP, value);
    case OPTION_TRACEMALLOC_COMPAT:
        options->group.follows_tracemalloc = true;
        return -1;
    case OPTION_MOST_RECENT_FIRST:
        options->most_recent_first = true;
        return -1;
    case OPTION_SINCE:
        options->since = value;
        return -1;
    case OPTION_SORT:
        return option_values_sort(options, command, sets, value);
    case OPTION_LIMIT:
        return option_values_limit(options, command, value);
    case OPTION_MODULES:
        options->modules = true;
        return -1;
    case OPTION_SECTION:
        options->section = value;
        return -1;
    case OPTION_TIMEOUT:
        if (quantity_read_time(value, &options->timeout) < 0)
            return command_fail(command, COMMAND_USAGE,
                                "--timeout '%s': not a time as 500ms, 10s, 2m", value);
        return -1;
    case OPTION_COLUMNS:
        return option_values_columns(options, command, sets, value);
    case OPTION_WIDE:
        options->wide = true;
        return -1;
    case OPTION_GRAPH:
        options->graph = true;
        return -1;
    case OPTION_BLOCKS:
        options->blocks = true;
        return -1;
    case OPTION_LIST:
        options->blocks = options->list = true;
        return -1;
    case OPTION_TO:
        options->form = value;
        return -1;
    case OPTION_VALUE:
        if (profile_value_find(value, &options->value) < 0)
            return options_fail_value(command, "--value", value,
                                      "bytes, blocks, allocated_bytes, allocations, temporary, "
                                      "peak_bytes, peak_blocks, lost_bytes, held_bytes");
        options->value_given = true;
        return -1;
    case OPTION_BOTTOM_UP:
        options->bottom_up = true;
        return -1;
    case OPTION_CALLERS:
        return option_values_callers(options, command, value);
    case OPTION_RECURSION:
        options->recursion = true;
        return -1;
    case OPTION_MIN_SHARE:
        return option_values_min_share(options, command, value);
    case OPTION_DEPTH:
        return option_values_depth(options, command, value);
    case OPTION_ALL_PATHS:
        options->all_paths = true;
        return -1;
    case OPTION_DOMINATORS:
        options->dominators = true;
        return -1;
    case OPTION_ONCE:
        options->batch = true;
        options->rounds = 1;
        return -1;
    case OPTION_BATCH:
        return option_values_batch(options, command, value);
    case OPTION_DELAY:
        return option_values_delay(options, command, value);
    case OPTION_LABEL:
        return option_values_label(options, command, value);
    case OPTION_STRICT:
        options->strict = true;
        return -1;
    case OPTION_ALL:
        options->all = true;
        return -1;
    case OPTION_EXPLAIN:
        options->explain = true;
        return -1;
    case OPTION_ERROR_EXITCODE:
        options->error_exitcode = true;
        return -1;
    case OPTION_SUPPRESSIONS:
        return option_values_suppressions(options, command, value);
    }
    return -1;
}

int options_fail(const struct command *command, int code, const char *word,
                 const struct option *known)
{
    size_t length = strcspn(word, "=");
    char name[64];
    struct suggestion suggestion = {.typed = name};

    if (code == ':')
        return command_fail(command, COMMAND_USAGE, "option '%s' lacks its value", word);
    if (optopt && strncmp(word, "--", 2) == 0)
        return command_fail(command, COMMAND_USAGE, "option '%s' takes no value", word);
    if (optopt)
        return command_fail(command, COMMAND_USAGE, "unknown option '-%c'", optopt);
    snprintf(name, sizeof(name), "%.*s", length < 2 ? 0 : (int)length - 2, word + 2);
    for (; known->name; known++)
        suggestion_try(&suggestion, known->name);
    if (suggestion.nearest)
        return command_fail(command, COMMAND_USAGE, "unknown option '%s' (did you mean '--%s'?)",
                            word, suggestion.nearest);
    return command_fail(command, COMMAND_USAGE, "unknown option '%s'", word);
}

int options_fail_value(const struct command *command, const char *option, const char *value,
                       const char *list)
{
    struct suggestion suggestion = {.typed = value};
    char *words = strdup(list), *rest = NULL;
    int status;

    for (char *word = words ? strtok_r(words, ",", &rest) : NULL; word;
         word = strtok_r(NULL, ",", &rest)) {
        word += *word == ' ';
        if (!strchr(word, ' '))
            suggestion_try(&suggestion, word);
    }
    status = command_fail(command, COMMAND_USAGE, "%s '%s'%s%s%s: none of %s", option, value,
                          suggestion.nearest ? " (did you mean '" : "",
                          suggestion.nearest ? suggestion.nearest : "",
                          suggestion.nearest ? "'?)" : "", list);
    free(words);
    return status;
}

/* Does the format fit what is asked for? Let the groups follow from it. Returns -1, or the exit
 * status. */
static int check_format(struct options *options, const struct command *command, unsigned sets)
{
    enum group_key key = options->group.key;

    if (group_needs_types(&options->group) && (!(sets & OPTIONS_TYPES) || options->blocks))
        return command_fail(command, COMMAND_USAGE,
                            "types of blocks are known to 'stats' and 'diff', without --blocks");
    if (options->format == OPTIONS_TRACEMALLOC) {
        if (key != GROUP_LINENO && key != GROUP_FILENAME && key != GROUP_TRACEBACK)
            return command_fail(command, COMMAND_USAGE,
                                "--format tracemalloc knows --group-by lineno, filename and "
                                "traceback, not %s",
                                group_key_name(key));
        options->group.follows_tracemalloc = true;
    }
    if (options->group.follows_tracemalloc)
        filter_follow_tracemalloc(options->filter);
    return -1;
}

int options_parse(struct options *options, const struct command *command, unsigned sets, int argc,
                  char **argv)
{
    /* `:` first: getopt is silent and tells a missing value from an unknown option. */
    const char *letters = sets & OPTIONS_OUTPUT ? ":ho:" : ":h";
    struct option selected[TABLE_SIZE + 1];
    int code, status = -1;

    *options = (struct options){
        .limit = DEFAULT_LIMIT,
        .timeout = DEFAULT_TIMEOUT,
        .min_share = DEFAULT_MIN_SHARE,
        .delay = DEFAULT_DELAY,
        .filter = filter_create(),
    };
    if (!options->filter)
        return command_fail(command, COMMAND_NEGATIVE, "out of memory");
    options->group.filter = options->filter;
    select_options(sets, selected);

    optind = 0;
    while (status < 0 && (code = getopt_long(argc, argv, letters, selected, NULL)) != -1) {
        if (code == '?' || code == ':')
            status = options_fail(command, code, argv[optind - 1], selected);
        else
            status = parse_option(options, command, sets, code, optarg);
    }
    if (status < 0)
        status = check_format(options, command, sets);
    if (status < 0 && options->group.cumulative && !group_key_of_frames(options->group.key))
        status = command_fail(command, COMMAND_USAGE,
                              "--cumulative counts frames: it can't be used with --group-by %s",
                              group_key_name(options->group.key));
    options->paths = argv + optind;
    options->path_count = (size_t)(argc - optind);
    return status;
}

int options_check_counters(const struct options *options, const struct command *command,
                           const struct heap *heap)
{
    if (options->counters && group_key_of_blocks(options->group.key))
        return command_fail(command, COMMAND_USAGE,
                            "--group-by %s has no counters: these are of stacks",
                            group_key_name(options->group.key));
    if (options->counters >> SNAPSHOT_COUNTERS_PER_STACK && !heap->has_more_counters)
        return command_fail(command, COMMAND_BAD_INPUT,
                            "%s: what was temporary or alive at the peak is not in it: %s older "
                            "version of heapdelta recorded it",
                            heap->path, heap->is_merged ? "for some of its processes an" : "an");
    return -1;
}

void options_mention_filters(const struct options *options, struct report *report, bool no_rows)
{
    if (!filter_has_patterns(options->filter) || !report->title)
        return;
    report_title(report, "%s, filtered", report->title);
    if (no_rows)
        report_add_note(report, "No block matches the filters.");
}

void options_finish(struct options *options)
{
    filter_destroy(options->filter);
    filter_destroy(options->callers);
    suppressions_destroy(options->suppressions);
}
