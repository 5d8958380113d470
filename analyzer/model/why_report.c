#include "model/why_report.h"

#include "format/snapshot.h"
#include "model/holders.h"
#include "model/root_names.h"
#include "model/site.h"
#include "model/types.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIELD_SIZE  256
#define RETAINS_MAX 4 /* places whose blocks go as well that are worth to be told */

static const char *const kinds[] = {
    [SNAPSHOT_ROOT_MODULE] = "global", [SNAPSHOT_ROOT_STACK] = "stack",
    [SNAPSHOT_ROOT_TLS] = "tls",       [SNAPSHOT_ROOT_REGISTERS] = "register",
    [SNAPSHOT_ROOT_KEYS] = "key",      [SNAPSHOT_ROOT_MAPPING] = "mapping",
    [SNAPSHOT_ROOT_LIBC] = "libc",
};

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
    uint32_t block; /* the first */
};

/* What blocks of a step have in common. */
struct common {
    uint32_t type;      /* index in the names of types; 0: nothing, or not known */
    uint8_t how;        /* the least sure one */
    uint32_t from;      /* one of which a pointer leads on, */
    uint64_t low, high; /* and where such pointers lie: the first and the last place */
};

struct why {
    const struct graph *graph;
    const struct heap *heap;
    struct symbols *symbols;
    struct sites *sites;
    struct root_names *names;
    struct holders *holders;
    struct group *steps;       /* per step: the blocks on the way to those of a row */
    uint8_t *members, *goes;   /* per block: of the row; what would go with them */
    bool *passed;              /* per block: it is on the way to one of the row */
    struct types *types;
    struct common *common;     /* per step */
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
        if (group->count++ == 0)
            group->block = i;
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

/* Fill in what LINK says about where blocks were allocated. */
static void set_site(struct report_link *link, const struct symbol *symbol)
{
    link->kind = "block";
    link->function = symbol->function;
    link->file = symbol->file;
    link->line = symbol->file ? symbol->line : 0;
    link->place = symbol->place;
}

/* Note that BLOCK is of the step NUMBER, as the first one if IS_FIRST. */
static void note_type(struct why *why, uint32_t number, uint32_t block, bool is_first)
{
    struct common *common = &why->common[number];

    if (is_first) {
        *common = (struct common){.type = why->types->of_block[block],
                                  .how = why->types->how[block],
                                  .from = HOLDERS_NONE};
        return;
    }
    if (common->type != why->types->of_block[block])
        common->type = 0;
    if (common->how > why->types->how[block])
        common->how = why->types->how[block];
}

/* Note that the pointer OFFSET bytes into BLOCK, of the step NUMBER, leads on. */
static void note_pointer(struct why *why, uint32_t number, uint32_t block, uint64_t offset)
{
    struct common *common = &why->common[number];

    if (common->from == HOLDERS_NONE) {
        common->from = block;
        common->low = common->high = offset;
    }
    if (common->low > offset)
        common->low = offset;
    if (common->high < offset)
        common->high = offset;
}

/* Go from the blocks of the row towards the root, and count what is passed to its steps. */
static void pass(struct why *why)
{
    const struct holders *holders = why->holders;
    uint32_t root_count = (uint32_t)why->graph->root_count;

    memset(why->steps, 0, (holders->step_count + 1) * sizeof(*why->steps));
    memset(why->passed, 0, why->heap->block_count);
    for (uint32_t i = 0; i < why->heap->block_count; i++) {
        uint32_t block = i;

        if (!why->members[i])
            continue;
        while (!why->passed[block]) {
            uint32_t from = holders->from[block];
            struct group *step = &why->steps[holders->step_of[block]];

            why->passed[block] = true;
            if (step->count++ == 0)
                step->block = block;
            note_type(why, holders->step_of[block], block, step->count == 1);
            step->size += why->heap->blocks[block].size;
            if (from == HOLDERS_NONE || from < root_count)
                break;
            block = from - root_count;
        }
    }
    for (uint32_t i = 0; i < why->heap->block_count; i++) {
        uint32_t from = holders->from[i];

        if (why->passed[i] && from != HOLDERS_NONE && from >= root_count)
            note_pointer(why, holders->step_of[from - root_count], from - root_count,
                         why->heap->edges.offset[holders->edge_to[i]]);
    }
}

static void add_root(struct why *why, const struct holders_step *step)
{
    struct report_link link = {.kind = "lost"};

    if (step->name != HOLDERS_NONE) {
        const struct root_name *name = root_names_get(why->names, step->name);
        const struct heap_root *root = &why->heap->roots[name->root];
        bool is_named = root->kind != SNAPSHOT_ROOT_MAPPING && root->kind != SNAPSHOT_ROOT_LIBC;

        link = (struct report_link){
            .kind = kinds[root->kind],
            .name = is_named ? name->name : root->name,
            .type = name->type,
            .function = name->function,
            .file = name->file,
            .is_static = name->is_static && root->kind != SNAPSHOT_ROOT_STACK,
            .module = name->module,
            .thread = root->thread,
            .thread_name = name->thread,
            .offset = name->module ? name->module_offset : name->offset,
        };
    }
    report_add_link(why->report, &link);
}

static void add_frames(struct why *why, uint32_t stack)
{
    const struct heap *heap = why->heap;
    uint32_t frame = heap->stacks[stack].frame;

    for (; frame; frame = heap->frames[frame].parent) {
        struct symbol_list list = symbols_frame(why->symbols, frame);

        for (size_t i = 0; i < list.count; i++) {
            const struct symbol *symbol = &list.symbols[i];

            report_add_link_frame(why->report, &(struct report_frame){
                                                   .function = symbol->function,
                                                   .file = symbol->file,
                                                   .line = symbol->line,
                                                   .module = symbol->module,
                                                   .offset = symbol->offset,
                                                   .inlined = symbol->inlined,
                                               });
        }
    }
}

/* Fill in what LINK says about the blocks of the step NUMBER themselves: their type, and, in FIELD of
 * SIZE bytes, which field of them leads on. */
static void set_type(struct why *why, struct report_link *link, uint32_t number, char *field,
                     size_t size)
{
    const struct common *common = &why->common[number];
    char last[FIELD_SIZE];

    if (common->type == 0)
        return;
    link->type = why->types->names[common->type];
    link->type_found = types_how_name(common->how);
    if (common->from == HOLDERS_NONE)
        return;
    types_field(why->types, common->from, common->low, field, size);
    types_field(why->types, common->from, common->high, last, sizeof(last));
    if (*field && strcmp(field, last) == 0)
        link->name = field;
}

static void add_step(struct why *why, uint32_t number, uint32_t next)
{
    const struct holders_step *step = &why->holders->steps[number];
    const struct group *passed = &why->steps[number];
    const struct common *common = &why->common[number];
    char field[FIELD_SIZE];
    struct report_link link = {
        .size = passed->size,
        .count = passed->count,
        .offset = common->from == HOLDERS_NONE ? 0 : common->low,
        .repeats = step->repeats && passed->count > 1,
    };

    if (next != HOLDERS_NONE && passed->count == 1)
        link.is_array = why->steps[next].count >= 4 &&
                        2 * why->steps[next].count >= passed->size / sizeof(uint64_t);
    set_site(&link, why->sites->sites[step->site].symbol);
    set_type(why, &link, number, field, sizeof(field));
    report_add_link(why->report, &link);
    add_frames(why, why->heap->blocks[passed->block].stack);
}

/* Add the path that ends with the step LAST. */
static int add_path(struct why *why, uint32_t last)
{
    const struct holders_step *steps = why->holders->steps;
    size_t length = 0;
    uint32_t *path;

    for (uint32_t step = last; step != HOLDERS_NONE; step = steps[step].above)
        length++;
    path = calloc(length + 1, sizeof(*path));
    if (!path)
        return -ENOMEM;
    path[length] = HOLDERS_NONE;
    for (uint32_t step = last, i = (uint32_t)length; i > 0; step = steps[step].above)
        path[--i] = step;
    add_root(why, &steps[path[0]]);
    for (size_t i = 1; i < length; i++)
        add_step(why, path[i], path[i + 1]);
    free(path);
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

        set_site(&link, why->sites->sites[groups[i].number].symbol);
        report_add_retained(why->report, &link);
    }
    if (count > RETAINS_MAX)
        report_set_retains_omitted(why->report, count - RETAINS_MAX);
    free(groups);
    return 0;
}

