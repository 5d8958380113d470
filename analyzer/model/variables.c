#include "model/variables.h"

#include "model/address_map.h"
#include "model/demangle.h"
#include "model/intern.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <gelf.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 100 /* scopes or types within each other: more only in a hostile file */
#define TEXT_SIZE 512 /* of a name or a type; longer ones are cut */

struct definition {
    const char *name;
    uint64_t low;
    Dwarf_Die die; /* addr NULL: only the symbol table has it */
    bool is_static;
};

struct module {
    bool is_read;
    struct definition *definitions;
    size_t count, capacity;
    struct address_map map, thread_map; /* of definitions */
};

struct variables {
    const struct heap *heap;
    struct symbols *symbols;
    struct module *modules; /* as the heap has them */
    struct intern *strings;
};

struct variables *variables_create(const struct heap *heap, struct symbols *symbols)
{
    struct variables *variables = calloc(1, sizeof(*variables));

    if (!variables)
        return NULL;
    variables->heap = heap;
    variables->symbols = symbols;
    variables->modules = calloc(heap->module_count + 1, sizeof(*variables->modules));
    variables->strings = intern_create();
    if (!variables->modules || !variables->strings) {
        variables_destroy(variables);
        return NULL;
    }
    return variables;
}

void variables_destroy(struct variables *variables)
{
    if (!variables)
        return;
    for (size_t i = 0; variables->modules && i < variables->heap->module_count; i++) {
        free(variables->modules[i].definitions);
        address_map_finish(&variables->modules[i].map);
        address_map_finish(&variables->modules[i].thread_map);
    }
    free(variables->modules);
    intern_destroy(variables->strings);
    free(variables);
}

static bool add(struct module *module, struct address_map *map, const struct definition *definition,
                uint64_t size)
{
    if (module->count == module->capacity) {
        size_t capacity = module->capacity ? module->capacity * 2 : 64;
        struct definition *definitions =
            reallocarray(module->definitions, capacity, sizeof(*definitions));

        if (!definitions)
            return false;
        module->definitions = definitions;
        module->capacity = capacity;
    }
    if (definition->low + size < definition->low)
        return true; /* nonsense */
    module->definitions[module->count] = *definition;
    return address_map_add(map, definition->low, definition->low + size, module->count++);
}

/* Add the objects that the symbol tables of ELF name. */
static void add_symbols(struct module *module, Elf *elf)
{
    Elf_Scn *section = NULL;

    while (elf && (section = elf_nextscn(elf, section))) {
        GElf_Shdr header;
        Elf_Data *data;
        size_t count;

        if (!gelf_getshdr(section, &header) || header.sh_entsize == 0 ||
            (header.sh_type != SHT_SYMTAB && header.sh_type != SHT_DYNSYM) ||
            !(data = elf_getdata(section, NULL)))
            continue;
        count = data->d_size / header.sh_entsize;
        for (size_t i = 0; i < count && i <= INT32_MAX; i++) {
            struct definition definition = {0};
            GElf_Sym symbol;
            unsigned type;

            if (!gelf_getsym(data, (int)i, &symbol) || symbol.st_shndx == SHN_UNDEF ||
                symbol.st_size == 0)
                continue;
            type = GELF_ST_TYPE(symbol.st_info);
            if (type != STT_OBJECT && type != STT_TLS)
                continue;
            definition.name = elf_strptr(elf, header.sh_link, symbol.st_name);
            definition.low = symbol.st_value;
            definition.is_static = GELF_ST_BIND(symbol.st_info) == STB_LOCAL;
            if (definition.name && *definition.name &&
                !add(module, type == STT_TLS ? &module->thread_map : &module->map, &definition,
                     symbol.st_size))
                return;
        }
    }
}

/* The attribute CODE of DIE as a DIE, followed through declarations and abstract origins. */
static bool die_attribute(Dwarf_Die *die, unsigned code, Dwarf_Die *out_die)
{
    Dwarf_Attribute attribute;

    return dwarf_attr_integrate(die, code, &attribute) &&
           dwarf_formref_die(&attribute, out_die) != NULL;
}

