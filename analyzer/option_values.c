#include "option_values.h"

#include "quantity.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DELAY_MIN        100000000u /* ns */
#define DELAY_MAX        (24 * 3600 * 1000000000ull)
#define LABEL_LENGTH_MAX 64

/* Does a command that takes SETS know the format of tracemalloc? */
static bool takes_tracemalloc(unsigned sets)
{
    return sets & OPTIONS_GROUPS;
}

int option_values_format(struct options *options, const struct command *command, unsigned sets,
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

int option_values_limit(struct options *options, const struct command *command, const char *text)
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
int option_values_columns(struct options *options, const struct command *command, unsigned sets,
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

int option_values_label(struct options *options, const struct command *command, const char *text)
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

int option_values_pattern(struct options *options, const struct command *command,
                          enum filter_kind kind, const char *text)
{
    struct error error;

    if (filter_add(options->filter, kind, text, &error) < 0)
        return command_fail(command, COMMAND_USAGE, "%s", error.text);
    return -1;
}

/* Take the PATTERN of functions whose callers are asked for. */
int option_values_callers(struct options *options, const struct command *command, const char *text)
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

int option_values_suppressions(struct options *options, const struct command *command,
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
int option_values_min_share(struct options *options, const struct command *command,
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

int option_values_depth(struct options *options, const struct command *command, const char *text)
{
    char *end;
    unsigned long depth = strtoul(text, &end, 10);

    if (!isdigit((unsigned char)text[0]) || *end || depth > UINT32_MAX)
        return command_fail(command, COMMAND_USAGE, "--depth '%s': not a number (0 for all)", text);
    options->depth = depth;
    options->depth_given = true;
    return -1;
}

int option_values_sort(struct options *options, const struct command *command, unsigned sets,
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
        return options_fail_value(
            command, "--sort", text,
            sets & OPTIONS_SINCE
                ? "size, count, average, name, " DIFF_COUNTERS ", retained"
                : "change, size, count, size_diff, count_diff, average, name, " DIFF_COUNTERS
                  ", or a counter with _diff");
    for (unsigned i = 0; i < SNAPSHOT_ALL_COUNTERS; i++)
        if (diff_sort_counters(options->sort) & 1u << i)
            add_column(options, i);
    if (options->sort == DIFF_BY_RETAINED)
        add_column(options, DIFF_COLUMN_RETAINED);
    return -1;
}

int option_values_batch(struct options *options, const struct command *command, const char *text)
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

int option_values_delay(struct options *options, const struct command *command, const char *text)
{
    if (quantity_read_time(text, &options->delay) < 0 || options->delay < DELAY_MIN ||
        options->delay > DELAY_MAX)
        return command_fail(command, COMMAND_USAGE,
                            "--delay '%s': not a time from 100ms to 24h, as 500ms, 2s", text);
    return -1;
}