/* Put what the path that ends with STEP begins with, in a word or two. */
static void put_holder(struct why *why, uint32_t step)
{
    const struct holders_step *steps = why->holders->steps;
    const struct root_name *name;
    const char *kind, *text;
    char *both;

    while (steps[step].above != HOLDERS_NONE)
        step = steps[step].above;
    if (steps[step].name == HOLDERS_NONE) {
        report_put_text(why->report, "nobody");
        return;
    }
    name = root_names_get(why->names, steps[step].name);
    kind = kinds[why->heap->roots[name->root].kind];
    text = name->name ? name->name : name->function ? name->function : name->module;
    if (why->heap->roots[name->root].kind == SNAPSHOT_ROOT_MAPPING)
        text = why->heap->roots[name->root].name;
    if (!text || asprintf(&both, "%s %s", kind, text) < 0) {
        report_put_text(why->report, kind);
        return;
    }
    report_put_text(why->report, both);
    free(both);
}

static int add_row(struct why *why, const struct group *group, const uint8_t *members)
{
    uint64_t bytes = 0, blocks = 0;
    int result;

    for (size_t i = 0; i < why->heap->block_count; i++)
        why->members[i] = members[i] && why->holders->step_of[i] == group->number;
    result = graph_retained(why->graph, why->members, why->goes);
    if (result != 0)
        return result;
    for (size_t i = 0; i < why->heap->block_count; i++) {
        bytes += why->goes[i] ? why->heap->blocks[i].size : 0;
        blocks += why->goes[i];
    }
    report_begin_row(why->report);
    report_put_number(why->report, group->size);
    report_put_number(why->report, group->count);
    report_put_number(why->report, bytes);
    report_put_text(why->report, class_names[why->graph->classes[group->block]]);
    report_put_number(why->report, blocks);
    put_holder(why, group->number);
    pass(why);
    result = add_path(why, group->number);
    return result != 0 ? result : add_retained(why);
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

static int prepare(struct why *why)
{
    struct filter *filter = filter_create();
    size_t blocks = why->heap->block_count + 1;
    int result = filter ? 0 : -ENOMEM;

    if (result == 0)
        result = sites_create(why->heap, why->symbols, filter, &why->sites);
    filter_destroy(filter);
    if (result == 0)
        result = types_create(why->heap, why->symbols, &why->types);
    why->names = root_names_create(why->heap, why->symbols);
    if (result == 0 && !why->names)
        result = -ENOMEM;
    if (result == 0)
        result = holders_create(why->graph, why->sites, why->names, &why->holders);
    if (result != 0)
        return result;
    why->steps = calloc(why->holders->step_count + 1, sizeof(*why->steps));
    why->common = calloc(why->holders->step_count + 1, sizeof(*why->common));
    why->members = calloc(blocks, 1);
    why->goes = calloc(blocks, 1);
    why->passed = calloc(blocks, sizeof(*why->passed));
    return why->steps && why->common && why->members && why->goes && why->passed ? 0
                                                                                       : -ENOMEM;
}

int why_report(const struct graph *graph, struct symbols *symbols, const uint8_t *members,
               size_t limit, struct report *report)
{
    struct why why = {
        .graph = graph, .heap = graph->heap, .symbols = symbols, .report = report};
    int result = prepare(&why);

    report_begin_table(report, "rows", "rows", REPORT_PATHS, 0);
    report_add_column(report, "size", "size", REPORT_BYTES, 0);
    report_add_column(report, "count", "count", REPORT_COUNT, 0);
    report_add_column(report, "retained", "retained", REPORT_BYTES, 0);
    report_add_column(report, "class", "class", REPORT_TEXT, 0);
    report_add_column(report, "retained_count", "retained blocks", REPORT_COUNT, REPORT_DATA_ONLY);
    report_add_column(report, "held_by", "held by", REPORT_TEXT, REPORT_DATA_ONLY);
    if (result == 0)
        result = add_rows(&why, members, limit);
    free(why.steps);
    free(why.common);
    free(why.members);
    free(why.goes);
    free(why.passed);
    holders_destroy(why.holders);
    root_names_destroy(why.names);
    sites_destroy(why.sites);
    types_destroy(why.types);
    return result;
}