/* The type of DIE without names and qualifiers of its own. False: it has none (void). */
static bool peeled_type(Dwarf_Die *die, Dwarf_Die *out_type)
{
    Dwarf_Die type;

    if (!die_attribute(die, DW_AT_type, &type))
        return false;
    for (int i = 0; i < DEPTH_MAX; i++) {
        switch (dwarf_tag(&type)) {
        case DW_TAG_typedef:
        case DW_TAG_const_type:
        case DW_TAG_volatile_type:
        case DW_TAG_restrict_type:
        case DW_TAG_atomic_type:
            if (!die_attribute(&type, DW_AT_type, &type))
                return false;
            break;
        default:
            *out_type = type;
            return true;
        }
    }
    return false;
}

static uint64_t size_of(Dwarf_Die *type)
{
    Dwarf_Word size;

    return dwarf_aggregate_size(type, &size) == 0 ? size : 0;
}

/* Where the variable DIE lies; in thread-local data if OUT_THREAD_LOCAL. False: at no fixed
 * place. */
static bool fixed_place(Dwarf_Die *die, uint64_t *out_address, bool *out_thread_local)
{
    Dwarf_Attribute attribute;
    Dwarf_Op *operations;
    Dwarf_Addr address;
    size_t count;

    if (!dwarf_attr(die, DW_AT_location, &attribute) ||
        dwarf_getlocation(&attribute, &operations, &count) != 0)
        return false;
    if (count == 1 && operations[0].atom == DW_OP_addr) {
        *out_address = operations[0].number;
        *out_thread_local = false;
        return true;
    }
    if (count == 1 && operations[0].atom == DW_OP_addrx &&
        dwarf_getlocation_attr(&attribute, operations, &attribute) == 0 &&
        dwarf_formaddr(&attribute, &address) == 0) {
        *out_address = address;
        *out_thread_local = false;
        return true;
    }
    if (count == 2 && (operations[0].atom == DW_OP_const8u || operations[0].atom == DW_OP_addr ||
                       operations[0].atom == DW_OP_const4u) &&
        (operations[1].atom == DW_OP_GNU_push_tls_address ||
         operations[1].atom == DW_OP_form_tls_address)) {
        *out_address = operations[0].number;
        *out_thread_local = true;
        return true;
    }
    return false;
}

static bool is_external(Dwarf_Die *die)
{
    Dwarf_Attribute attribute;
    bool external = false;

    return dwarf_attr_integrate(die, DW_AT_external, &attribute) &&
           dwarf_formflag(&attribute, &external) == 0 && external;
}

static void add_variable(struct module *module, Dwarf_Die *die)
{
    struct definition definition = {.die = *die};
    bool is_thread_local;
    Dwarf_Die type;
    uint64_t size;

    if (!fixed_place(die, &definition.low, &is_thread_local))
        return;
    definition.name = dwarf_diename(die);
    definition.is_static = !is_external(die);
    size = die_attribute(die, DW_AT_type, &type) ? size_of(&type) : 0;
    if (definition.name)
        add(module, is_thread_local ? &module->thread_map : &module->map, &definition,
            size > 0 ? size : 1);
}

static bool next_sibling(Dwarf_Die *die)
{
    Dwarf_Off before = dwarf_dieoffset(die);

    return dwarf_siblingof(die, die) == 0 && dwarf_dieoffset(die) > before;
}

/* Add all variables below PARENT, also those of name spaces, classes and functions. */
static void add_variables(struct module *module, Dwarf_Die *parent, int depth)
{
    Dwarf_Die die;

    if (depth > DEPTH_MAX || dwarf_child(parent, &die) != 0)
        return;
    do {
        switch (dwarf_tag(&die)) {
        case DW_TAG_variable:
            add_variable(module, &die);
            break;
        case DW_TAG_namespace:
        case DW_TAG_class_type:
        case DW_TAG_structure_type:
        case DW_TAG_subprogram:
        case DW_TAG_lexical_block:
            add_variables(module, &die, depth + 1);
            break;
        default:
            break;
        }
    } while (next_sibling(&die));
}

