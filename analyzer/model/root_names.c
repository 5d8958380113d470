#include "model/root_names.h"

#include "format/snapshot.h"
#include "model/intern.h"
#include "model/root_frames.h"
#include "model/variables.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

struct entry {
    struct key { /* what tells names apart */
        uint64_t root, place; /* of what the root is cut into: the frame, the register … */
        const char *group;
    } key;
    uint32_t number;
    UT_hash_handle hh;
};

struct root_names {
    const struct heap *heap;
    struct variables *variables;
    struct symbols *symbols;
    struct intern *strings;
    struct entry *table;
    struct root_name *names;
    size_t count, capacity;
};

struct root_names *root_names_create(const struct heap *heap, struct symbols *symbols)
{
    struct root_names *names = calloc(1, sizeof(*names));

    if (!names)
        return NULL;
    names->heap = heap;
    names->symbols = symbols;
    names->variables = variables_create(heap, symbols);
    names->strings = intern_create();
    if (!names->variables || !names->strings) {
        root_names_destroy(names);
        return NULL;
    }
    return names;
}

void root_names_destroy(struct root_names *names)
{
    struct entry *entry, *next;

    if (!names)
        return;
    HASH_ITER(hh, names->table, entry, next) {
        HASH_DEL(names->table, entry);
        free(entry);
    }
    variables_destroy(names->variables);
    intern_destroy(names->strings);
    free(names->names);
    free(names);
}

static void take_variable(const struct variable *variable, struct root_name *out)
{
    out->name = variable->name;
    out->group = variable->group;
    out->type = variable->type;
    out->file = variable->file;
    out->is_static = variable->is_static;
}

static void name_variable(struct root_names *names, const struct heap_root *root,
                          struct root_name *out, struct key *key)
{
    bool is_thread_local = root->kind == SNAPSHOT_ROOT_TLS;
    struct variable variable;

    if (root->module == 0)
        return;
    out->module_offset = is_thread_local
                             ? out->offset
                             : root->start + out->offset - names->heap->modules[root->module - 1].bias;
    if (!variables_find(names->variables, root->module - 1, out->module_offset, is_thread_local,
                        &variable))
        return;
    take_variable(&variable, out);
    key->group = variable.group;
    key->place = variable.start; /* several static ones may have one name */
    if (!is_thread_local)
        key->root = (uint64_t)root->module << 32; /* all of its data */
}

/* Is the frame INDEX one of the C library's own? */
static bool is_in_libc(const struct heap *heap, size_t index)
{
    static const char *const libraries[] = {"libc.so.", "libc-2.", "libpthread", "ld-linux"};
    uint32_t module = heap->root_frames[index].module;
    const char *path, *slash;

    if (module == 0)
        return false;
    path = heap->modules[module - 1].path;
    slash = strrchr(path, '/');
    for (size_t i = 0; i < sizeof(libraries) / sizeof(*libraries); i++) {
        if (strncmp(slash ? slash + 1 : path, libraries[i], strlen(libraries[i])) == 0)
            return true;
    }
    return false;
}

static void name_function(struct root_names *names, size_t index, struct root_name *out)
{
    const struct heap_root_frame *frame = &names->heap->root_frames[index];
    struct symbol_list list = symbols_address(names->symbols, frame->module, frame->address);

    /* The last one is the function whose frame it is; those before are inlined into it. */
    out->function = list.symbols[list.count - 1].function;
    out->module = list.symbols[list.count - 1].module;
    out->module_offset = list.symbols[list.count - 1].offset;
    out->file = list.symbols[list.count - 1].file;
}

/* The frame INDEX, in which nothing has a name: if it is one of the C library's, what lies there is
 * mostly a register that its caller left to it. So the name is that of the function of the program
 * that called it; but not what calls main, or a thread's first function. Returns the frame. */
static size_t name_caller(struct root_names *names, size_t index, struct root_name *out)
{
    const struct heap *heap = names->heap;
    struct root_name caller = *out;
    size_t at = index;

    while (is_in_libc(heap, at)) {
        if (++at == heap->root_frame_count ||
            heap->root_frames[at].root != heap->root_frames[index].root)
            return index;
    }
    if (at == index)
        return index;
    name_function(names, at, &caller);
    if (caller.function && strcmp(caller.function, "_start") == 0)
        return index;
    *out = caller;
    return at;
}

static void name_frame(struct root_names *names, const struct heap_root *root,
                       struct root_name *out, struct key *key)
{
    const struct heap *heap = names->heap;
    uint64_t address = root->start + out->offset;
    size_t index = root_frames_find(heap, out->root, address);
    const struct heap_root_frame *frame;
    struct variable variable;

