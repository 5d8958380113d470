#include "model/calltree.h"

#include "model/filter.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static bool same_frame(const struct profile_frame *a, const struct profile_frame *b)
{
    return a->line == b->line && a->inlined == b->inlined && a->is_place == b->is_place &&
           same_text(a->name, b->name) && same_text(a->file, b->file) &&
           same_text(a->module, b->module);
}

/* The node of FRAME in what is above NODE, or is NODE; 0: there is none. */
static uint32_t find_above(const struct profile *profile, uint32_t node,
                           const struct profile_frame *frame)
{
    for (; node; node = profile->nodes[node].parent) {
        if (same_frame(&profile->frames[profile->nodes[node].frame], frame))
            return node;
    }
    return 0;
}

/* Add what node FROM itself holds to node TO of another profile. */
static void add_own(const struct profile *profile, size_t from, struct profile *other, size_t to)
{
    size_t numbers = profile->heap_count * PROFILE_VALUES;

    for (size_t i = 0; i < numbers; i++)
        other->own[to * numbers + i] += profile->own[from * numbers + i];
}

static struct profile *create_like(const struct profile *profile)
{
    struct profile *other = profile_create(profile->heap_count);

    if (other) {
        other->has_allocations = profile->has_allocations;
        other->has_peak = profile->has_peak;
        other->has_lost = profile->has_lost;
    }
    return other;
}

struct profile *calltree_fold(const struct profile *profile, bool folds, bool by_function)
{
    struct profile *folded = create_like(profile);
    uint32_t *node_of = calloc(profile->node_count, sizeof(*node_of));
    int result = folded && node_of ? 0 : -ENOMEM;

    if (result == 0)
        add_own(profile, 0, folded, 0);
    for (size_t i = 1; i < profile->node_count && result == 0; i++) {
        struct profile_frame frame = profile->frames[profile->nodes[i].frame];
        uint32_t parent = node_of[profile->nodes[i].parent];

        if (by_function) {
            frame.file = NULL;
            frame.line = 0;
            frame.inlined = false;
        }
        node_of[i] = folds ? find_above(folded, parent, &frame) : 0;
        if (!node_of[i])
            result = profile_put(folded, parent, &frame, &node_of[i]);
        if (result == 0)
            add_own(profile, i, folded, node_of[i]);
    }
    free(node_of);
    if (result == 0)
        return folded;
    profile_destroy(folded);
    return NULL;
}

static bool keeps_frame(const struct filter *filter, const struct profile_frame *frame)
{
    struct symbol symbol = {
        .function = frame->is_place ? NULL : frame->name,
        .file = frame->file,
        .line = frame->line,
        .place = frame->name,
        .module = frame->module,
        .offset = frame->offset,
        .inlined = frame->inlined,
    };
    const struct symbol *only = &symbol;

    return filter_keeps(filter, NULL, &symbol, &only, 1);
}

/* Per node, the outermost on its way from nodes[0] whose frame FILTER keeps; 0: none. */
static uint32_t *find_kept(const struct profile *profile, const struct filter *filter)
{
    uint32_t *kept = calloc(profile->node_count, sizeof(*kept));

    for (uint32_t i = 1; kept && i < profile->node_count; i++) {
        kept[i] = kept[profile->nodes[i].parent];
        if (!kept[i] && keeps_frame(filter, &profile->frames[profile->nodes[i].frame]))
            kept[i] = i;
    }
    return kept;
}

struct profile *calltree_callers(const struct profile *profile, const struct filter *filter)
{
    struct profile *callers = create_like(profile);
    uint32_t *kept = find_kept(profile, filter);
    uint32_t *node_of = calloc(profile->node_count, sizeof(*node_of)); /* of the kept ones */
    int result = callers && kept && node_of ? 0 : -ENOMEM;

    for (uint32_t i = 1; i < profile->node_count && result == 0; i++) {
        if (kept[i] == i) {
            for (uint32_t at = i; at && result == 0; at = profile->nodes[at].parent)
                result = profile_put(callers, node_of[i],
                                     &profile->frames[profile->nodes[at].frame], &node_of[i]);
        }
        if (kept[i] && result == 0)
            add_own(profile, i, callers, node_of[kept[i]]);
    }
    free(kept);
    free(node_of);
    if (result == 0)
        return callers;
    profile_destroy(callers);
    return NULL;
}

/* A tree on its way into a report. The numbers are those of heap 0. */
struct showing {
    const struct profile *profile;
    const struct calltree_options *options;
    struct report *report;
    enum profile_value values[3]; /* that are shown, */
    size_t value_count;
    uint64_t *totals[3];   /* and what each node has of them, with those below it */
    const uint64_t *order; /* one of these */
    struct profile_children children;
};

static void add_columns(const struct showing *showing)
{
    struct report *report = showing->report;
    const char *name = profile_value_name(showing->options->value);
    bool in_bytes = strcmp(profile_value_unit(showing->options->value), "bytes") == 0;
    unsigned self_flags = showing->options->shows_self ? 0 : REPORT_DATA_ONLY;
    char self[64];

    report_add_column(report, "size", "size", REPORT_BYTES, 0);
    report_add_column(report, "self_size", "itself", REPORT_BYTES, self_flags);
    report_add_column(report, "count", "count", REPORT_COUNT, 0);
    report_add_column(report, "self_count", "itself", REPORT_COUNT, self_flags);
    if (showing->value_count < 3)
        return;
    snprintf(self, sizeof(self), "self_%s", name);
    report_add_column(report, name, name, in_bytes ? REPORT_BYTES : REPORT_COUNT, 0);
    report_add_column(report, self, "self", in_bytes ? REPORT_BYTES : REPORT_COUNT, REPORT_DATA_ONLY);
}

