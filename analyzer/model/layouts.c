#include "model/layouts.h"

#include "model/dwarf_types.h"
#include "model/intern.h"

#include <dwarf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

enum kind {
    PLAIN, /* nothing in there is known to point anywhere */
    POINTER,
    ARRAY,
    STRUCTURE,
};

struct field {
    uint64_t start;
    uint32_t layout;
};

struct layout {
    Dwarf_Die die; /* peeled */
    const char *name;
    uint64_t size;
    enum kind kind;
    bool is_read; /* the following is known */
    bool is_open; /* an array without a bound, or a structure that ends with one */
    uint32_t target;      /* of a pointer: what it points at; of an array: its elements */
    struct field *fields; /* of a structure, those that are not PLAIN, by start */
    size_t field_count;
};

struct entry {
    const void *die; /* where it lies */
    uint32_t layout;
    UT_hash_handle hh;
};

struct layouts {
    struct variables *variables;
    struct intern *strings;
    struct layout *layouts;
    size_t count, capacity;
    size_t fields_seen;
    struct entry *table;
};

struct layouts *layouts_create(struct variables *variables)
{
    struct layouts *layouts = calloc(1, sizeof(*layouts));

    if (!layouts)
        return NULL;
    layouts->variables = variables;
    layouts->strings = intern_create();
    if (!layouts->strings) {
        free(layouts);
        return NULL;
    }
    return layouts;
}

void layouts_destroy(struct layouts *layouts)
{
    struct entry *entry, *next;

    if (!layouts)
        return;
    HASH_ITER(hh, layouts->table, entry, next) {
        HASH_DEL(layouts->table, entry);
        free(entry);
    }
    for (size_t i = 0; i < layouts->count; i++)
        free(layouts->layouts[i].fields);
    free(layouts->layouts);
    intern_destroy(layouts->strings);
    free(layouts);
}

struct variables *layouts_variables(const struct layouts *layouts)
{
    return layouts->variables;
}

static bool is_structure(int tag)
{
    return tag == DW_TAG_structure_type || tag == DW_TAG_class_type;
}

/* The definition of TYPE, which is one, or a declaration of what is defined elsewhere. */
static Dwarf_Die defined(struct layouts *layouts, Dwarf_Die type)
{
    struct type_index *index = variables_types(layouts->variables);
    const char *name = dwarf_diename(&type), *full = type_index_name(index, &type);
    Dwarf_Attribute attribute;
    Dwarf_Die definition;

    if (is_structure(dwarf_tag(&type)) && name && dwarf_attr(&type, DW_AT_declaration, &attribute) &&
        type_index_find_beside(index, &type, full ? full : name, &definition))
        return definition;
    return type;
}

/* What the TYPE, peeled, is called; TYPEDEF_NAME if it has no name of its own. */
static const char *name_of(struct layouts *layouts, Dwarf_Die *type, const char *typedef_name)
{
    struct dwarf_text text = {.length = 0};

    if (!dwarf_diename(type) && typedef_name)
        return intern_string(layouts->strings, typedef_name);
    if (!dwarf_diename(type) && (is_structure(dwarf_tag(type)) || dwarf_tag(type) == DW_TAG_union_type))
        return NULL;
    dwarf_types_append_name(&text, type, variables_types(layouts->variables));
    return intern_string(layouts->strings, text.data);
}

static enum kind kind_of(int tag)
{
    return is_structure(tag)                                                      ? STRUCTURE
           : tag == DW_TAG_array_type                                             ? ARRAY
           : tag == DW_TAG_pointer_type || tag == DW_TAG_reference_type ||
                   tag == DW_TAG_rvalue_reference_type                            ? POINTER
                                                                                  : PLAIN;
}

