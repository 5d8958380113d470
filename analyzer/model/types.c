#include "model/types.h"

#include "format/snapshot.h"
#include "model/allocator_types.h"
#include "model/dwarf_types.h"
#include "model/layouts.h"
#include "model/progress.h"
#include "model/root_frames.h"
#include "model/type_names.h"
#include "model/variables.h"
#include "model/votes.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#define LOCALS_MAX 20000 /* places on stacks that debug info is asked for */
#define ROUNDS_MAX 8     /* of guesses, and of what follows from them */
#define VTABLE     "vtable for "

#define IS_ARRAY    0x80000000u /* of a layout: several of it, one after the other */
#define IS_INFERRED 0x80000000u /* of a candidate */

/* What a pointer to read-only data of a module means, or a pointer on a stack. */
struct meaning {
    struct meaning_key {
        uint64_t module, address;
        int64_t at;
    } key;
    uint32_t name;   /* of the class; 0: it is no table of virtual functions */
    uint32_t layout; /* LAYOUTS_NONE: not known */
    UT_hash_handle hh;
};

struct types_layouts {
    const struct heap *heap;
    struct symbols *symbols;
    struct variables *variables;
    struct layouts *layouts;
    struct allocator_types *allocators;
    struct type_names names;
    struct meaning *vtables, *locals;
    size_t local_count;
    uint32_t *of_block;   /* per block: its layout, perhaps with IS_ARRAY */
    uint32_t *candidate;  /* per block: what it is if nothing better is found */
    uint32_t *queue;      /* blocks whose layout was found */
    size_t queued, done;
    bool failed; /* no memory */
};

const char *types_how_name(enum types_how how)
{
    static const char *const names[TYPES_HOW_COUNT] = {
        [TYPES_UNKNOWN] = "unknown",
        [TYPES_INFERRED] = "inferred",
        [TYPES_DECLARED] = "declared",
        [TYPES_BY_VTABLE] = "vtable",
    };

    return names[how];
}

/* The number of the name TEXT, or TEXT[] if ARRAY. 0 for lack of memory. */
static uint32_t number_of(struct types *types, const char *text, bool array)
{
    uint32_t number = type_names_number(&types->layouts->names, text, array);

    types->layouts->failed |= number == 0;
    return number;
}

static bool is_known(const struct types *types, uint32_t block)
{
    return types->how[block] != TYPES_UNKNOWN ||
           types->layouts->of_block[block] != LAYOUTS_NONE;
}

/* Let BLOCK be of LAYOUT, or several of it if ARRAY. */
static void set(struct types *types, uint32_t block, uint32_t layout, bool array, enum types_how how)
{
    struct types_layouts *own = types->layouts;
    const char *name = layouts_name(own->layouts, layout);

    if (name) {
        types->of_block[block] = type_names_of_layout(&own->names, layout, name, array);
        own->failed |= types->of_block[block] == 0;
        types->how[block] = (uint8_t)how;
    }
    own->of_block[block] = layout | (array ? IS_ARRAY : 0);
    own->queue[own->queued++] = block;
}

/* Let BLOCK, of which nothing is known, be of LAYOUT if it fits. If it fits badly, it is a candidate
 * unless SURE. */
static void offer(struct types *types, uint32_t block, uint32_t layout, bool sure,
                  enum types_how how)
{
    struct types_layouts *own = types->layouts;
    uint64_t size = types->layouts->heap->blocks[block].size;
    uint64_t one = layouts_size(own->layouts, layout);
    bool is_structure = layouts_is_structure(own->layouts, layout);

    if (size < one)
        return;
    if (one == 0 || size == one || layouts_is_open(own->layouts, layout))
        set(types, block, layout, false, how);
    else if (!is_structure || (sure && size % one == 0))
        set(types, block, layout, true, how);
    else if (sure)
        set(types, block, layout, false, how);
    else if (own->candidate[block] == LAYOUTS_NONE)
        own->candidate[block] = layout | (how == TYPES_INFERRED ? IS_INFERRED : 0);
}

/* ---- tables of virtual functions -------------------------------------------------------- */

static struct meaning *add_meaning(struct types *types, struct meaning **table,
                                   const struct meaning_key *key)
{
    struct meaning *meaning = calloc(1, sizeof(*meaning));

    if (meaning) {
        meaning->key = *key;
        meaning->layout = LAYOUTS_NONE;
        HASH_ADD(hh, *table, key, sizeof(*key), meaning);
        if (meaning->hh.tbl)
            return meaning;
    }
    free(meaning);
    types->layouts->failed = true;
    return NULL;
}

