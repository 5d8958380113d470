#include "model/holder_path.h"

#include "format/snapshot.h"
#include "model/filter.h"
#include "model/progress.h"
#include "model/types.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const kinds[] = {
    [SNAPSHOT_ROOT_MODULE] = "global", [SNAPSHOT_ROOT_STACK] = "stack",
    [SNAPSHOT_ROOT_TLS] = "tls",       [SNAPSHOT_ROOT_REGISTERS] = "register",
    [SNAPSHOT_ROOT_KEYS] = "key",      [SNAPSHOT_ROOT_MAPPING] = "mapping",
    [SNAPSHOT_ROOT_LIBC] = "libc",
};

/* What is on the way to the blocks of a row, of one step. */
struct passed {
    uint64_t size, count;
    uint32_t block;     /* the first */
    uint32_t type;      /* index in the names of types; 0: not the same of all, or not known */
    uint8_t how;        /* the least sure one */
    uint64_t pointers;  /* that lead on, */
    uint32_t from;      /* one of the blocks that they are in, */
    uint64_t low, high; /* and where such pointers lie: the first and the last place */
};

#define FIELD_SIZE 256

struct holder_paths {
    const struct graph *graph;
    const struct heap *heap;
    struct symbols *symbols;
    struct sites *sites;
    struct root_names *names;
    struct holders *holders;
    struct types *types; /* NULL until they are needed */
    struct passed *steps; /* per step */
    bool *passed;         /* per block */
};

void holder_paths_set_site(struct report_link *link, const struct symbol *symbol)
{
    link->kind = "block";
    link->function = symbol->function;
    link->file = symbol->file;
    link->line = symbol->file ? symbol->line : 0;
    link->place = symbol->place;
}

/* Note that BLOCK is of STEP. */
static void note_block(const struct holder_paths *paths, struct passed *step, uint32_t block)
{
    step->size += paths->heap->blocks[block].size;
    if (step->count++ == 0) {
        step->block = block;
        step->type = paths->types->of_block[block];
        step->how = paths->types->how[block];
        step->from = HOLDERS_NONE;
        return;
    }
    if (step->type != paths->types->of_block[block])
        step->type = 0;
    if (step->how > paths->types->how[block])
        step->how = paths->types->how[block];
}

/* Note that the pointer OFFSET bytes into BLOCK, of STEP, leads on. */
static void note_pointer(struct passed *step, uint32_t block, uint64_t offset)
{
    step->pointers++;
    if (step->from == HOLDERS_NONE) {
        step->from = block;
        step->low = step->high = offset;
    }
    if (step->low > offset)
        step->low = offset;
    if (step->high < offset)
        step->high = offset;
}

/* Go from MEMBERS that are reached by the step LAST towards the root, and count what is passed to
 * its steps. */
static void pass(struct holder_paths *paths, const uint8_t *members, uint32_t last)
{
    const struct holders *holders = paths->holders;
    uint32_t root_count = (uint32_t)paths->graph->root_count;

    memset(paths->steps, 0, (holders->step_count + 1) * sizeof(*paths->steps));
    memset(paths->passed, 0, paths->heap->block_count);
    for (uint32_t i = 0; i < paths->heap->block_count; i++) {
        uint32_t block = i;

        if (!members[i] || holders->step_of[i] != last)
            continue;
        while (!paths->passed[block]) {
            uint32_t from = holders->from[block];

            paths->passed[block] = true;
            note_block(paths, &paths->steps[holders->step_of[block]], block);
            if (from == HOLDERS_NONE || from < root_count)
                break;
            block = from - root_count;
        }
    }
    for (uint32_t i = 0; i < paths->heap->block_count; i++) {
        uint32_t from = holders->from[i];

        if (paths->passed[i] && from != HOLDERS_NONE && from >= root_count)
            note_pointer(&paths->steps[holders->step_of[from - root_count]], from - root_count,
                         heap_edges_offset(&paths->heap->edges, holders->edge_to[i]));
    }
}

