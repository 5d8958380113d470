#include "model/dwarf_types.h"

#include <dwarf.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define DEPTH_MAX DWARF_TYPES_DEPTH_MAX

void dwarf_text_append(struct dwarf_text *text, const char *format, ...)
{
    va_list arguments;
    int length;

    va_start(arguments, format);
    length = vsnprintf(text->data + text->length, sizeof(text->data) - text->length, format,
                       arguments);
    va_end(arguments);
    if (length > 0)
        text->length += (size_t)length;
    if (text->length >= sizeof(text->data))
        text->length = sizeof(text->data) - 1;
}

bool dwarf_types_next(Dwarf_Die *die)
{
    Dwarf_Off before = dwarf_dieoffset(die);

    return dwarf_siblingof(die, die) == 0 && dwarf_dieoffset(die) > before;
}

bool dwarf_types_attribute(Dwarf_Die *die, unsigned code, Dwarf_Die *out_die)
{
    Dwarf_Attribute attribute;

    return dwarf_attr_integrate(die, code, &attribute) &&
           dwarf_formref_die(&attribute, out_die) != NULL;
}

bool dwarf_types_peel(const Dwarf_Die *type, Dwarf_Die *out_type, const char **out_name)
{
    Dwarf_Die at = *type;
    const char *name = NULL;

    for (int i = 0; i < DEPTH_MAX; i++) {
        switch (dwarf_tag(&at)) {
        case DW_TAG_typedef:
            name = dwarf_diename(&at);
            /* fall through */
        case DW_TAG_const_type:
        case DW_TAG_volatile_type:
        case DW_TAG_restrict_type:
        case DW_TAG_atomic_type:
            if (!dwarf_types_attribute(&at, DW_AT_type, &at))
                return false;
            break;
        default:
            *out_type = at;
            *out_name = dwarf_diename(&at) ? NULL : name;
            return true;
        }
    }
    return false;
}

uint64_t dwarf_types_size(Dwarf_Die *type)
{
    Dwarf_Word size;

    return dwarf_aggregate_size(type, &size) == 0 ? size : 0;
}

size_t dwarf_types_counts(Dwarf_Die *type, uint64_t out_counts[DEPTH_MAX])
{
    size_t count = 0;
    Dwarf_Die die;

    if (dwarf_child(type, &die) != 0)
        return 0;
    do {
        Dwarf_Attribute attribute;
        Dwarf_Word bound;

        if (dwarf_tag(&die) != DW_TAG_subrange_type || count == DEPTH_MAX)
            continue;
        out_counts[count] = 0;
        if (dwarf_attr(&die, DW_AT_count, &attribute) &&
            dwarf_formudata(&attribute, &bound) == 0)
            out_counts[count] = bound;
        else if (dwarf_attr(&die, DW_AT_upper_bound, &attribute) &&
                 dwarf_formudata(&attribute, &bound) == 0)
            out_counts[count] = bound + 1;
        count++;
    } while (dwarf_types_next(&die));
    return count;
}

static bool is_c(Dwarf_Die *die)
{
    Dwarf_Die unit;

    switch (dwarf_diecu(die, &unit, NULL, NULL) ? dwarf_srclang(&unit) : -1) {
    case DW_LANG_C89:
    case DW_LANG_C:
    case DW_LANG_C99:
    case DW_LANG_C11:
        return true;
    default:
        return false;
    }
}

static void append_name(struct dwarf_text *text, Dwarf_Die *type, struct type_index *index)
{
    const char *word = dwarf_tag(type) == DW_TAG_structure_type     ? "struct "
                       : dwarf_tag(type) == DW_TAG_union_type       ? "union "
                       : dwarf_tag(type) == DW_TAG_enumeration_type ? "enum "
                                                                    : "";
    const char *name = dwarf_diename(type), *full = index ? type_index_name(index, type) : NULL;

    if (*word && (!name || is_c(type)))
        dwarf_text_append(text, "%s", word);
    dwarf_text_append(text, "%s", full ? full : name ? name : "{…}");
}

