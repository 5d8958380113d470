#include "model/dwarf_lines.h"

#include <dwarf.h>
#include <stdlib.h>
#include <string.h>

/* How deep scopes may nest: more only in a hostile file. */
#define DEPTH_MAX 200

struct dwarf_unit {
    Dwarf_Die die;  /* has the lines */
    Dwarf_Die code; /* has the functions: of the .dwo file, if there is one */
    bool indexed;
    Dwarf_Die *functions; /* by number of the map */
    size_t function_count, function_capacity;
    struct address_map map; /* of functions */
};

/* Add the address ranges of DIE to MAP as NUMBER. */
static bool add_ranges(struct address_map *map, Dwarf_Die *die, size_t number)
{
    Dwarf_Addr base, low, high;
    ptrdiff_t next = 0;

    while ((next = dwarf_ranges(die, next, &base, &low, &high)) > 0) {
        /* What begins at 0 or ~0 was thrown away by the linker. */
        if (low != 0 && high != UINT64_MAX && !address_map_add(map, low, high, number))
            return false;
    }
    return true;
}

static bool add_unit(struct dwarf_lines *lines, Dwarf_Die *die, Dwarf_Die *code)
{
    if ((lines->unit_count & (lines->unit_count - 1)) == 0) {
        size_t capacity = lines->unit_count ? lines->unit_count * 2 : 1;
        struct dwarf_unit *units = reallocarray(lines->units, capacity, sizeof(*units));

        if (!units)
            return false;
        lines->units = units;
    }
    lines->units[lines->unit_count] = (struct dwarf_unit){.die = *die, .code = *code};
    return add_ranges(&lines->map, die, lines->unit_count++);
}

bool dwarf_lines_init(struct dwarf_lines *lines, Elf *elf)
{
    Dwarf_CU *unit = NULL;
    Dwarf_Die die, code;
    uint8_t type;

    *lines = (struct dwarf_lines){.dwarf = dwarf_begin_elf(elf, DWARF_C_READ, NULL)};
    if (!lines->dwarf)
        return false;
    while (dwarf_get_units(lines->dwarf, unit, &unit, NULL, &type, &die, &code) == 0) {
        if (type != DW_UT_compile && type != DW_UT_skeleton)
            continue;
        if (!add_unit(lines, &die, type == DW_UT_skeleton && code.addr ? &code : &die))
            break;
    }
    address_map_freeze(&lines->map);
    if (lines->map.count > 0)
        return true;
    dwarf_lines_finish(lines);
    return false;
}

void dwarf_lines_finish(struct dwarf_lines *lines)
{
    for (size_t i = 0; i < lines->unit_count; i++) {
        address_map_finish(&lines->units[i].map);
        free(lines->units[i].functions);
    }
    free(lines->units);
    address_map_finish(&lines->map);
    dwarf_end(lines->dwarf);
    *lines = (struct dwarf_lines){0};
}

/* Move DIE to its next sibling, which in a sound file lies behind it. */
static bool next_sibling(Dwarf_Die *die)
{
    Dwarf_Off before = dwarf_dieoffset(die);

    return dwarf_siblingof(die, die) == 0 && dwarf_dieoffset(die) > before;
}

static bool add_function(struct dwarf_unit *unit, Dwarf_Die *die)
{
    if (unit->function_count == unit->function_capacity) {
        size_t capacity = unit->function_capacity ? unit->function_capacity * 2 : 64;
        Dwarf_Die *functions = reallocarray(unit->functions, capacity, sizeof(*functions));

        if (!functions)
            return false;
        unit->functions = functions;
        unit->function_capacity = capacity;
    }
    unit->functions[unit->function_count] = *die;
    return add_ranges(&unit->map, die, unit->function_count++);
}

/* Add all functions with code below PARENT, also those within types, name spaces and
 * other functions. */
static bool add_functions(struct dwarf_unit *unit, Dwarf_Die *parent, int depth)
{
    Dwarf_Die die;

    if (depth > DEPTH_MAX || dwarf_child(parent, &die) != 0)
        return true;
    do {
        switch (dwarf_tag(&die)) {
        case DW_TAG_subprogram:
            if ((dwarf_hasattr(&die, DW_AT_low_pc) || dwarf_hasattr(&die, DW_AT_ranges)) &&
                !add_function(unit, &die))
                return false;
            break;
        case DW_TAG_namespace:
        case DW_TAG_module:
        case DW_TAG_class_type:
        case DW_TAG_structure_type:
        case DW_TAG_union_type:
        case DW_TAG_lexical_block:
            break;
        default:
            continue;
        }
        if (!add_functions(unit, &die, depth + 1))
            return false;
    } while (next_sibling(&die));
    return true;
}

