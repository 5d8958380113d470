/* cmd_why.c - who holds some blocks, and what would go with them. */
#include "command.h"
#include "graph_input.h"
#include "model/filter.h"
#include "model/graph.h"
#include "model/group.h"
#include "model/heap.h"
#include "model/site.h"
#include "model/symbols.h"
#include "model/types.h"
#include "model/why_report.h"
#include "options.h"
#include "site_suggest.h"
#include "views/units.h"

#include <errno.h>
#include <fnmatch.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_DEPTH 8 /* places on a path of all */

/* clang-format off */
static const char help[] =
    "Usage: heapdelta why [OPTIONS] SNAPSHOT SITE\n"
    "\n"
    "Show who holds the blocks that were allocated at SITE: the shortest path of pointers that\n"
    "leads there from a variable, or else from a thread's stack or register; and what would go\n"
    "if they were let go. The snapshot must have been taken with the heap graph.\n"
    "\n"
    "SITE is FILE:LINE, FILE, FUNCTION, stack:N (as 'stats --group-by traceback' shows it) or\n"
    "0xADDRESS. Or, wherever they were allocated, type=PATTERN or thread=PATTERN, as of 'stats'.\n"
    "\n"
    "  --all-paths          not only the shortest path to each block, but all that there are,\n"
    "                       the shortest first\n"
    "  --depth N            of these follow paths over at most N other places (default 8, 0: any\n"
    "                       number)\n"
    "  --limit N            show N kinds of paths (default 10, 0: all)\n"
    OPTIONS_HELP_STRICT
    OPTIONS_HELP_FORMAT OPTIONS_HELP_OUTPUT OPTIONS_HELP_HELP
    "\n"
    "Examples:\n"
    "  heapdelta run --graph -o out -- ./app\n"
    "  heapdelta why out/app.1234.0001.exit.hds cache.c:31\n"
    "  heapdelta why out/app.1234.0001.exit.hds cache_add\n"
    "  heapdelta why out/app.1234.0001.exit.hds 'type=struct event'\n"
    "  heapdelta why --all-paths --limit 0 out/app.1234.0001.exit.hds cache_add\n"
    "  heapdelta why --format json out/app.1234.0001.exit.hds 0x55d0c0a012a0\n";
/* clang-format on */

/* The one symbol that all blocks marked in MEMBERS were allocated at; NULL if there are several. */
static const struct symbol *common_site(const struct heap *heap, struct symbols *symbols,
                                        const uint8_t *members)
{
    struct filter *filter = filter_create();
    const struct symbol *common = NULL;
    uint32_t frame, last = UINT32_MAX;

    for (size_t i = 0; filter && i < heap->block_count; i++) {
        const struct symbol *symbol;

        if (!members[i] || heap->blocks[i].stack == last)
            continue;
        last = heap->blocks[i].stack;
        symbol = site_newest(heap, symbols, filter, last, true, &frame);
        if (common && (common->file != symbol->file || common->line != symbol->line ||
                       common->function != symbol->function)) {
            common = NULL;
            break;
        }
        common = symbol;
    }
    filter_destroy(filter);
    return common;
}

/* Mark in MEMBERS the blocks whose thread or type is as FILTER has it. Returns 0, -ENOENT or
 * -ENOMEM. */
static int mark_owned(const struct heap *heap, struct symbols *symbols,
                      const struct filter *filter, uint8_t *members)
{
    struct group_held *held = calloc(heap->stack_count + 1, sizeof(*held));
    struct types *types = NULL;
    bool by_type = filter_wants_types(filter);
    int result = held ? 0 : -ENOMEM;

    if (result == 0)
        result = by_type ? types_create(heap, symbols, &types)
                         : group_find_held(heap, symbols, &(struct group_options){.filter = filter},
                                           held);
    if (result == 0)
        result = -ENOENT;
    for (size_t i = 0; result != -ENOMEM && i < heap->block_count; i++) {
        uint32_t stack = heap->blocks[i].stack;

        if (by_type) {
            const struct filter_owner owner = {.domain = heap->stacks[stack].domain,
                                               .type = types->names[types->of_block[i]]};
            const struct symbol *nowhere = &site_unknown;

            members[i] = filter_keeps(filter, &owner, nowhere, &nowhere, 1);
        } else {
            members[i] = held[stack].kept;
        }
        if (members[i])
            result = 0;
    }
    types_destroy(types);
    free(held);
    return result;
}

/* Mark in MEMBERS the blocks that SITE means, be it where they were allocated or OUT_OWNED: a
 * pattern about their thread or type. Returns and says in ERROR as site_select(). */
static int select_blocks(const struct heap *heap, struct symbols *symbols, const char *site,
                         uint8_t *members, bool *out_outer, bool *out_owned, struct error *error)
{
    struct filter *filter = filter_create();
    int result = -ENOMEM;

    *out_owned = filter && strchr(site, '=') &&
                 filter_add(filter, FILTER_INCLUDE, site, error) == 0 &&
                 (filter_wants_types(filter) || filter_wants_threads(filter));
    if (*out_owned) {
        result = mark_owned(heap, symbols, filter, members);
        if (result == -ENOENT)
            error_set(error, -ENOENT, "%s: no block that is alive is of %s", heap->path, site);
    } else if (filter) {
        result = site_select(heap, symbols, site, members, out_outer, error);
    }
    filter_destroy(filter);
    return result;
}