/* The variables of the module INDEX; where debug info and symbol table know one, the former. */
static struct module *read_module(struct variables *variables, size_t index)
{
    struct module *module = &variables->modules[index];
    struct symbols_files files;
    Dwarf_CU *unit = NULL;
    Dwarf_Die die, code;
    uint8_t type;

    if (module->is_read)
        return module;
    module->is_read = true;
    files = symbols_files(variables->symbols, index);
    add_symbols(module, files.main);
    add_symbols(module, files.debug);
    while (files.dwarf &&
           dwarf_get_units(files.dwarf, unit, &unit, NULL, &type, &die, &code) == 0) {
        if (type == DW_UT_compile || type == DW_UT_skeleton)
            add_variables(module, type == DW_UT_skeleton && code.addr ? &code : &die, 0);
    }
    address_map_freeze(&module->map);
    address_map_freeze(&module->thread_map);
    return module;
}

/* A text that is put together; what does not fit is left out. */
struct text {
    char data[TEXT_SIZE];
    size_t length;
};

static void __attribute__((format(printf, 2, 3))) append(struct text *text, const char *format, ...)
{
    va_list arguments;
    int length;

    va_start(arguments, format);
    length = vsnprintf(text->data + text->length, TEXT_SIZE - text->length, format, arguments);
    va_end(arguments);
    if (length > 0)
        text->length += (size_t)length;
    if (text->length >= TEXT_SIZE)
        text->length = TEXT_SIZE - 1;
}

/* The bounds of the array TYPE into OUT_COUNTS, of each dimension; 0: unknown. Returns how many
 * dimensions it has. */
static size_t array_counts(Dwarf_Die *type, uint64_t out_counts[DEPTH_MAX])
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
    } while (next_sibling(&die));
    return count;
}

/* Append what the type of DIE is called, as C has it. */
static void append_type(struct text *text, Dwarf_Die *die, int depth)
{
    static const struct {
        int tag;
        const char *before;
    } named[] = {
        {DW_TAG_structure_type, "struct "}, {DW_TAG_union_type, "union "},
        {DW_TAG_enumeration_type, "enum "},
    };
    uint64_t counts[DEPTH_MAX];
    Dwarf_Die type;
    size_t count;

    if (depth > DEPTH_MAX || !die_attribute(die, DW_AT_type, &type)) {
        append(text, "void");
        return;
    }
    switch (dwarf_tag(&type)) {
    case DW_TAG_pointer_type:
        append_type(text, &type, depth + 1);
        append(text, text->length > 0 && text->data[text->length - 1] == '*' ? "*" : " *");
        return;
    case DW_TAG_reference_type:
    case DW_TAG_rvalue_reference_type:
        append_type(text, &type, depth + 1);
        append(text, " &");
        return;
    case DW_TAG_const_type:
        append(text, "const ");
        append_type(text, &type, depth + 1);
        return;
    case DW_TAG_volatile_type:
    case DW_TAG_restrict_type:
    case DW_TAG_atomic_type:
        append_type(text, &type, depth + 1);
        return;
    case DW_TAG_array_type:
        append_type(text, &type, depth + 1);
        count = array_counts(&type, counts);
        for (size_t i = 0; i < count; i++) {
            if (counts[i] > 0)
                append(text, "[%" PRIu64 "]", counts[i]);
            else
                append(text, "[]");
        }
        return;
    case DW_TAG_subroutine_type:
        append(text, "function");
        return;
    default:
        break;
    }
    for (size_t i = 0; i < sizeof(named) / sizeof(*named); i++) {
        Dwarf_Die unit;
        int language = dwarf_diecu(&type, &unit, NULL, NULL) ? dwarf_srclang(&unit) : -1;

        if (dwarf_tag(&type) == named[i].tag &&
            (language == DW_LANG_C89 || language == DW_LANG_C || language == DW_LANG_C99 ||
             language == DW_LANG_C11 || !dwarf_diename(&type)))
            append(text, "%s", named[i].before);
    }
    append(text, "%s", dwarf_diename(&type) ? dwarf_diename(&type) : "{…}");
}