/* The index of the module that ADDRESS lies in; SIZE_MAX: none. */
static size_t module_at(const struct heap *heap, uint64_t address)
{
    for (size_t i = 0; i < heap->module_count; i++) {
        const struct heap_module *module = &heap->modules[i];

        if (!(module->flags & SNAPSHOT_MODULE_UNLOADED) && address >= module->start &&
            address < module->end)
            return i;
    }
    return SIZE_MAX;
}

/* What the table of virtual functions at ADDRESS is of. NULL for lack of memory. */
static const struct meaning *vtable_at(struct types *types, uint64_t address)
{
    struct types_layouts *own = types->layouts;
    struct meaning_key key = {.address = address};
    struct meaning *meaning;
    struct variable variable;
    size_t module;

    HASH_FIND(hh, own->vtables, &key, sizeof(key), meaning);
    if (meaning)
        return meaning;
    meaning = add_meaning(types, &own->vtables, &key);
    module = module_at(own->heap, address);
    if (!meaning || module == SIZE_MAX ||
        !variables_find(own->variables, module, address - own->heap->modules[module].bias, false,
                        &variable) ||
        strncmp(variable.group, VTABLE, strlen(VTABLE)) != 0)
        return meaning;
    meaning->name = number_of(types, variable.group + strlen(VTABLE), false);
    meaning->layout = layouts_find(own->layouts, module, variable.group + strlen(VTABLE));
    return meaning;
}

static void find_vtables(struct types *types)
{
    struct types_layouts *own = types->layouts;
    const struct heap *heap = own->heap;

    for (size_t i = 0; i < heap->module_word_count; i++) {
        const struct heap_module_word *word = &heap->module_words[i];
        const struct meaning *meaning;

        if ((word->offset != 0 && word->offset != 8) || is_known(types, word->block))
            continue;
        meaning = vtable_at(types, word->address);
        if (!meaning || meaning->name == 0)
            continue;
        types->how[word->block] = TYPES_BY_VTABLE;
        if (word->offset == 8) { /* behind the number of elements of an array */
            types->of_block[word->block] = number_of(types, own->names.texts[meaning->name], true);
            continue;
        }
        types->of_block[word->block] = meaning->name;
        own->of_block[word->block] = meaning->layout;
        if (meaning->layout != LAYOUTS_NONE)
            own->queue[own->queued++] = word->block;
    }
}

/* ---- what is declared ------------------------------------------------------------------- */

/* EDGE is a pointer that is declared as one to POINTEE. */
static void follow(struct types *types, size_t edge, uint32_t pointee, enum types_how how)
{
    const struct heap_edges *edges = &types->layouts->heap->edges;

    if (pointee != LAYOUTS_NONE && heap_edges_inside(edges, edge) == 0 &&
        !is_known(types, edges->target[edge]))
        offer(types, edges->target[edge], pointee, false, how);
}

/* Follow the pointers in the blocks whose layout is known now, and so on. */
static void follow_all(struct types *types)
{
    struct types_layouts *own = types->layouts;
    const struct heap_edges *edges = &own->heap->edges;

    while (own->done < own->queued) {
        uint32_t block = own->queue[own->done++];
        size_t node = own->heap->root_count + block;
        uint32_t layout = own->of_block[block] & ~IS_ARRAY;
        uint64_t one = own->of_block[block] & IS_ARRAY ? layouts_size(own->layouts, layout) : 0;
        enum types_how how =
            types->how[block] == TYPES_INFERRED ? TYPES_INFERRED : TYPES_DECLARED;

        for (size_t i = edges->first[node]; i < edges->first[node + 1]; i++)
            follow(types, i,
                   layouts_pointee(own->layouts, layout,
                                   one ? heap_edges_offset(edges, i) % one
                                       : heap_edges_offset(edges, i)),
                   how);
    }
}