static void append_type(struct dwarf_text *text, Dwarf_Die *type, struct type_index *index, int depth)
{
    uint64_t counts[DEPTH_MAX];
    Dwarf_Die inner;
    bool has_inner;
    size_t count;

    if (!type || depth > DEPTH_MAX) {
        dwarf_text_append(text, "void");
        return;
    }
    has_inner = dwarf_types_attribute(type, DW_AT_type, &inner);
    switch (dwarf_tag(type)) {
    case DW_TAG_pointer_type:
        append_type(text, has_inner ? &inner : NULL, index, depth + 1);
        dwarf_text_append(text,
                          text->length > 0 && text->data[text->length - 1] == '*' ? "*" : " *");
        return;
    case DW_TAG_reference_type:
    case DW_TAG_rvalue_reference_type:
        append_type(text, has_inner ? &inner : NULL, index, depth + 1);
        dwarf_text_append(text, " &");
        return;
    case DW_TAG_const_type:
        dwarf_text_append(text, "const ");
        /* fall through */
    case DW_TAG_volatile_type:
    case DW_TAG_restrict_type:
    case DW_TAG_atomic_type:
        append_type(text, has_inner ? &inner : NULL, index, depth + 1);
        return;
    case DW_TAG_array_type:
        append_type(text, has_inner ? &inner : NULL, index, depth + 1);
        count = dwarf_types_counts(type, counts);
        for (size_t i = 0; i < count; i++) {
            if (counts[i] > 0)
                dwarf_text_append(text, "[%" PRIu64 "]", counts[i]);
            else
                dwarf_text_append(text, "[]");
        }
        return;
    case DW_TAG_subroutine_type:
        dwarf_text_append(text, "function");
        return;
    default:
        append_name(text, type, index);
    }
}

void dwarf_types_append_name(struct dwarf_text *text, Dwarf_Die *type, struct type_index *index)
{
    append_type(text, type, index, 0);
}

bool dwarf_types_member(Dwarf_Die *member, uint64_t *out_start, Dwarf_Die *out_type)
{
    Dwarf_Attribute attribute;
    Dwarf_Word start = 0;

    if (dwarf_tag(member) != DW_TAG_member && dwarf_tag(member) != DW_TAG_inheritance)
        return false;
    if (dwarf_attr(member, DW_AT_external, &attribute) ||
        dwarf_attr(member, DW_AT_virtuality, &attribute))
        return false; /* a static one is not in there, a virtual base class anywhere */
    if (dwarf_attr(member, DW_AT_data_member_location, &attribute) &&
        dwarf_formudata(&attribute, &start) != 0)
        return false;
    *out_start = start;
    return dwarf_types_attribute(member, DW_AT_type, out_type);
}

/* The member of TYPE, a structure, that lies OFFSET bytes into it, where it begins, and its type. */
static bool find_member(Dwarf_Die *type, uint64_t offset, Dwarf_Die *out_member,
                        uint64_t *out_start, Dwarf_Die *out_type)
{
    Dwarf_Die die;

    if (dwarf_child(type, &die) != 0)
        return false;
    do {
        if (dwarf_types_member(&die, out_start, out_type) && *out_start <= offset &&
            offset - *out_start < dwarf_types_size(out_type)) {
            *out_member = die;
            return true;
        }
    } while (dwarf_types_next(&die));
    return false;
}

void dwarf_types_append_field(Dwarf_Die *from, uint64_t offset, struct dwarf_text *name,
                              struct dwarf_text *group)
{
    Dwarf_Die at = *from, type;
    const char *unused;

    for (int depth = 0; depth < DEPTH_MAX && dwarf_types_peel(&at, &type, &unused); depth++) {
        uint64_t counts[DEPTH_MAX], start, size;
        Dwarf_Die member;

        switch (dwarf_tag(&type)) {
        case DW_TAG_structure_type:
        case DW_TAG_class_type:
            if (!find_member(&type, offset, &member, &start, &at))
                return;
            /* Not a base class, an unnamed structure, or the inner works of libstdc++. */
            if (dwarf_tag(&member) == DW_TAG_member && dwarf_diename(&member) &&
                strncmp(dwarf_diename(&member), "_M_", 3) != 0) {
                dwarf_text_append(name, ".%s", dwarf_diename(&member));
                dwarf_text_append(group, ".%s", dwarf_diename(&member));
            }
            offset -= start;
            continue;
        case DW_TAG_array_type:
            /* Of more dimensions, all as one: that is how they lie. */
            if (dwarf_types_counts(&type, counts) == 0 ||
                !dwarf_types_attribute(&type, DW_AT_type, &at) ||
                (size = dwarf_types_size(&at)) == 0)
                return;
            dwarf_text_append(name, "[%" PRIu64 "]", offset / size);
            dwarf_text_append(group, "[]");
            offset %= size;
            continue;
        default:
            return;
        }
    }
}
