#include "model/variables.h"

#include "model/address_map.h"
#include "model/demangle.h"
#include "model/dwarf_types.h"
#include "model/intern.h"
#include "model/template_names.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <gelf.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX DWARF_TYPES_DEPTH_MAX

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
    struct type_index *index;
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
    variables->index = type_index_create(heap, symbols);
    if (!variables->modules || !variables->strings || !variables->index) {
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
    type_index_destroy(variables->index);
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
    size = dwarf_types_attribute(die, DW_AT_type, &type) ? dwarf_types_size(&type) : 0;
    if (definition.name)
        add(module, is_thread_local ? &module->thread_map : &module->map, &definition,
            size > 0 ? size : 1);
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
    } while (dwarf_types_next(&die));
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
    type_index_read(variables->index, index);
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

/* A variable, or so many bytes into it. */
struct found {
    const char *name;
    Dwarf_Die die; /* addr NULL: only the symbol table has it */
    uint64_t offset;
};

/* Fill in OUT for what was FOUND. */
static bool describe(struct variables *variables, struct found *found, struct variable *out)
{
    struct dwarf_text field = {.length = 0}, group = {.length = 0}, text = {.length = 0};
    Dwarf_Die *die = &found->die, type;
    Dwarf_Attribute linkage;
    const char *linker_name = NULL;
    char *readable;

    if (die->addr && (dwarf_attr_integrate(die, DW_AT_linkage_name, &linkage)))
        linker_name = dwarf_formstring(&linkage);
    readable = demangle(linker_name ? linker_name : found->name);
    dwarf_text_append(&field, "%s", readable ? readable : found->name);
    dwarf_text_append(&group, "%s", readable ? readable : found->name);
    free(readable);
    if (die->addr) {
        bool has_type = dwarf_types_attribute(die, DW_AT_type, &type);

        if (has_type)
            dwarf_types_append_field(&type, found->offset, &field, &group);
        dwarf_types_append_name(&text, has_type ? &type : NULL, variables->index);
        template_names_shorten(text.data);
        out->type = intern_string(variables->strings, text.data);
        out->file = file_of(variables, die);
    } else if (found->offset > 0) {
        dwarf_text_append(&field, "+%#" PRIx64, found->offset);
    }
    out->name = intern_string(variables->strings, field.data);
    out->group = intern_string(variables->strings, group.data);
    return out->name && out->group;
}

static struct definition *find(struct variables *variables, size_t index, uint64_t address,
                               bool thread_local_data)
{
    struct module *module = read_module(variables, index);
    size_t number;

    return address_map_find(thread_local_data ? &module->thread_map : &module->map, address,
                            &number)
               ? &module->definitions[number]
               : NULL;
}

bool variables_find(struct variables *variables, size_t index, uint64_t address,
                    bool thread_local_data, struct variable *out_variable)
{
    struct definition *definition = find(variables, index, address, thread_local_data);
    struct found found;

    if (!definition)
        return false;
    *out_variable = (struct variable){.is_static = definition->is_static, .start = definition->low};
    found = (struct found){definition->name, definition->die, address - definition->low};
    return describe(variables, &found, out_variable);
}

bool variables_type(struct variables *variables, size_t index, uint64_t address,
                    bool thread_local_data, Dwarf_Die *out_type, uint64_t *out_offset)
{
    struct definition *definition = find(variables, index, address, thread_local_data);

    if (!definition || !definition->die.addr ||
        !dwarf_types_attribute(&definition->die, DW_AT_type, out_type))
        return false;
    *out_offset = address - definition->low;
    return true;
}

struct type_index *variables_types(struct variables *variables)
{
    return variables->index;
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
        operations[0].atom != DW_OP_fbreg || !dwarf_types_attribute(die, DW_AT_type, &type))
        return false;
    start = (int64_t)operations[0].number;
    if (at < start || (uint64_t)(at - start) >= dwarf_types_size(&type))
        return false;
    *out_start = start;
    return true;
}

/* Find the local variable AT so many bytes (less than 0) from the end of the frame that executes PC. */
static bool find_local(struct variables *variables, size_t index, uint64_t pc, int64_t at,
                       struct found *out_found)
{
    struct symbols_files files = symbols_files(variables->symbols, index);
    Dwarf_Die *scopes = NULL;
    bool found = false, counts = false;
    Dwarf_Die unit;
    int count;

    if (!files.dwarf || !dwarf_addrdie(files.dwarf, pc, &unit))
        return false;
    type_index_read(variables->index, index);
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
                !lies_at(&die, pc, at, &start) || !dwarf_diename(&die))
                continue;
            *out_found = (struct found){dwarf_diename(&die), die, (uint64_t)(at - start)};
            found = true;
            break;
        } while (dwarf_types_next(&die));
    }
    free(scopes);
    return found;
}

bool variables_find_local(struct variables *variables, size_t index, uint64_t pc, uint64_t end,
                          uint64_t address, struct variable *out_variable)
{
    struct found found;

    if (!find_local(variables, index, pc, (int64_t)(address - end), &found))
        return false;
    *out_variable = (struct variable){.is_static = true, .start = address - found.offset};
    return describe(variables, &found, out_variable);
}

bool variables_local_type(struct variables *variables, size_t index, uint64_t pc, int64_t at,
                          Dwarf_Die *out_type, uint64_t *out_offset)
{
    struct found found;

    if (!find_local(variables, index, pc, at, &found) ||
        !dwarf_types_attribute(&found.die, DW_AT_type, out_type))
        return false;
    *out_offset = found.offset;
    return true;
}
