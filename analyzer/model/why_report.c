#include "model/why_report.h"

#include "model/all_paths.h"
#include "model/holder_path.h"
#include "model/progress.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RETAINS_MAX 4 /* places whose blocks go as well that are worth to be told */

static const char *const class_names[] = {
    [GRAPH_DEFINITELY_LOST] = "definitely_lost",
    [GRAPH_INDIRECTLY_LOST] = "indirectly_lost",
    [GRAPH_POSSIBLY_LOST] = "possibly_lost",
    [GRAPH_STILL_REACHABLE] = "still_reachable",
};

/* Blocks that have a step of holders.h, or a site, in common. */
struct group {
    uint32_t number; /* of the step or site */
    uint64_t size, count;
};

struct why {
    const struct graph *graph;
    const struct heap *heap;
    struct holder_paths *paths;
    const struct sites *sites;
    const struct holders *holders;
    uint8_t *members, *goes; /* per block: of the row; what would go with them */
    struct report *report;
};

static int compare_groups(const void *left, const void *right)
{
    const struct group *a = left, *b = right;

    if (a->size != b->size)
        return a->size > b->size ? -1 : 1;
    if (a->count != b->count)
        return a->count > b->count ? -1 : 1;
    return a->number < b->number ? -1 : a->number > b->number;
}

/* Put the blocks marked in MARKED into a group for each of the COUNT numbers that NUMBER_OF
 * has for them (or, if SITES, that are their sites). OUT_GROUPS is to be freed; those without
 * blocks are left out. */
static int make_groups(const struct why *why, const uint8_t *marked, const uint32_t *number_of,
                       size_t count, struct group **out_groups, size_t *out_count)
{
    struct group *groups = calloc(count + 1, sizeof(*groups));
    size_t used = 0;

    if (!groups)
        return -ENOMEM;
    for (uint32_t i = 0; i < why->heap->block_count; i++) {
        struct group *group;

        if (!marked[i])
            continue;
        group = &groups[number_of ? number_of[i] : why->sites->of_stack[why->heap->blocks[i].stack]];
        group->count++;
        group->size += why->heap->blocks[i].size;
    }
    for (uint32_t i = 0; i < count; i++) {
        groups[i].number = i;
        if (groups[i].count > 0)
            groups[used++] = groups[i];
    }
    qsort(groups, used, sizeof(*groups), compare_groups);
    *out_groups = groups;
    *out_count = used;
    return 0;
}

/* Add what goes with the blocks of the row, and is not one of them. */
static int add_retained(struct why *why)
{
    struct group *groups;
    size_t count;
    int result;

    for (size_t i = 0; i < why->heap->block_count; i++)
        why->goes[i] = why->goes[i] && !why->members[i];
    result = make_groups(why, why->goes, NULL, why->sites->count, &groups, &count);
    if (result != 0)
        return result;
    for (size_t i = 0; i < count && i < RETAINS_MAX; i++) {
        struct report_link link = {.size = groups[i].size, .count = groups[i].count};

        holder_paths_set_site(&link, why->sites->sites[groups[i].number].symbol);
        report_add_retained(why->report, &link);
    }
    if (count > RETAINS_MAX)
        report_set_retains_omitted(why->report, count - RETAINS_MAX);
    free(groups);
    return 0;
}

/* Put the class of the COUNT blocks in `members` into BUFFER of SIZE bytes; or the classes, each with
 * its count, if these are several. */
static void name_class(const struct why *why, uint64_t count, char *buffer, size_t size)
{
    uint64_t counts[GRAPH_CLASS_COUNT] = {0};
    size_t used = 0;

    for (size_t i = 0; i < why->heap->block_count; i++)
        counts[why->graph->classes[i]] += why->members[i];
    *buffer = '\0';
    for (size_t i = 0; i < GRAPH_CLASS_COUNT && used < size; i++) {
        if (counts[i] == count) {
            snprintf(buffer, size, "%s", class_names[i]);
            return;
        }
        if (counts[i])
            used += (size_t)snprintf(buffer + used, size - used, "%s%s %" PRIu64, used ? ", " : "",
                                     class_names[i], counts[i]);
    }
}

