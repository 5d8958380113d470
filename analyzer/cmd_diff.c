/* cmd_diff.c - what changed between snapshots, by who allocated it. */
#include "command.h"
#include "format/snapshot.h"
#include "model/diff.h"
#include "model/diff_report.h"
#include "model/heap.h"
#include "options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* clang-format off */
static const char help[] =
    "Usage: heapdelta diff [OPTIONS] OLD NEW…\n"
    "\n"
    "Show what changed between two snapshots or more, largest change first. They may be\n"
    "of one run, of two runs or of two machines: names and lines are compared, not\n"
    "addresses. With more than two, all values are shown; the difference is the last\n"
    "minus the first.\n"
    "\n" OPTIONS_HELP_GROUPS
    "  --sort ORDER         change (default: the size of the change, be it growth or not),\n"
    "                       size_diff (growth first), count_diff, size, count, average, name\n"
    OPTIONS_HELP_FORMAT OPTIONS_HELP_OUTPUT OPTIONS_HELP_HELP
    "\n" OPTIONS_HELP_PATTERNS
    "\n"
    "As text and in the default order, rows that did not change are left out.\n"
    "\n"
    "Examples:\n"
    "  heapdelta diff app.1234.0001.before.hds app.1234.0002.after.hds\n"
    "  heapdelta diff --group-by traceback --limit 1 before.hds after.hds\n"
    "  heapdelta diff --sort size_diff --format json --limit 0 monday.hds friday.hds\n";
/* clang-format on */

/* The loaded snapshots and what was found in each. */
struct side {
    struct heap *heap;
    struct symbols *symbols;
    struct group_list *list;
};

static int load(const struct options *options, struct side *sides)
{
    struct error error;

    for (size_t i = 0; i < options->path_count; i++) {
        if (heap_load(options->paths[i], &sides[i].heap, &error) < 0)
            return command_fail(&command_diff, COMMAND_BAD_INPUT, "%s", error.text);
    }
    for (size_t i = 0; i < options->path_count; i++) {
        sides[i].symbols = symbols_create(sides[i].heap);
        if (sides[i].symbols)
            sides[i].list = group_create(sides[i].heap, sides[i].symbols, &options->group);
        if (!sides[i].list)
            return command_fail(&command_diff, COMMAND_NEGATIVE, "out of memory");
    }
    return -1;
}

static bool same_run(const struct heap *a, const struct heap *b)
{
    return memcmp(a->process->run, b->process->run, sizeof(a->process->run)) == 0;
}

/* How SNAPSHOT is called in a title: by its label, else by its number. */
static const char *snapshot_name(const struct heap *heap, char *buffer, size_t size)
{
    if (*heap->label)
        return heap->label;
    snprintf(buffer, size, "snapshot %u", heap->process->sequence);
    return buffer;
}

static void set_title(struct report *report, const struct options *options,
                      const struct side *sides)
{
    const struct heap *old = sides[0].heap, *new = sides[options->path_count - 1].heap;
    const char *key = group_key_name(options->group.key);
    char old_number[32], new_number[32];
    const char *old_name = snapshot_name(old, old_number, sizeof(old_number));
    const char *new_name = snapshot_name(new, new_number, sizeof(new_number));

    if (same_run(old, new))
        report_title(report, "%s, process %u, from %s to %s: changes by %s", basename(new->program),
                     new->process->pid, old_name, new_name, key);
    else
        report_title(report, "from %s, process %u, %s, to %s, process %u, %s: changes by %s",
                     basename(old->program), old->process->pid, old_name, basename(new->program),
                     new->process->pid, new_name, key);
}

static int diff(const struct options *options, const struct side *sides)
{
    size_t count = options->path_count, unchanged = 0;
    const struct group_list **lists = calloc(count, sizeof(*lists));
    struct symbols **symbols = calloc(count, sizeof(*symbols));
    struct report *report = report_create();
    struct diff *found = NULL;
    int status;

    for (size_t i = 0; lists && symbols && i < count; i++) {
        lists[i] = sides[i].list;
        symbols[i] = sides[i].symbols;
    }
    if (lists && symbols && report)
        found = diff_create(lists, count);
    if (!found) {
        status = command_fail(&command_diff, COMMAND_NEGATIVE, "out of memory");
        goto out;
    }
    if (options->sort_given)
        diff_sort(found, options->sort);
    else if (options->format == OPTIONS_TEXT)
        unchanged = diff_drop_unchanged(found);

    set_title(report, options, sides);
    diff_report(found, symbols, options->limit, report);
    if (found->row_count == 0)
        report_add_note(report, "Nothing changed.");
    else if (unchanged)
        report_add_note(report, "%zu %s did not change.", unchanged,
                        unchanged == 1 ? "row" : "rows");
    if (options->group.cumulative)
        report_add_note(report, "Each block is counted to all frames of its stack, so the rows add "
                                "up to more than the total.");
    status = options_print(options, &command_diff, &report, 1);
out:
    diff_destroy(found);
    report_destroy(report);
    free(symbols);
    free(lists);
    return status;
}

static int run(int argc, char **argv)
{
    struct options options;
    struct side *sides = NULL;
    int status = options_parse(&options, &command_diff,
                               OPTIONS_GROUPS | OPTIONS_FORMAT | OPTIONS_OUTPUT, argc, argv);

    if (status >= 0)
        goto out;
    if (options.path_count < 2) {
        status =
            command_fail(&command_diff, COMMAND_USAGE, "needs two snapshots, the old one first");
        goto out;
    }
    sides = calloc(options.path_count, sizeof(*sides));
    if (!sides) {
        status = command_fail(&command_diff, COMMAND_NEGATIVE, "out of memory");
        goto out;
    }
    status = load(&options, sides);
    if (status < 0)
        status = diff(&options, sides);
out:
    for (size_t i = 0; sides && i < options.path_count; i++) {
        group_destroy(sides[i].list);
        symbols_destroy(sides[i].symbols);
        heap_destroy(sides[i].heap);
    }
    free(sides);
    options_finish(&options);
    return status;
}

const struct command command_diff = {
    .name = "diff",
    .summary = "what changed between snapshots, by who allocated it",
    .help = help,
    .run = run,
};