/* The layout of what the pointer at OFFSET in ROOT, a stack, points at. */
static uint32_t local_pointee(struct types *types, uint32_t root, uint64_t offset)
{
    struct types_layouts *own = types->layouts;
    const struct heap *heap = own->heap;
    uint64_t address = heap->roots[root].start + offset, into;
    size_t index = root_frames_find(heap, root, address);
    const struct heap_root_frame *frame;
    struct meaning_key key;
    struct meaning *meaning;
    Dwarf_Die type;

    if (index == SIZE_MAX || heap->root_frames[index].module == 0)
        return LAYOUTS_NONE;
    frame = &heap->root_frames[index];
    key = (struct meaning_key){frame->module, frame->address, (int64_t)(address - frame->end)};
    HASH_FIND(hh, own->locals, &key, sizeof(key), meaning);
    if (meaning)
        return meaning->layout;
    if (own->local_count++ >= LOCALS_MAX)
        return LAYOUTS_NONE;
    meaning = add_meaning(types, &own->locals, &key);
    if (!meaning ||
        !variables_local_type(own->variables, frame->module - 1,
                              frame->address - heap->modules[frame->module - 1].bias, key.at,
                              &type, &into))
        return LAYOUTS_NONE;
    meaning->layout = layouts_of(own->layouts, &type);
    if (meaning->layout != LAYOUTS_NONE)
        meaning->layout = layouts_pointee(own->layouts, meaning->layout, into);
    return meaning->layout;
}

/* The same of a variable of a module. */
static uint32_t variable_pointee(struct types *types, const struct heap_root *root, uint64_t offset)
{
    struct types_layouts *own = types->layouts;
    bool is_thread_local = root->kind == SNAPSHOT_ROOT_TLS;
    uint64_t address = offset, into;
    uint32_t layout;
    Dwarf_Die type;

    if (root->module == 0)
        return LAYOUTS_NONE;
    if (!is_thread_local)
        address += root->start - own->heap->modules[root->module - 1].bias;
    if (!variables_type(own->variables, root->module - 1, address, is_thread_local, &type, &into))
        return LAYOUTS_NONE;
    layout = layouts_of(own->layouts, &type);
    return layout == LAYOUTS_NONE ? layout : layouts_pointee(own->layouts, layout, into);
}

static void follow_roots(struct types *types)
{
    const struct heap *heap = types->layouts->heap;

    for (uint32_t root = 0; root < heap->root_count; root++) {
        const struct heap_root *from = &heap->roots[root];

        for (size_t i = heap->edges.first[root]; i < heap->edges.first[root + 1]; i++) {
            if (from->kind == SNAPSHOT_ROOT_STACK)
                follow(types, i, local_pointee(types, root, heap_edges_offset(&heap->edges, i)),
                       TYPES_DECLARED);
            else if (from->kind == SNAPSHOT_ROOT_MODULE || from->kind == SNAPSHOT_ROOT_TLS)
                follow(types, i, variable_pointee(types, from, heap_edges_offset(&heap->edges, i)),
                       TYPES_DECLARED);
        }
    }
}

/* Ask who allocated the blocks: ALLOCATORS that are of a type, or functions that return one. */
static void ask_allocators(struct types *types, bool allocators)
{
    struct types_layouts *own = types->layouts;

    for (uint32_t i = 0; i < own->heap->block_count; i++) {
        const struct heap_block *block = &own->heap->blocks[i];
        bool sure = false;
        uint32_t layout;

        if (is_known(types, i))
            continue;
        layout = allocator_types_find(own->allocators, block->stack, &sure);
        if (layout == LAYOUTS_NONE || sure != allocators)
            continue;
        if (sure)
            offer(types, i, layout, true, TYPES_DECLARED);
        else if (layouts_size(own->layouts, layout) == block->size)
            set(types, i, layout, false, TYPES_INFERRED);
    }
}

/* ---- guesses ----------------------------------------------------------------------------- */

/* Let blocks of which nothing is known be what most others of their stack and size are. */
static void vote(struct types *types)
{
    struct types_layouts *own = types->layouts;
    const struct heap *heap = own->heap;
    struct votes votes = {0};

    for (uint32_t i = 0; i < heap->block_count; i++) {
        if (types->how[i] >= TYPES_DECLARED && own->of_block[i] != LAYOUTS_NONE &&
            !votes_add(&votes, heap->blocks[i].stack, heap->blocks[i].size, own->of_block[i]))
            own->failed = true;
    }
    for (uint32_t i = 0; i < heap->block_count; i++) {
        uint32_t layout;

        if (!is_known(types, i) &&
            votes_find(&votes, heap->blocks[i].stack, heap->blocks[i].size, &layout))
            set(types, i, layout & ~IS_ARRAY, layout & IS_ARRAY, TYPES_INFERRED);
    }
    votes_finish(&votes);
}