    if (index == SIZE_MAX)
        return;
    frame = &heap->root_frames[index];
    name_function(names, index, out);
    if (frame->module > 0 &&
        variables_find_local(names->variables, frame->module - 1, out->module_offset, frame->end,
                             address, &variable)) {
        take_variable(&variable, out);
        key->group = variable.group;
    } else {
        index = name_caller(names, index, out);
    }
    key->place = index + 1;
}

static void name_register(struct root_names *names, struct root_name *out, struct key *key)
{
    static const char *const general[] = {"rax", "rdx", "rcx", "rbx", "rsi", "rdi", "rbp", "rsp",
                                          "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15"};
    char text[48];

    if (out->offset / 8 < sizeof(general) / sizeof(*general)) {
        key->place = out->offset / 8 + 1;
        out->name = general[out->offset / 8];
    } else if (out->offset >= SNAPSHOT_VECTOR_REGISTERS) {
        key->place = (out->offset - SNAPSHOT_VECTOR_REGISTERS) / 64 + 100;
        snprintf(text, sizeof(text), "vector register %" PRIu64, key->place - 100);
        out->name = intern_string(names->strings, text);
    }
}

static void name_key(struct root_names *names, struct root_name *out, struct key *key)
{
    char text[32];

    key->place = out->offset / 8 + 1;
    snprintf(text, sizeof(text), "%" PRIu64, out->offset / 8);
    out->name = intern_string(names->strings, text);
}

static void name_module(struct root_names *names, const struct heap_root *root,
                        struct root_name *out)
{
    const char *path, *slash;

    if (root->module == 0 || out->module)
        return;
    path = names->heap->modules[root->module - 1].path;
    slash = strrchr(path, '/');
    out->module = slash && slash[1] ? slash + 1 : path;
}

static void name_thread(struct root_names *names, const struct heap_root *root,
                        struct root_name *out)
{
    for (size_t i = 0; root->thread && i < names->heap->thread_count; i++) {
        if (names->heap->threads[i].tid == root->thread) /* the last: tids come again */
            out->thread = names->heap->threads[i].name;
    }
}

/* Keep NAME, which is new. */
static uint32_t add_name(struct root_names *names, const struct root_name *name)
{
    if (names->count == names->capacity) {
        size_t capacity = names->capacity ? 2 * names->capacity : 64;
        struct root_name *larger = reallocarray(names->names, capacity, sizeof(*larger));

        if (!larger)
            return ROOT_NAMES_NONE;
        names->names = larger;
        names->capacity = capacity;
    }
    names->names[names->count] = *name;
    return (uint32_t)names->count++;
}

uint32_t root_names_find(struct root_names *names, uint32_t number, uint64_t offset)
{
    const struct heap_root *root = &names->heap->roots[number];
    struct root_name name = {.root = number, .offset = offset};
    struct key key;
    struct entry *entry;

    memset(&key, 0, sizeof(key));
    key.root = number;
    switch (root->kind) {
    case SNAPSHOT_ROOT_MODULE:
    case SNAPSHOT_ROOT_TLS:
        name_variable(names, root, &name, &key);
        break;
    case SNAPSHOT_ROOT_STACK:
        name_frame(names, root, &name, &key);
        break;
    case SNAPSHOT_ROOT_REGISTERS:
        name_register(names, &name, &key);
        break;
    case SNAPSHOT_ROOT_KEYS:
        name_key(names, &name, &key);
        break;
    default:
        break;
    }
    HASH_FIND(hh, names->table, &key, sizeof(key), entry);
    if (entry) {
        struct root_name *known = &names->names[entry->number];

        if (known->group && (known->offset != offset || known->root != number))
            known->name = known->group; /* it stands for more than the one element */
        return entry->number;
    }
    name_module(names, root, &name);
    name_thread(names, root, &name);
    entry = calloc(1, sizeof(*entry));
    if (!entry)
        return ROOT_NAMES_NONE;
    entry->key = key;
    entry->number = add_name(names, &name);
    if (entry->number == ROOT_NAMES_NONE) {
        free(entry);
        return ROOT_NAMES_NONE;
    }
    HASH_ADD(hh, names->table, key, sizeof(key), entry);
    if (!entry->hh.tbl) {
        free(entry);
        return ROOT_NAMES_NONE;
    }
    return names->names ? (uint32_t)names->count - 1 : ROOT_NAMES_NONE;
}

const struct root_name *root_names_get(const struct root_names *names, uint32_t number)
{
    return &names->names[number];
}