/* Add the root that has the NUMBER among the names; HOLDERS_NONE: nobody. */
static void add_root(struct holder_paths *paths, struct report *report, uint32_t number)
{
    struct report_link link = {.kind = "lost"};

    if (number != HOLDERS_NONE) {
        const struct root_name *name = root_names_get(paths->names, number);
        const struct heap_root *root = &paths->heap->roots[name->root];
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
    report_add_link(report, &link);
}

static void add_frames(struct holder_paths *paths, struct report *report, uint32_t stack)
{
    const struct heap *heap = paths->heap;
    uint32_t frame = heap->stacks[stack].frame;

    for (; frame; frame = heap->frames[frame].parent) {
        struct symbol_list list = symbols_frame(paths->symbols, frame);

        for (size_t i = 0; i < list.count; i++) {
            const struct symbol *symbol = &list.symbols[i];

            report_add_link_frame(report, &(struct report_frame){
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

/* Fill in what LINK says about the blocks of STEP themselves: their type, and, in FIELD of SIZE
 * bytes, which field of them leads on. */
static void set_type(struct holder_paths *paths, struct report_link *link,
                     const struct passed *step, char *field, size_t size)
{
    char last[FIELD_SIZE];

    if (step->type == 0)
        return;
    link->type = paths->types->names[step->type];
    link->type_found = types_how_name(step->how);
    if (step->from == HOLDERS_NONE)
        return;
    types_field(paths->types, step->from, step->low, field, size);
    types_field(paths->types, step->from, step->high, last, sizeof(last));
    if (*field && strcmp(field, last) == 0)
        link->name = field;
}

/* Add a step of the blocks that PASSED counts, allocated at SITE; the LAST one leads to nothing. */
static void add_step(struct holder_paths *paths, struct report *report, uint32_t site, bool repeats,
                     const struct passed *passed, bool last)
{
    char field[FIELD_SIZE];
    struct report_link link = {
        .size = passed->size,
        .count = passed->count,
        .offset = passed->from == HOLDERS_NONE ? 0 : passed->low,
        .repeats = repeats && passed->count > 1,
    };

    if (!last && passed->count == 1 && !types_is_object(paths->types, passed->block))
        link.is_array =
            passed->pointers >= 4 && 2 * passed->pointers >= passed->size / sizeof(uint64_t);
    holder_paths_set_site(&link, paths->sites->sites[site].symbol);
    set_type(paths, &link, passed, field, sizeof(field));
    report_add_link(report, &link);
    add_frames(paths, report, paths->heap->blocks[passed->block].stack);
}

static int find_types(struct holder_paths *paths)
{
    return paths->types ? 0 : types_create(paths->heap, paths->symbols, &paths->types);
}

int holder_paths_add(struct holder_paths *paths, const uint8_t *members, uint32_t last,
                     struct report *report)
{
    const struct holders_step *steps = paths->holders->steps;
    size_t length = 0;
    uint32_t *path;

    if (find_types(paths) != 0)
        return -ENOMEM;
    for (uint32_t step = last; step != HOLDERS_NONE; step = steps[step].above)
        length++;
    path = calloc(length + 1, sizeof(*path));
    if (!path)
        return -ENOMEM;
    pass(paths, members, last);
    path[length] = HOLDERS_NONE;
    for (uint32_t step = last, i = (uint32_t)length; i > 0; step = steps[step].above)
        path[--i] = step;
    add_root(paths, report, steps[path[0]].name);
    for (size_t i = 1; i < length; i++)
        add_step(paths, report, steps[path[i]].site, steps[path[i]].repeats, &paths->steps[path[i]],
                 path[i + 1] == HOLDERS_NONE);
    free(path);
    return 0;
}

/* Count to PASSED the blocks of STEP, and which pointers lead from them to those of NEXT, if it is
 * not NULL. */
static void pass_step(struct holder_paths *paths, const struct all_paths_step *step,
                      const struct all_paths_step *next, struct passed *passed)
{
    const struct heap_edges *edges = &paths->heap->edges;

    for (size_t i = 0; i < step->count; i++)
        note_block(paths, passed, step->blocks[i]);
    if (!next)
        return;
    for (size_t i = 0; i < next->count; i++)
        paths->passed[next->blocks[i]] = true;
    for (size_t i = 0; i < step->count; i++) {
        size_t node = paths->graph->root_count + step->blocks[i];

        for (uint32_t j = edges->first[node]; j < edges->first[node + 1]; j++) {
            if (paths->passed[edges->target[j]])
                note_pointer(passed, step->blocks[i], heap_edges_offset(edges, j));
        }
    }
    for (size_t i = 0; i < next->count; i++)
        paths->passed[next->blocks[i]] = false;
}

int holder_paths_add_one(struct holder_paths *paths, const struct all_path *path,
                         struct report *report)
{
    struct passed *passed = calloc(path->length + 1, sizeof(*passed));

    if (!passed || find_types(paths) != 0) {
        free(passed);
        return -ENOMEM;
    }
    memset(paths->passed, 0, paths->heap->block_count);
    for (size_t i = 0; i < path->length; i++)
        pass_step(paths, &path->steps[i], i + 1 < path->length ? &path->steps[i + 1] : NULL,
                  &passed[i]);
    add_root(paths, report, path->name);
    for (size_t i = 0; i < path->length; i++)
        add_step(paths, report, path->steps[i].site, path->steps[i].repeats, &passed[i],
                 i + 1 == path->length);
    free(passed);
    return 0;
}

void holder_paths_name(const struct holder_paths *paths, uint32_t step, char *buffer, size_t size)
{
    const struct holders_step *steps = paths->holders->steps;

    while (steps[step].above != HOLDERS_NONE)
        step = steps[step].above;
    holder_paths_name_root(paths, steps[step].name, buffer, size);
}

void holder_paths_name_root(const struct holder_paths *paths, uint32_t number, char *buffer,
                            size_t size)
{
    const struct root_name *name;
    const char *kind, *text;

    if (number == HOLDERS_NONE) {
        snprintf(buffer, size, "nobody");
        return;
    }
    name = root_names_get(paths->names, number);
    kind = kinds[paths->heap->roots[name->root].kind];
    text = name->name ? name->name : name->function ? name->function : name->module;
    if (paths->heap->roots[name->root].kind == SNAPSHOT_ROOT_MAPPING)
        text = paths->heap->roots[name->root].name;
    snprintf(buffer, size, "%s%s%s", kind, text && *text ? " " : "", text ? text : "");
}

const struct sites *holder_paths_sites(const struct holder_paths *paths)
{
    return paths->sites;
}

const struct holders *holder_paths_holders(const struct holder_paths *paths)
{
    return paths->holders;
}

struct root_names *holder_paths_names(struct holder_paths *paths)
{
    return paths->names;
}

int holder_paths_create(const struct graph *graph, struct symbols *symbols,
                        struct holder_paths **out_paths)
{
    struct holder_paths *paths = calloc(1, sizeof(*paths));
    struct filter *filter = filter_create();
    struct progress *progress =
        progress_begin(0, "finding who holds %zu blocks", graph->heap->block_count);
    int result = paths && filter ? 0 : -ENOMEM;

    if (result != 0)
        goto out;
    *paths = (struct holder_paths){.graph = graph, .heap = graph->heap, .symbols = symbols};
    result = sites_create(graph->heap, symbols, filter, &paths->sites);
    paths->names = root_names_create(graph->heap, symbols);
    if (result == 0 && !paths->names)
        result = -ENOMEM;
    if (result == 0)
        result = holders_create(graph, paths->sites, paths->names, &paths->holders);
    if (result != 0)
        goto out;
    paths->steps = calloc(paths->holders->step_count + 1, sizeof(*paths->steps));
    paths->passed = calloc(graph->heap->block_count + 1, sizeof(*paths->passed));
    if (!paths->steps || !paths->passed)
        result = -ENOMEM;
out:
    filter_destroy(filter);
    progress_end(progress);
    if (result == 0)
        *out_paths = paths;
    else
        holder_paths_destroy(paths);
    return result;
}

void holder_paths_destroy(struct holder_paths *paths)
{
    if (!paths)
        return;
    free(paths->steps);
    free(paths->passed);
    holders_destroy(paths->holders);
    root_names_destroy(paths->names);
    types_destroy(paths->types);
    sites_destroy(paths->sites);
    free(paths);
}