static void take_candidates(struct types *types)
{
    struct types_layouts *own = types->layouts;

    for (uint32_t i = 0; i < own->heap->block_count; i++) {
        uint32_t layout = own->candidate[i] & ~IS_INFERRED;

        if (own->candidate[i] == LAYOUTS_NONE || is_known(types, i))
            continue;
        set(types, i, layout, own->heap->blocks[i].size % layouts_size(own->layouts, layout) == 0,
            own->candidate[i] & IS_INFERRED ? TYPES_INFERRED : TYPES_DECLARED);
    }
}

static void find_all(struct types *types)
{
    struct types_layouts *own = types->layouts;
    size_t before;

    find_vtables(types);
    ask_allocators(types, true);
    follow_roots(types);
    follow_all(types);
    for (int i = 0; i < ROUNDS_MAX; i++) {
        before = own->queued;
        vote(types);
        follow_all(types);
        ask_allocators(types, false);
        follow_all(types);
        take_candidates(types);
        follow_all(types);
        if (own->queued == before)
            break;
    }
}

int types_create(const struct heap *heap, struct symbols *symbols, struct types **out_types)
{
    struct types *types = calloc(1, sizeof(*types));
    struct types_layouts *own = calloc(1, sizeof(*own));
    size_t room = heap->block_count + 1;
    struct progress *progress;
    int result = -ENOMEM;

    if (!types || !own) {
        free(own);
        free(types);
        return -ENOMEM;
    }
    progress = progress_begin(0, "finding the types of %zu blocks", heap->block_count);
    types->layouts = own;
    types->of_block = calloc(room, sizeof(*types->of_block));
    types->how = calloc(room, sizeof(*types->how));
    own->heap = heap;
    own->symbols = symbols;
    own->variables = variables_create(heap, symbols);
    own->layouts = own->variables ? layouts_create(own->variables) : NULL;
    own->allocators = own->layouts ? allocator_types_create(heap, symbols, own->layouts) : NULL;
    own->of_block = malloc(room * sizeof(*own->of_block));
    own->candidate = malloc(room * sizeof(*own->candidate));
    own->queue = malloc(room * sizeof(*own->queue));
    if (type_names_init(&own->names) == 0 && types->of_block && types->how && own->allocators &&
        own->of_block && own->candidate && own->queue) {
        memset(own->of_block, 0xff, room * sizeof(*own->of_block));
        memset(own->candidate, 0xff, room * sizeof(*own->candidate));
        find_all(types);
        types->names = own->names.texts;
        types->count = own->names.count;
        result = own->failed ? -ENOMEM : 0;
    }
    free(own->candidate);
    free(own->queue);
    own->candidate = own->queue = NULL;
    allocator_types_destroy(own->allocators);
    own->allocators = NULL;
    progress_end(progress);
    if (result == 0)
        *out_types = types;
    else
        types_destroy(types);
    return result;
}

static void free_meanings(struct meaning *table)
{
    struct meaning *meaning, *next;

    HASH_ITER(hh, table, meaning, next) {
        HASH_DEL(table, meaning);
        free(meaning);
    }
}

void types_destroy(struct types *types)
{
    struct types_layouts *own;

    if (!types)
        return;
    own = types->layouts;
    free_meanings(own->vtables);
    free_meanings(own->locals);
    layouts_destroy(own->layouts);
    variables_destroy(own->variables);
    type_names_finish(&own->names);
    free(own->of_block);
    free(own);
    free(types->of_block);
    free(types->how);
    free(types);
}

bool types_is_object(const struct types *types, uint32_t block)
{
    const struct types_layouts *own = types->layouts;
    uint32_t layout = own->of_block[block];

    return types->how[block] == TYPES_BY_VTABLE ||
           (types->of_block[block] != 0 && layout != LAYOUTS_NONE &&
            layouts_is_structure(own->layouts, layout & ~IS_ARRAY));
}

void types_field(const struct types *types, uint32_t block, uint64_t offset, char *buffer,
                 size_t size)
{
    struct types_layouts *own = types->layouts;
    uint32_t layout = own->of_block[block];

    *buffer = '\0';
    if (layout != LAYOUTS_NONE)
        layouts_field(own->layouts, layout & ~IS_ARRAY, offset, buffer, size);
}