/* The member of TYPE, a structure, that lies OFFSET bytes into it, and where it begins. */
static bool find_member(Dwarf_Die *type, uint64_t offset, Dwarf_Die *out_member, uint64_t *out_start)
{
    bool found = false;
    Dwarf_Die die;

    if (dwarf_child(type, &die) != 0)
        return false;
    do {
        Dwarf_Attribute attribute;
        Dwarf_Word start = 0;
        Dwarf_Die member_type;

        if (dwarf_tag(&die) != DW_TAG_member && dwarf_tag(&die) != DW_TAG_inheritance)
            continue;
        if (dwarf_attr(&die, DW_AT_external, &attribute))
            continue; /* a static one is not in there */
        if (dwarf_attr(&die, DW_AT_data_member_location, &attribute) &&
            dwarf_formudata(&attribute, &start) != 0)
            continue;
        if (start > offset || !die_attribute(&die, DW_AT_type, &member_type) ||
            offset - start >= size_of(&member_type))
            continue;
        *out_member = die;
        *out_start = start;
        found = true;
        break;
    } while (next_sibling(&die));
    return found;
}

/* Append to NAME and GROUP which field of a variable of DIE's type lies OFFSET bytes into it. */
static void append_field(Dwarf_Die *die, uint64_t offset, struct text *name, struct text *group)
{
    Dwarf_Die at = *die, type;

    for (int depth = 0; depth < DEPTH_MAX && peeled_type(&at, &type); depth++) {
        uint64_t counts[DEPTH_MAX], start, size;
        Dwarf_Die element;

        switch (dwarf_tag(&type)) {
        case DW_TAG_structure_type:
        case DW_TAG_class_type:
            if (!find_member(&type, offset, &at, &start))
                return;
            if (dwarf_diename(&at)) { /* not a base class or an unnamed structure */
                append(name, ".%s", dwarf_diename(&at));
                append(group, ".%s", dwarf_diename(&at));
            }
            offset -= start;
            continue;
        case DW_TAG_array_type:
            /* Of more dimensions, all as one: that is how they lie. */
            if (array_counts(&type, counts) == 0 || !die_attribute(&type, DW_AT_type, &element) ||
                (size = size_of(&element)) == 0)
                return;
            append(name, "[%" PRIu64 "]", offset / size);
            append(group, "[]");
            offset %= size;
            at = type;
            continue;
        default:
            return;
        }
    }
}

/* The file that DIE is declared in, with its directory if the debug info says that. */
static const char *file_of(struct variables *variables, Dwarf_Die *die)
{
    const char *directory = NULL;
    Dwarf_Attribute attribute;
    Dwarf_Die unit;

    if (dwarf_diecu(die, &unit, NULL, NULL) && dwarf_attr(&unit, DW_AT_comp_dir, &attribute))
        directory = dwarf_formstring(&attribute);
    return symbols_source(variables->symbols, dwarf_decl_file(die), directory);
}

/* Fill in OUT for the field OFFSET bytes into the variable NAME that DIE, if it has an address,
 * tells of. */
static void describe(struct variables *variables, const char *name, Dwarf_Die *die, uint64_t offset,
                     struct variable *out)
{
    struct text field = {.length = 0}, group = {.length = 0}, type = {.length = 0};
    Dwarf_Attribute linkage;
    const char *linker_name = NULL;
    char *readable;

