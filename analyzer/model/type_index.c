#include "model/type_index.h"

#include "model/dwarf_types.h"
#include "model/intern.h"

#include <dwarf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

/* A type within a name space or class. */
struct named {
    const void *die; /* where it lies */
    const char *name;
};

struct definition {
    const char *name;
    Dwarf_Die die;
    UT_hash_handle hh;
};

struct module {
    bool is_read;
    Dwarf *dwarf;
    size_t seen;
    struct named *named; /* by die, once read */
    size_t count, capacity;
    struct definition *definitions;
};

struct type_index {
    const struct heap *heap;
    struct symbols *symbols;
    struct intern *strings;
    struct module *modules; /* as the heap has them */
};

struct type_index *type_index_create(const struct heap *heap, struct symbols *symbols)
{
    struct type_index *index = calloc(1, sizeof(*index));

    if (!index)
        return NULL;
    index->heap = heap;
    index->symbols = symbols;
    index->strings = intern_create();
    index->modules = calloc(heap->module_count + 1, sizeof(*index->modules));
    if (!index->strings || !index->modules) {
        type_index_destroy(index);
        return NULL;
    }
    return index;
}

void type_index_destroy(struct type_index *index)
{
    if (!index)
        return;
    for (size_t i = 0; index->modules && i < index->heap->module_count; i++) {
        struct definition *definition, *next;

        HASH_ITER(hh, index->modules[i].definitions, definition, next) {
            HASH_DEL(index->modules[i].definitions, definition);
            free(definition);
        }
        free(index->modules[i].named);
    }
    free(index->modules);
    intern_destroy(index->strings);
    free(index);
}

static void add_named(struct module *module, const void *die, const char *name)
{
    if (module->count == module->capacity) {
        size_t capacity = module->capacity ? 2 * module->capacity : 256;
        struct named *named = reallocarray(module->named, capacity, sizeof(*named));

        if (!named)
            return;
        module->named = named;
        module->capacity = capacity;
    }
    module->named[module->count++] = (struct named){die, name};
}

static void add_definition(struct module *module, Dwarf_Die *die, const char *name)
{
    struct definition *definition;

    HASH_FIND_STR(module->definitions, name, definition);
    if (definition)
        return; /* most headers are read by many */
    definition = calloc(1, sizeof(*definition));
    if (!definition)
        return;
    definition->name = name;
    definition->die = *die;
    HASH_ADD_KEYPTR(hh, module->definitions, name, strlen(name), definition);
    if (!definition->hh.tbl)
        free(definition);
}

static void read_scope(struct type_index *index, struct module *module, Dwarf_Die *parent,
                       const char *scope, bool has_scopes, int depth);

/* Read the type DIE, which lies in SCOPE ("app::", or empty). */
static void read_type(struct type_index *index, struct module *module, Dwarf_Die *die,
                      const char *scope, bool has_scopes, int depth)
{
    struct dwarf_text text = {.length = 0};
    const char *name = dwarf_diename(die);
    bool is_structure = dwarf_tag(die) == DW_TAG_structure_type ||
                        dwarf_tag(die) == DW_TAG_class_type ||
                        dwarf_tag(die) == DW_TAG_union_type;
    Dwarf_Attribute attribute;

    if (!name)
        return;
    if (*scope) {
        dwarf_text_append(&text, "%s%s", scope, name);
        name = intern_string(index->strings, text.data);
        if (!name)
            return;
        add_named(module, die->addr, name);
    }
    if (!is_structure)
        return;
    if (!dwarf_attr(die, DW_AT_declaration, &attribute))
        add_definition(module, die, name);
    if (has_scopes && dwarf_haschildren(die)) {
        text.length = 0;
        dwarf_text_append(&text, "%s::", name);
        read_scope(index, module, die, text.data, has_scopes, depth + 1);
    }
}

/* Read all types below PARENT. */
static void read_scope(struct type_index *index, struct module *module, Dwarf_Die *parent,
                       const char *scope, bool has_scopes, int depth)
{
    Dwarf_Die die;

    if (depth > DWARF_TYPES_DEPTH_MAX || dwarf_child(parent, &die) != 0)
        return;
    do {
        struct dwarf_text inner = {.length = 0};
        const char *name;

        switch (dwarf_tag(&die)) {
        case DW_TAG_structure_type:
        case DW_TAG_class_type:
        case DW_TAG_union_type:
        case DW_TAG_enumeration_type:
        case DW_TAG_typedef:
            if (++module->seen > TYPE_INDEX_MAX)
                return;
            read_type(index, module, &die, scope, has_scopes, depth);
            break;
        case DW_TAG_namespace:
            name = dwarf_diename(&die);
            dwarf_text_append(&inner, "%s%s::", scope, name ? name : "(anonymous namespace)");
            read_scope(index, module, &die, inner.data, has_scopes, depth + 1);
            break;
        default:
            break;
        }
    } while (dwarf_types_next(&die));
}

static int compare_named(const void *left, const void *right)
{
    const struct named *a = left, *b = right;

    return (a->die > b->die) - (a->die < b->die);
}

static bool has_scopes(Dwarf_Die *unit)
{
    switch (dwarf_srclang(unit)) {
    case DW_LANG_C89:
    case DW_LANG_C:
    case DW_LANG_C99:
    case DW_LANG_C11:
        return false;
    default:
        return true;
    }
}

void type_index_read(struct type_index *index, size_t number)
{
    struct module *module = &index->modules[number];
    struct symbols_files files;
    Dwarf_CU *unit = NULL;
    Dwarf_Die die, code;
    uint8_t type;

    if (module->is_read)
        return;
    module->is_read = true;
    files = symbols_files(index->symbols, number);
    module->dwarf = files.dwarf;
    while (files.dwarf &&
           dwarf_get_units(files.dwarf, unit, &unit, NULL, &type, &die, &code) == 0) {
        Dwarf_Die *top = type == DW_UT_skeleton && code.addr ? &code : &die;

        read_scope(index, module, top, "", has_scopes(top), 0);
    }
    if (module->count > 0)
        qsort(module->named, module->count, sizeof(*module->named), compare_named);
}

const char *type_index_name(struct type_index *index, Dwarf_Die *type)
{
    struct named key = {.die = type->addr};

    for (size_t i = 0; i < index->heap->module_count; i++) {
        struct module *module = &index->modules[i];
        const struct named *found;

        if (module->count == 0)
            continue;
        found = bsearch(&key, module->named, module->count, sizeof(key), compare_named);
        if (found)
            return found->name;
    }
    return NULL;
}

bool type_index_find(struct type_index *index, size_t module, const char *name, Dwarf_Die *out_type)
{
    struct definition *definition;

    type_index_read(index, module);
    HASH_FIND_STR(index->modules[module].definitions, name, definition);
    if (!definition)
        return false;
    *out_type = definition->die;
    return true;
}

bool type_index_find_beside(struct type_index *index, Dwarf_Die *die, const char *name,
                            Dwarf_Die *out_type)
{
    Dwarf *dwarf = dwarf_cu_getdwarf(die->cu);

    for (size_t i = 0; i < index->heap->module_count; i++) {
        if (index->modules[i].is_read && index->modules[i].dwarf == dwarf)
            return type_index_find(index, i, name, out_type);
    }
    return false;
}