/* Find the inlined call below PARENT that ADDRESS lies in: a child, or within blocks. */
static bool find_inlined(Dwarf_Die *parent, Dwarf_Addr address, Dwarf_Die *out_die, int depth)
{
    Dwarf_Die die;

    if (depth > DEPTH_MAX || dwarf_child(parent, &die) != 0)
        return false;
    do {
        switch (dwarf_tag(&die)) {
        case DW_TAG_inlined_subroutine:
            if (dwarf_haspc(&die, address) == 1) {
                *out_die = die;
                return true;
            }
            break;
        case DW_TAG_lexical_block:
        case DW_TAG_try_block:
        case DW_TAG_catch_block:
        case DW_TAG_with_stmt:
            /* A block without ranges has no code itself, but its children may. */
            if ((dwarf_haspc(&die, address) == 1 ||
                 (!dwarf_hasattr(&die, DW_AT_low_pc) && !dwarf_hasattr(&die, DW_AT_ranges))) &&
                find_inlined(&die, address, out_die, depth + 1))
                return true;
            break;
        default:
            break;
        }
    } while (next_sibling(&die));
    return false;
}

/* The name of DIE's function: the linker's if it can be demangled, for it says name
 * space and parameters, too. */
static const char *name_of(Dwarf_Die *die)
{
    Dwarf_Attribute attribute;
    const char *linkage, *name;

    linkage = dwarf_formstring(dwarf_attr_integrate(die, DW_AT_linkage_name, &attribute));
    if (!linkage)
        linkage = dwarf_formstring(dwarf_attr_integrate(die, DW_AT_MIPS_linkage_name, &attribute));
    if (linkage && (strncmp(linkage, "_Z", 2) == 0 || strncmp(linkage, "_R", 2) == 0))
        return linkage;
    name = dwarf_formstring(dwarf_attr_integrate(die, DW_AT_name, &attribute));
    return name ? name : linkage;
}

/* Where INLINED was called. */
static void locate_call(Dwarf_Die *inlined, Dwarf_Die *unit, struct dwarf_place *place)
{
    Dwarf_Attribute attribute;
    Dwarf_Word file, line;
    Dwarf_Files *files;
    size_t count;

    if (dwarf_formudata(dwarf_attr(inlined, DW_AT_call_file, &attribute), &file) == 0 &&
        dwarf_getsrcfiles(unit, &files, &count) == 0 && file < count)
        place->file = dwarf_filesrc(files, file, NULL, NULL);
    if (dwarf_formudata(dwarf_attr(inlined, DW_AT_call_line, &attribute), &line) == 0 &&
        line <= INT32_MAX)
        place->line = (int)line;
}

static void locate_address(Dwarf_Die *unit, Dwarf_Addr address, struct dwarf_place *place)
{
    Dwarf_Line *line = dwarf_getsrc_die(unit, address);

    if (!line)
        return;
    place->file = dwarf_linesrc(line, NULL, NULL);
    if (dwarf_lineno(line, &place->line) != 0 || place->line < 0)
        place->line = 0;
}

/* Fill SCOPES with the function that ADDRESS lies in, then the inlined ones, the
 * innermost last. Returns how many. */
static size_t find_scopes(struct dwarf_unit *unit, Dwarf_Addr address,
                          Dwarf_Die scopes[DWARF_PLACES_MAX])
{
    size_t number, count = 1;

    if (!unit->indexed) {
        unit->indexed = true;
        add_functions(unit, &unit->code, 0);
        address_map_freeze(&unit->map);
    }
    if (!address_map_find(&unit->map, address, &number))
        return 0;
    scopes[0] = unit->functions[number];
    while (count < DWARF_PLACES_MAX && find_inlined(&scopes[count - 1], address, &scopes[count], 0))
        count++;
    return count;
}

size_t dwarf_lines_find(struct dwarf_lines *lines, uint64_t address,
                        struct dwarf_place out_places[DWARF_PLACES_MAX])
{
    Dwarf_Die scopes[DWARF_PLACES_MAX];
    Dwarf_Attribute attribute;
    const char *directory;
    struct dwarf_unit *unit;
    size_t number, count;

    if (!address_map_find(&lines->map, address, &number))
        return 0;
    unit = &lines->units[number];
    count = find_scopes(unit, address, scopes);
    directory = dwarf_formstring(dwarf_attr(&unit->die, DW_AT_comp_dir, &attribute));

    for (size_t i = 0; i < (count > 0 ? count : 1); i++) {
        struct dwarf_place *place = &out_places[i];

        *place = (struct dwarf_place){.directory = directory};
        if (i == 0)
            locate_address(&unit->die, address, place);
        else
            locate_call(&scopes[count - i], &unit->die, place);
        if (count > 0)
            place->function = name_of(&scopes[count - 1 - i]);
    }
    return count > 0 ? count : 1;
}