static struct layout *add_layout(struct layouts *layouts, uint32_t *out_number)
{
    if (layouts->count == LAYOUTS_MAX)
        return NULL;
    if (layouts->count == layouts->capacity) {
        size_t capacity = layouts->capacity ? 2 * layouts->capacity : 256;
        struct layout *larger = reallocarray(layouts->layouts, capacity, sizeof(*larger));

        if (!larger)
            return NULL;
        layouts->layouts = larger;
        layouts->capacity = capacity;
    }
    *out_number = (uint32_t)layouts->count++;
    layouts->layouts[*out_number] = (struct layout){.target = LAYOUTS_NONE};
    return &layouts->layouts[*out_number];
}

uint32_t layouts_of(struct layouts *layouts, const Dwarf_Die *type)
{
    const char *typedef_name;
    struct entry *entry;
    struct layout *layout;
    uint32_t number;
    Dwarf_Die peeled;

    if (!dwarf_types_peel(type, &peeled, &typedef_name))
        return LAYOUTS_NONE;
    HASH_FIND(hh, layouts->table, &peeled.addr, sizeof(peeled.addr), entry);
    if (entry)
        return entry->layout;
    entry = calloc(1, sizeof(*entry));
    layout = entry ? add_layout(layouts, &number) : NULL;
    if (!layout) {
        free(entry);
        return LAYOUTS_NONE;
    }
    entry->die = peeled.addr;
    entry->layout = number;
    HASH_ADD(hh, layouts->table, die, sizeof(entry->die), entry);
    if (!entry->hh.tbl) {
        free(entry);
        return LAYOUTS_NONE;
    }
    layout->die = defined(layouts, peeled);
    layout->name = name_of(layouts, &layout->die, typedef_name);
    layout->size = dwarf_types_size(&layout->die);
    layout->kind = kind_of(dwarf_tag(&layout->die));
    return number;
}

uint32_t layouts_find(struct layouts *layouts, size_t module, const char *name)
{
    Dwarf_Die type;

    return type_index_find(variables_types(layouts->variables), module, name, &type)
               ? layouts_of(layouts, &type)
               : LAYOUTS_NONE;
}

const char *layouts_name(const struct layouts *layouts, uint32_t layout)
{
    return layouts->layouts[layout].name;
}

uint64_t layouts_size(const struct layouts *layouts, uint32_t layout)
{
    return layouts->layouts[layout].size;
}

bool layouts_is_structure(const struct layouts *layouts, uint32_t layout)
{
    return layouts->layouts[layout].kind == STRUCTURE;
}

static int compare_fields(const void *left, const void *right)
{
    const struct field *a = left, *b = right;

    return (a->start > b->start) - (a->start < b->start);
}

static bool add_field(struct layout *layout, size_t *capacity, uint64_t start, uint32_t field)
{
    if (layout->field_count == *capacity) {
        size_t more = *capacity ? 2 * *capacity : 8;
        struct field *fields = reallocarray(layout->fields, more, sizeof(*fields));

        if (!fields)
            return false;
        layout->fields = fields;
        *capacity = more;
    }
    layout->fields[layout->field_count++] = (struct field){start, field};
    return true;
}

static const struct layout *read_layout(struct layouts *layouts, uint32_t number);

/* Is CHILD, of a structure called NAME, the type of what it has room for: the T of libstdc++'s
 * __aligned_membuf<T>, which containers keep their elements in? Else it would be bytes. */
static bool is_room_for(const char *name, Dwarf_Die *child, Dwarf_Die *out_type)
{
    return dwarf_tag(child) == DW_TAG_template_type_parameter && name &&
           (strncmp(name, "__aligned_membuf<", strlen("__aligned_membuf<")) == 0 ||
            strncmp(name, "__aligned_buffer<", strlen("__aligned_buffer<")) == 0) &&
           dwarf_types_attribute(child, DW_AT_type, out_type);
}

