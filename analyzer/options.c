#include "options.h"

#include "output.h"
#include "quantity.h"
#include "suggest.h"
#include "views/csv.h"
#include "views/json.h"
#include "views/text.h"
#include "views/tracemalloc.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_LIMIT    10
#define DEFAULT_MIN_SHARE 0.01
#define DEFAULT_TIMEOUT  10000000000u /* ns */
#define DEFAULT_DELAY    1000000000u  /* ns */
#define DELAY_MIN        100000000u   /* ns */
#define DELAY_MAX        (24 * 3600 * 1000000000ull)
#define LABEL_LENGTH_MAX 64

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

/* Does a command that takes SETS know the format of tracemalloc? */
static bool takes_tracemalloc(unsigned sets)
{
    return sets & OPTIONS_GROUPS;
}

static int parse_format(struct options *options, const struct command *command, unsigned sets,
                        const char *text)
{
    if (strcmp(text, "text") == 0)
        options->format = OPTIONS_TEXT;
    else if (strcmp(text, "json") == 0)
        options->format = OPTIONS_JSON;
    else if (strcmp(text, "csv") == 0)
        options->format = OPTIONS_CSV;
    else if (strcmp(text, "tracemalloc") == 0 && takes_tracemalloc(sets))
        options->format = OPTIONS_TRACEMALLOC;
    else
        return options_fail_value(command, "--format", text,
                                  takes_tracemalloc(sets) ? "text, json, csv, tracemalloc"
                                                          : "text, json, csv");
    return -1;
}

static int parse_limit(struct options *options, const struct command *command, const char *text)
{
    unsigned long long limit;
    char *end;

    errno = 0;
    limit = strtoull(text, &end, 10);
    if (!isdigit((unsigned char)text[0]) || *end || errno)
        return command_fail(command, COMMAND_USAGE,
                            "--limit '%s': not a number of rows (0 for all)", text);
    options->limit = (size_t)limit;
    return -1;
}

/* Also show COLUMN: an enum snapshot_counter, or DIFF_COLUMN_RETAINED. */
static void add_column(struct options *options, unsigned column)
{
    if (column == DIFF_COLUMN_RETAINED)
        options->retained = true;
    else
        options->counters |= 1u << column;
    diff_columns_add(&options->columns, column);
}

/* Take a list of counters, separated by commas. */
static int parse_columns(struct options *options, const struct command *command, unsigned sets,
                         const char *text)
{
    char name[32];

    for (;; text++) {
        size_t length = strcspn(text, ",");
        enum snapshot_counter counter;

        snprintf(name, sizeof(name), "%.*s", (int)length, text);
        if (strcmp(name, "retained") == 0 && sets & OPTIONS_SINCE)
            add_column(options, DIFF_COLUMN_RETAINED);
        else if (diff_report_find_counter(name, &counter) == 0)
            add_column(options, counter);
        else
            return options_fail_value(command, "--columns", name,
                                      sets & OPTIONS_SINCE ? DIFF_COUNTERS ", retained"
                                                           : DIFF_COUNTERS);
        text += length;
        if (!*text)
            return -1;
    }
}

static int parse_label(struct options *options, const struct command *command, const char *text)
{
    size_t length = strlen(text);
    bool plain = length > 0 && length <= LABEL_LENGTH_MAX;

    for (size_t i = 0; i < length && plain; i++)
        plain = isascii(text[i]) && (isalnum(text[i]) || strchr("._+-", text[i]));
    if (!plain)
        return command_fail(command, COMMAND_USAGE,
                            "--label '%s': not 1 to %d letters, digits and . _ + -", text,
                            LABEL_LENGTH_MAX);
    options->label = text;
    return -1;
}

static int parse_pattern(struct options *options, const struct command *command,
                         enum filter_kind kind, const char *text)
{
    struct error error;

    if (filter_add(options->filter, kind, text, &error) < 0)
        return command_fail(command, COMMAND_USAGE, "%s", error.text);
    return -1;
}

/* Take the PATTERN of functions whose callers are asked for. */
static int parse_callers(struct options *options, const struct command *command, const char *text)
{
    bool is_plain = !strchr(text, '='); /* then it is a function */
    char *pattern = NULL;
    struct error error;
    int result = -ENOMEM;

    if (!options->callers)
        options->callers = filter_create();
    if (options->callers && asprintf(&pattern, "%s%s", is_plain ? "function=" : "", text) >= 0)
        result = filter_add(options->callers, FILTER_INCLUDE, pattern, &error);
    else
        error_set(&error, -ENOMEM, "out of memory");
    free(pattern);
    if (result == 0 && filter_wants_threads(options->callers))
        result = error_set(&error, -EINVAL, "pattern '%s': a thread is no function", text);
    return result < 0 ? command_fail(command, COMMAND_USAGE, "--callers: %s", error.text) : -1;
}

static int parse_suppressions(struct options *options, const struct command *command,
                              const char *path)
{
    struct error error = {"out of memory"};

    if (!options->suppressions)
        options->suppressions = suppressions_create();
    if (!options->suppressions || suppressions_read(options->suppressions, path, &error) < 0)
        return command_fail(command, COMMAND_BAD_INPUT, "%s", error.text);
    return -1;
}

/* Take a part of the whole, in percent. */
static int parse_min_share(struct options *options, const struct command *command,
                           const char *text)
{
    char *end;
    double share = strtod(text, &end);

    if (!isdigit((unsigned char)text[0]) || strcmp(end, *end == '%' ? "%" : "") != 0 ||
        !(share <= 100))
        return command_fail(command, COMMAND_USAGE,
                            "--min-share '%s': not a number of percent, as 5 or 0.1", text);
    options->min_share = share / 100;
    return -1;
}