/* Begin a row of the blocks in `members`, of SIZE and COUNT together, which HOLDER holds. */
static int begin_row(struct why *why, uint64_t size, uint64_t count, const char *holder)
{
    char class[160];
    uint64_t bytes = 0, blocks = 0;
    int result = graph_retained(why->graph, why->members, why->goes);

    if (result != 0)
        return result;
    for (size_t i = 0; i < why->heap->block_count; i++) {
        bytes += why->goes[i] ? why->heap->blocks[i].size : 0;
        blocks += why->goes[i];
    }
    report_begin_row(why->report);
    report_put_number(why->report, size);
    report_put_number(why->report, count);
    report_put_number(why->report, bytes);
    name_class(why, count, class, sizeof(class));
    report_put_text(why->report, class);
    report_put_number(why->report, blocks);
    report_put_text(why->report, holder);
    return 0;
}

static int add_row(struct why *why, const struct group *group, const uint8_t *members)
{
    char holder[256];
    int result;

    for (size_t i = 0; i < why->heap->block_count; i++)
        why->members[i] = members[i] && why->holders->step_of[i] == group->number;
    holder_paths_name(why->paths, group->number, holder, sizeof(holder));
    result = begin_row(why, group->size, group->count, holder);
    if (result == 0)
        result = holder_paths_add(why->paths, why->members, group->number, why->report);
    return result != 0 ? result : add_retained(why);
}

static int add_path(struct why *why, const struct all_path *path)
{
    char holder[256];
    int result;

    memset(why->members, 0, why->heap->block_count);
    for (size_t i = 0; i < path->count; i++)
        why->members[path->blocks[i]] = 1;
    holder_paths_name_root(why->paths, path->name, holder, sizeof(holder));
    result = begin_row(why, path->size, path->count, holder);
    if (result == 0)
        result = holder_paths_add_one(why->paths, path, why->report);
    return result != 0 ? result : add_retained(why);
}

/* Add a row for each of all paths. */
static int add_paths(struct why *why, const uint8_t *members, const struct why_options *options)
{
    struct all_paths *all = NULL;
    size_t shown;
    int result = all_paths_create(why->graph, why->sites, holder_paths_names(why->paths), members,
                                  options->depth, &all);

    if (result != 0)
        return result;
    shown = options->limit && options->limit < all->count ? options->limit : all->count;
    for (size_t i = 0; result == 0 && i < shown; i++)
        result = add_path(why, &all->paths[i]);
    report_set_omitted(why->report, all->count - shown);
    if (all->count > 1)
        report_add_note(why->report, "A block is in the row of each path that leads to it.");
    if (all->is_cut)
        report_add_note(why->report, "Paths over more than %zu other places were not followed "
                                     "(--depth).", options->depth);
    if (all->gave_up)
        report_add_note(why->report, "There are more paths than are looked for.");
    all_paths_destroy(all);
    return result;
}

static int add_rows(struct why *why, const uint8_t *members, size_t limit)
{
    struct group *groups;
    size_t count, shown;
    int result = make_groups(why, members, why->holders->step_of, why->holders->step_count, &groups,
                             &count);

    if (result != 0)
        return result;
    shown = limit && limit < count ? limit : count;
    for (size_t i = 0; result == 0 && i < shown; i++)
        result = add_row(why, &groups[i], members);
    report_set_omitted(why->report, count - shown);
    free(groups);
    return result;
}

int why_report(const struct graph *graph, struct holder_paths *paths, const uint8_t *members,
               const struct why_options *options, struct report *report)
{
    size_t blocks = graph->heap->block_count + 1;
    struct why why = {
        .graph = graph,
        .heap = graph->heap,
        .report = report,
        .paths = paths,
        .sites = holder_paths_sites(paths),
        .holders = holder_paths_holders(paths),
        .members = calloc(blocks, 1),
        .goes = calloc(blocks, 1),
    };
    struct progress *progress = progress_begin(0, "finding what would go with %zu blocks", blocks - 1);
    int result = why.members && why.goes ? 0 : -ENOMEM;

    report_begin_table(report, "rows", "rows", REPORT_PATHS, 0);
    report_add_column(report, "size", "size", REPORT_BYTES, 0);
    report_add_column(report, "count", "count", REPORT_COUNT, 0);
    report_add_column(report, "retained", "retained", REPORT_BYTES, 0);
    report_add_column(report, "class", "class", REPORT_TEXT, 0);
    report_add_column(report, "retained_count", "retained blocks", REPORT_COUNT, REPORT_DATA_ONLY);
    report_add_column(report, "held_by", "held by", REPORT_TEXT, REPORT_DATA_ONLY);
    if (result == 0)
        result = options->all_paths ? add_paths(&why, members, options)
                                    : add_rows(&why, members, options->limit);
    free(why.members);
    free(why.goes);
    progress_end(progress);
    return result;
}