static void add_title(const struct heap *heap, struct symbols *symbols, const char *site,
                      bool is_outer, bool is_owned, const uint8_t *members, struct report *report)
{
    const struct symbol *common = is_outer ? NULL : common_site(heap, symbols, members);
    uint64_t size = 0, count = 0;
    char bytes[UNITS_SIZE], head[256];

    for (size_t i = 0; i < heap->block_count; i++) {
        size += members[i] ? heap->blocks[i].size : 0;
        count += members[i];
    }
    report_add_text(report, "site", NULL, site);
    report_add_number(report, "size", NULL, REPORT_BYTES, size);
    report_add_number(report, "count", NULL, REPORT_COUNT, count);
    snprintf(head, sizeof(head), "%" PRIu64 " %s, %s%s%s, allocated", count,
             count == 1 ? "block" : "blocks", units_bytes(bytes, (double)size, false),
             is_owned ? " of " : "", is_owned ? site : "");
    if (common && common->file && common->function)
        report_title(report, "%s at %s (%s:%" PRIu32 ")", head, common->function,
                     basename(common->file), common->line);
    else if (common && common->file)
        report_title(report, "%s at %s:%" PRIu32, head, basename(common->file), common->line);
    else if (common)
        report_title(report, "%s at %s", head, common->place);
    else if (is_owned)
        report_title(report, "%s at several places", head);
    else
        report_title(report, "%s %s %s", head, is_outer ? "by what was called from" : "at", site);
}

static int why(const struct options *options, const struct heap *heap, struct symbols *symbols)
{
    uint8_t *members = calloc(heap->block_count + 1, 1);
    struct report *report = report_create();
    struct graph *graph = NULL;
    struct holder_paths *paths = NULL;
    struct why_options how = {
        .limit = options->limit,
        .all_paths = options->all_paths,
        .depth = options->depth_given ? options->depth : DEFAULT_DEPTH,
    };
    struct error error = {0};
    bool is_outer = false, is_owned = false;
    char near[320];
    int status = COMMAND_NEGATIVE;
    int result = members && report ? select_blocks(heap, symbols, options->paths[1], members,
                                                   &is_outer, &is_owned, &error)
                                   : -ENOMEM;

    if (result == -EINVAL || result == -ENOENT) {
        bool is_near = result == -ENOENT &&
                       site_suggest(heap, symbols, options->paths[1], near, sizeof(near));

        status = command_fail(&command_why, result == -EINVAL ? COMMAND_USAGE : COMMAND_BAD_INPUT,
                              "%s%s%s", error.text, is_near ? "; " : "", is_near ? near : "");
        goto out;
    }
    if (result == 0)
        result = graph_create(heap, options->strict ? GRAPH_STRICT : 0, &graph);
    if (result == 0)
        result = holder_paths_create(graph, symbols, &paths);
    if (result == 0) {
        add_title(heap, symbols, options->paths[1], is_outer, is_owned, members, report);
        result = why_report(graph, paths, members, &how, report);
        graph_input_add_notes(heap, report);
    }
    status = result == 0 ? options_print(options, &command_why, &report, 1)
                         : command_fail(&command_why, COMMAND_NEGATIVE, "out of memory");
out:
    holder_paths_destroy(paths);
    graph_destroy(graph);
    report_destroy(report);
    free(members);
    return status;
}

static int run(int argc, char **argv)
{
    struct options options;
    struct heap *heap = NULL;
    struct symbols *symbols = NULL;
    int status = options_parse(&options, &command_why,
                               OPTIONS_LIMIT | OPTIONS_PATHS | OPTIONS_STRICT | OPTIONS_FORMAT |
                                   OPTIONS_OUTPUT,
                               argc, argv);

    if (status >= 0)
        goto out;
    if (options.path_count != 2) {
        status = command_fail(&command_why, COMMAND_USAGE, "takes a snapshot and a site%s",
                              options.path_count > 2 ? ", not several of them" : "");
        goto out;
    }
    if (fnmatch("*.hds", options.paths[1], 0) == 0) {
        status = command_fail(&command_why, COMMAND_USAGE,
                              "'%s' is a second snapshot, where a site is wanted: FILE:LINE, a "
                              "function, or a pattern",
                              options.paths[1]);
        goto out;
    }
    if (options.depth_given && !options.all_paths) {
        status = command_fail(&command_why, COMMAND_USAGE, "--depth goes with --all-paths");
        goto out;
    }
    status = graph_input_load(&command_why, options.paths[0], &heap);
    if (status != COMMAND_DONE)
        goto out;
    symbols = symbols_create(heap);
    status = symbols ? why(&options, heap, symbols)
                     : command_fail(&command_why, COMMAND_NEGATIVE, "out of memory");
out:
    symbols_destroy(symbols);
    heap_destroy(heap);
    options_finish(&options);
    return status;
}

const struct command command_why = {
    .name = "why",
    .summary = "who holds some blocks, and what would go with them",
    .help = help,
    .run = run,
};