    if (die->addr && (dwarf_attr_integrate(die, DW_AT_linkage_name, &linkage)))
        linker_name = dwarf_formstring(&linkage);
    readable = demangle(linker_name ? linker_name : name);
    append(&field, "%s", readable ? readable : name);
    append(&group, "%s", readable ? readable : name);
    free(readable);
    if (die->addr) {
        append_field(die, offset, &field, &group);
        append_type(&type, die, 0);
        out->type = intern_string(variables->strings, type.data);
        out->file = file_of(variables, die);
    } else if (offset > 0) {
        append(&field, "+%#" PRIx64, offset);
    }
    out->name = intern_string(variables->strings, field.data);
    out->group = intern_string(variables->strings, group.data);
}

bool variables_find(struct variables *variables, size_t index, uint64_t address,
                    bool thread_local_data, struct variable *out_variable)
{
    struct module *module = read_module(variables, index);
    struct definition *definition;
    size_t number;

    if (!address_map_find(thread_local_data ? &module->thread_map : &module->map, address, &number))
        return false;
    definition = &module->definitions[number];
    *out_variable = (struct variable){.is_static = definition->is_static, .start = definition->low};
    describe(variables, definition->name, &definition->die, address - definition->low,
             out_variable);
    return out_variable->name && out_variable->group;
}

/* Is the frame base of FUNCTION its canonical frame address? */
static bool counts_from_end(Dwarf_Die *function)
{
    Dwarf_Attribute attribute;
    Dwarf_Op *operations;
    size_t count;

    return dwarf_attr(function, DW_AT_frame_base, &attribute) &&
           dwarf_getlocation(&attribute, &operations, &count) == 0 && count == 1 &&
           operations[0].atom == DW_OP_call_frame_cfa;
}

/* Does the variable DIE lie over the byte AT, which counts from the end of the frame, at PC? Its
 * own first byte is put in OUT_START. */
static bool lies_at(Dwarf_Die *die, uint64_t pc, int64_t at, int64_t *out_start)
{
    Dwarf_Attribute attribute;
    Dwarf_Op *operations;
    Dwarf_Die type;
    size_t count;
    int64_t start;

    if (!dwarf_attr(die, DW_AT_location, &attribute) ||
        dwarf_getlocation_addr(&attribute, pc, &operations, &count, 1) != 1 || count != 1 ||
        operations[0].atom != DW_OP_fbreg || !die_attribute(die, DW_AT_type, &type))
        return false;
    start = (int64_t)operations[0].number;
    if (at < start || (uint64_t)(at - start) >= size_of(&type))
        return false;
    *out_start = start;
    return true;
}

bool variables_find_local(struct variables *variables, size_t index, uint64_t pc, uint64_t end,
                          uint64_t address, struct variable *out_variable)
{
    struct symbols_files files = symbols_files(variables->symbols, index);
    Dwarf_Die *scopes = NULL;
    bool found = false, counts = false;
    Dwarf_Die unit;
    int count;

    if (!files.dwarf || !dwarf_addrdie(files.dwarf, pc, &unit))
        return false;
    count = dwarf_getscopes(&unit, pc, &scopes);
    for (int i = 0; i < count && !counts; i++)
        counts = dwarf_tag(&scopes[i]) == DW_TAG_subprogram && counts_from_end(&scopes[i]);
    for (int i = 0; i < count && counts && !found; i++) {
        Dwarf_Die die;

        if (dwarf_child(&scopes[i], &die) != 0)
            continue;
        do {
            int tag = dwarf_tag(&die);
            int64_t start;

            if ((tag != DW_TAG_variable && tag != DW_TAG_formal_parameter) ||
                !lies_at(&die, pc, (int64_t)(address - end), &start) || !dwarf_diename(&die))
                continue;
            *out_variable = (struct variable){.is_static = true, .start = end + (uint64_t)start};
            describe(variables, dwarf_diename(&die), &die,
                     (uint64_t)((int64_t)(address - end) - start), out_variable);
            found = out_variable->name && out_variable->group;
            break;
        } while (next_sibling(&die));
    }
    free(scopes);
    return found;
}