static void read_fields(struct layouts *layouts, uint32_t number)
{
    const char *name = dwarf_diename(&layouts->layouts[number].die);
    Dwarf_Die die;
    size_t capacity = 0;

    if (dwarf_child(&layouts->layouts[number].die, &die) != 0)
        return;
    do {
        Dwarf_Die type;
        uint64_t start = 0;
        uint32_t field;

        if (++layouts->fields_seen > LAYOUTS_FIELDS_MAX)
            break;
        if (!is_room_for(name, &die, &type) && !dwarf_types_member(&die, &start, &type))
            continue;
        field = layouts_of(layouts, &type); /* which may move the layouts */
        if (field != LAYOUTS_NONE && layouts->layouts[field].kind == ARRAY) {
            bool is_open = read_layout(layouts, field)->is_open; /* which may, too */

            layouts->layouts[number].is_open |= is_open;
        }
        if (field != LAYOUTS_NONE && layouts->layouts[field].kind != PLAIN &&
            !add_field(&layouts->layouts[number], &capacity, start, field))
            break;
    } while (dwarf_types_next(&die));
    if (layouts->layouts[number].field_count > 0)
        qsort(layouts->layouts[number].fields, layouts->layouts[number].field_count,
              sizeof(struct field), compare_fields);
}

/* Find out what lies in the layout NUMBER. */
static const struct layout *read_layout(struct layouts *layouts, uint32_t number)
{
    struct layout *layout = &layouts->layouts[number];
    uint64_t counts[DWARF_TYPES_DEPTH_MAX];
    Dwarf_Die inner;
    uint32_t target;

    if (layout->is_read)
        return layout;
    layout->is_read = true;
    if (layout->kind == STRUCTURE) {
        read_fields(layouts, number);
    } else if (layout->kind == POINTER || layout->kind == ARRAY) {
        if (layout->kind == ARRAY) {
            size_t count = dwarf_types_counts(&layout->die, counts);

            layout->is_open = count == 1 && counts[0] == 0;
        }
        if (dwarf_types_attribute(&layout->die, DW_AT_type, &inner)) {
            target = layouts_of(layouts, &inner);
            layouts->layouts[number].target = target;
        }
    }
    return &layouts->layouts[number];
}

/* The last field of LAYOUT that begins at OFFSET or before it. */
static const struct field *field_at(const struct layout *layout, uint64_t offset)
{
    size_t low = 0, high = layout->field_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (layout->fields[middle].start <= offset)
            low = middle + 1;
        else
            high = middle;
    }
    return low > 0 ? &layout->fields[low - 1] : NULL;
}

uint32_t layouts_pointee(struct layouts *layouts, uint32_t number, uint64_t offset)
{
    for (int depth = 0; depth < DWARF_TYPES_DEPTH_MAX && number != LAYOUTS_NONE; depth++) {
        const struct layout *layout = read_layout(layouts, number);
        const struct field *field;
        uint64_t size;

        switch (layout->kind) {
        case POINTER:
            return offset == 0 ? layout->target : LAYOUTS_NONE;
        case ARRAY:
            number = layout->target;
            size = number != LAYOUTS_NONE ? layouts->layouts[number].size : 0;
            if (size == 0 || (!layout->is_open && offset >= layout->size))
                return LAYOUTS_NONE;
            offset %= size;
            break;
        case STRUCTURE:
            field = field_at(layout, offset);
            if (!field)
                return LAYOUTS_NONE;
            number = field->layout;
            offset -= field->start;
            break;
        default:
            return LAYOUTS_NONE;
        }
    }
    return LAYOUTS_NONE;
}

bool layouts_is_open(struct layouts *layouts, uint32_t layout)
{
    const struct layout *read = read_layout(layouts, layout);

    return read->kind == STRUCTURE && read->is_open;
}

void layouts_field(struct layouts *layouts, uint32_t layout, uint64_t offset, char *buffer,
                   size_t size)
{
    struct dwarf_text name = {.length = 0}, group = {.length = 0};
    uint64_t whole = layouts->layouts[layout].size;

    /* Of an array of them, or behind what is open at its end: in one of these. */
    if (whole > 0 && offset >= whole && !layouts_is_open(layouts, layout))
        offset %= whole;
    dwarf_types_append_field(&layouts->layouts[layout].die, offset, &name, &group);
    snprintf(buffer, size, "%s", group.data[0] == '.' ? group.data + 1 : group.data);
}
