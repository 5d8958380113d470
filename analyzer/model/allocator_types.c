#include "model/allocator_types.h"

#include "model/dwarf_types.h"
#include "model/filter.h"

#include <dwarf.h>
#include <stdlib.h>
#include <string.h>

#define FRAMES_MAX 16 /* looked at on a stack */

enum answer {
    UNASKED,
    NEXT, /* the caller may know */
    UNKNOWN,
    RETURNED,
    ALLOCATED,
};

struct frame {
    uint32_t layout;
    uint8_t answer;
};

struct allocator_types {
    const struct heap *heap;
    struct symbols *symbols;
    struct layouts *layouts;
    struct filter *filter;
    struct frame *frames; /* as the heap has them */
    size_t asked;
};

struct allocator_types *allocator_types_create(const struct heap *heap, struct symbols *symbols,
                                               struct layouts *layouts)
{
    struct allocator_types *types = calloc(1, sizeof(*types));

    if (!types)
        return NULL;
    *types = (struct allocator_types){
        .heap = heap,
        .symbols = symbols,
        .layouts = layouts,
        .filter = filter_create(),
        .frames = calloc(heap->frame_count + 1, sizeof(*types->frames)),
    };
    if (!types->filter || !types->frames) {
        allocator_types_destroy(types);
        return NULL;
    }
    return types;
}

void allocator_types_destroy(struct allocator_types *types)
{
    if (!types)
        return;
    filter_destroy(types->filter);
    free(types->frames);
    free(types);
}

/* Is FUNCTION a member of std::allocator<…> that allocates? */
static bool is_allocator(Dwarf_Die *function)
{
    static const char *const classes[] = {"_ZNSt15__new_allocatorI", "_ZN9__gnu_cxx13new_allocatorI",
                                          "_ZNSt16allocator_traitsI", "_ZNSaI"};
    const char *name = dwarf_diename(function), *linker_name = NULL;
    Dwarf_Attribute attribute;

    if (!name || strcmp(name, "allocate") != 0)
        return false;
    if (dwarf_attr_integrate(function, DW_AT_linkage_name, &attribute))
        linker_name = dwarf_formstring(&attribute);
    for (size_t i = 0; linker_name && i < sizeof(classes) / sizeof(*classes); i++) {
        if (strncmp(linker_name, classes[i], strlen(classes[i])) == 0)
            return true;
    }
    return false;
}

/* What FUNCTION says; the layout goes to OUT_LAYOUT. */
static enum answer ask_function(struct allocator_types *types, Dwarf_Die *function,
                                uint32_t *out_layout)
{
    Dwarf_Die type, pointer, target;
    const char *unused;

    if (!dwarf_types_attribute(function, DW_AT_type, &type) ||
        !dwarf_types_peel(&type, &pointer, &unused) ||
        dwarf_tag(&pointer) != DW_TAG_pointer_type)
        return UNKNOWN;
    if (!dwarf_types_attribute(&pointer, DW_AT_type, &target))
        return NEXT;
    *out_layout = layouts_of(types->layouts, &target);
    if (*out_layout == LAYOUTS_NONE)
        return UNKNOWN;
    return is_allocator(function)                                  ? ALLOCATED
           : layouts_is_structure(types->layouts, *out_layout)     ? RETURNED
                                                                   : UNKNOWN;
}

/* Does FRAME consist of nothing but functions that allocate for others? */
static bool is_wrapper(struct allocator_types *types, uint32_t frame)
{
    struct symbol_list list = symbols_frame(types->symbols, frame);

    for (size_t i = 0; i < list.count; i++) {
        if (!filter_skips(types->filter, &list.symbols[i]))
            return false;
    }
    return true;
}

/* What FRAME says: the innermost of its functions, inlined ones among them, that says anything. */
static enum answer ask_frame(struct allocator_types *types, uint32_t frame, uint32_t *out_layout)
{
    const struct heap_frame *recorded = &types->heap->frames[frame];
    enum answer answer = NEXT;
    struct symbols_files files;
    Dwarf_Die unit, *scopes = NULL;
    bool any = false;
    uint64_t pc;
    int count;

    if (recorded->module == 0)
        return UNKNOWN;
    files = symbols_files(types->symbols, recorded->module - 1);
    pc = recorded->address - types->heap->modules[recorded->module - 1].bias;
    if (!files.dwarf || !dwarf_addrdie(files.dwarf, pc, &unit))
        return is_wrapper(types, frame) ? NEXT : UNKNOWN;
    type_index_read(variables_types(layouts_variables(types->layouts)), recorded->module - 1);
    count = dwarf_getscopes(&unit, pc, &scopes);
    for (int i = 0; i < count && answer == NEXT; i++) {
        int tag = dwarf_tag(&scopes[i]);

        if (tag != DW_TAG_subprogram && tag != DW_TAG_inlined_subroutine)
            continue;
        any = true;
        answer = ask_function(types, &scopes[i], out_layout);
        if (tag == DW_TAG_subprogram)
            break; /* what is around it did not call it */
    }
    free(scopes);
    return any ? answer : is_wrapper(types, frame) ? NEXT : UNKNOWN;
}

uint32_t allocator_types_find(struct allocator_types *types, uint32_t stack, bool *out_sure)
{
    const struct heap *heap = types->heap;
    uint32_t frame = heap->stacks[stack].frame;

    for (size_t i = 0; frame && i < FRAMES_MAX; i++, frame = heap->frames[frame].parent) {
        struct frame *known = &types->frames[frame];

        if (known->answer == UNASKED) {
            if (types->asked++ >= ALLOCATOR_TYPES_MAX)
                return LAYOUTS_NONE;
            known->answer = (uint8_t)ask_frame(types, frame, &known->layout);
        }
        if (known->answer != NEXT) {
            *out_sure = known->answer == ALLOCATED;
            return known->answer == UNKNOWN ? LAYOUTS_NONE : known->layout;
        }
    }
    return LAYOUTS_NONE;
}