static void put_numbers(const struct showing *showing, uint32_t node)
{
    for (size_t i = 0; i < showing->value_count; i++) {
        report_put_number(showing->report, showing->totals[i][node]);
        report_put_number(showing->report,
                          profile_own(showing->profile, node, 0, showing->values[i]));
    }
}

static void add_node(const struct showing *showing, uint32_t node, size_t depth)
{
    const struct profile_frame *frame = &showing->profile->frames[showing->profile->nodes[node].frame];

    report_begin_row(showing->report);
    put_numbers(showing, node);
    report_set_depth(showing->report, depth);
    report_add_frame(showing->report, &(struct report_frame){
                                          .function = frame->is_place ? NULL : frame->name,
                                          .file = frame->file,
                                          .line = frame->line,
                                          .place = frame->is_place ? frame->name : NULL,
                                          .module = frame->module,
                                          .offset = frame->offset,
                                          .inlined = frame->inlined,
                                      });
}

/* How many of the children of NODE, from its FIRST on, are large enough to be shown. */
static size_t count_shown(const struct showing *showing, uint32_t node, size_t depth)
{
    const uint32_t *first = showing->children.first;
    uint64_t least = (uint64_t)(showing->options->min_share * (double)showing->order[0]);
    size_t count = first[node + 1] - first[node], shown = 0;

    if (showing->options->limit && count > showing->options->limit)
        count = showing->options->limit;
    if (showing->options->depth && depth >= showing->options->depth)
        return 0;
    while (shown < count) {
        uint64_t number = showing->order[showing->children.children[first[node] + shown]];

        if (number == 0 || number < least)
            break;
        shown++;
    }
    return shown;
}

/* Add a row for the children of NODE from the SHOWN-th on, which hold something, if there are any. */
static void add_rest(const struct showing *showing, uint32_t node, size_t shown, size_t depth)
{
    const uint32_t *first = showing->children.first;
    uint64_t rest[3] = {0};
    size_t count = 0;

    for (size_t i = first[node] + shown; i < first[node + 1]; i++) {
        uint32_t child = showing->children.children[i];
        uint64_t any = 0;

        for (size_t j = 0; j < showing->value_count; j++) {
            rest[j] += showing->totals[j][child];
            any |= showing->totals[j][child];
        }
        count += any != 0;
    }
    if (count == 0)
        return;
    report_begin_row(showing->report);
    for (size_t i = 0; i < showing->value_count; i++) {
        report_put_number(showing->report, rest[i]);
        report_put_unknown(showing->report);
    }
    report_set_depth(showing->report, depth);
    report_set_stands_for(showing->report, count);
}

/* Where the walk stands in the children of a node. */
struct level {
    uint32_t node;
    size_t next, shown;
};

/* Add the nodes, each before those below it. */
static int add_nodes(const struct showing *showing)
{
    size_t room = 64, depth = 0;
    struct level *levels = malloc(room * sizeof(*levels));

    if (!levels)
        return -ENOMEM;
    levels[0] = (struct level){.shown = count_shown(showing, 0, 0)};
    for (;;) {
        struct level *level = &levels[depth];
        uint32_t child;

        if (level->next == level->shown) {
            add_rest(showing, level->node, level->shown, depth);
            if (depth-- == 0)
                break;
            continue;
        }
        child = showing->children.children[showing->children.first[level->node] + level->next++];
        add_node(showing, child, depth);
        if (++depth == room) {
            struct level *more = reallocarray(levels, room *= 2, sizeof(*levels));

            if (!more) {
                free(levels);
                return -ENOMEM;
            }
            levels = more;
        }
        levels[depth] = (struct level){.node = child, .shown = count_shown(showing, child, depth)};
    }
    free(levels);
    return 0;
}

int calltree_report(const struct profile *profile, const struct calltree_options *options,
                    struct report *report)
{
    struct showing showing = {
        .profile = profile,
        .options = options,
        .report = report,
        .values = {PROFILE_BYTES, PROFILE_BLOCKS, options->value},
        .value_count = options->value == PROFILE_BYTES || options->value == PROFILE_BLOCKS ? 2 : 3,
    };
    int result = 0;

    for (size_t i = 0; i < showing.value_count && result == 0; i++) {
        showing.totals[i] = profile_totals(profile, 0, showing.values[i]);
        if (!showing.totals[i])
            result = -ENOMEM;
        if (showing.values[i] == options->value)
            showing.order = showing.totals[i];
    }
    if (result == 0)
        result = profile_children_init(&showing.children, profile, showing.order);
    if (result == 0) {
        report_begin_table(report, "tree", "tree", REPORT_TREE, 0);
        add_columns(&showing);
        report_begin_total(report);
        put_numbers(&showing, 0);
        result = add_nodes(&showing);
        profile_children_finish(&showing.children);
    }
    for (size_t i = 0; i < showing.value_count; i++)
        free(showing.totals[i]);
    return result;
}