static int parse_depth(struct options *options, const struct command *command, const char *text)
{
    char *end;
    unsigned long depth = strtoul(text, &end, 10);

    if (!isdigit((unsigned char)text[0]) || *end || depth > UINT32_MAX)
        return command_fail(command, COMMAND_USAGE,
                            "--depth '%s': not a number (0 for all)", text);
    options->depth = depth;
    options->depth_given = true;
    return -1;
}

static int parse_sort(struct options *options, const struct command *command, unsigned sets,
                      const char *text)
{
    options->sort_given = true;
    if (sets & OPTIONS_WATCH)
        return watch_order_find(text, &options->watch_order) == 0
                   ? -1
                   : options_fail_value(command, "--sort", text, WATCH_ORDER_NAMES);
    if (diff_sort_find(text, &options->sort) < 0 ||
        (diff_sort_counters(options->sort) && !(sets & OPTIONS_COLUMNS)) ||
        (options->sort == DIFF_BY_RETAINED && !(sets & OPTIONS_SINCE)))
        return options_fail_value(command, "--sort", text,
                                  sets & OPTIONS_SINCE
                                      ? "size, count, average, name, " DIFF_COUNTERS ", retained"
                                      : "change, size, count, size_diff, count_diff, average, name, "
                                        DIFF_COUNTERS ", or a counter with _diff");
    for (unsigned i = 0; i < SNAPSHOT_ALL_COUNTERS; i++)
        if (diff_sort_counters(options->sort) & 1u << i)
            add_column(options, i);
    if (options->sort == DIFF_BY_RETAINED)
        add_column(options, DIFF_COLUMN_RETAINED);
    return -1;
}

static int parse_batch(struct options *options, const struct command *command, const char *text)
{
    char *end;
    unsigned long rounds = strtoul(text, &end, 10);

    if (!isdigit((unsigned char)text[0]) || *end || rounds > UINT32_MAX)
        return command_fail(command, COMMAND_USAGE,
                            "--batch '%s': not a number of times (0: until the end)", text);
    options->batch = true;
    options->rounds = rounds;
    return -1;
}

static int parse_delay(struct options *options, const struct command *command, const char *text)
{
    if (quantity_read_time(text, &options->delay) < 0 || options->delay < DELAY_MIN ||
        options->delay > DELAY_MAX)
        return command_fail(command, COMMAND_USAGE,
                            "--delay '%s': not a time from 100ms to 24h, as 500ms, 2s", text);
    return -1;
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
        return parse_format(options, command, sets, value);
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
        return parse_pattern(options, command, FILTER_INCLUDE, value);
    case OPTION_EXCLUDE:
        return parse_pattern(options, command, FILTER_EXCLUDE, value);
    case OPTION_ALL_FRAMES:
        filter_look_at_all_frames(options->filter);
        return -1;
    case OPTION_SKIP:
        return parse_pattern(options, command, FILTER_SKIP, value);
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
        return parse_sort(options, command, sets, value);
    case OPTION_LIMIT:
        return parse_limit(options, command, value);
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
        return parse_columns(options, command, sets, value);
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
        return parse_callers(options, command, value);
    case OPTION_RECURSION:
        options->recursion = true;
        return -1;
    case OPTION_MIN_SHARE:
        return parse_min_share(options, command, value);
    case OPTION_DEPTH:
        return parse_depth(options, command, value);
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
        return parse_batch(options, command, value);
    case OPTION_DELAY:
        return parse_delay(options, command, value);
    case OPTION_LABEL:
        return parse_label(options, command, value);
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
        return parse_suppressions(options, command, value);
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

int options_print(const struct options *options, const struct command *command,
                  struct report *const *reports, size_t count)
{
    struct output output;
    struct error error;
    int result = 0;

    for (size_t i = 0; i < count; i++) {
        reports[i]->whole_names = options->wide;
        if (report_failed(reports[i]))
            return command_fail(command, COMMAND_NEGATIVE, "out of memory");
    }
    if (output_open(&output, options->output, &error) < 0)
        return command_fail(command, COMMAND_NEGATIVE, "%s", error.text);
    if (options->format == OPTIONS_JSON && options->batch) {
        for (size_t i = 0; i < count && !result; i++)
            result = json_print_line(output.file, reports[i]);
    } else if (options->format == OPTIONS_JSON) {
        result = json_print(output.file, reports, count);
    } else if (options->format == OPTIONS_CSV) {
        csv_print(output.file, reports, count);
    } else if (options->format == OPTIONS_TRACEMALLOC) {
        for (size_t i = 0; i < count; i++)
            tracemalloc_print(output.file, reports[i], options->most_recent_first);
    } else {
        for (size_t i = 0; i < count && !result; i++) {
            fputs(i ? "\n" : "", output.file);
            result = text_print(output.file, reports[i], text_terminal_width(output.file));
        }
    }
    if (result < 0) {
        output_discard(&output);
        return command_fail(command, COMMAND_NEGATIVE, "out of memory");
    }
    if ((options->batch ? output_flush : output_close)(&output, &error) < 0)
        return error.text[0] ? command_fail(command, COMMAND_NEGATIVE, "%s", error.text)
                             : COMMAND_NEGATIVE;
    return COMMAND_DONE;
}
