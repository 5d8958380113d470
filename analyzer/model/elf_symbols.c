#include "model/elf_symbols.h"

#include <gelf.h>
#include <stdlib.h>
#include <string.h>

struct function {
    uint64_t low, high;
    const char *name;
    uint64_t section_end;
    bool sized;
    bool local;
};

struct functions {
    struct function *all;
    size_t count;
};

static Elf_Scn *find_table(Elf *elf, GElf_Word type)
{
    Elf_Scn *section = NULL;

    while (elf && (section = elf_nextscn(elf, section))) {
        GElf_Shdr header;

        if (gelf_getshdr(section, &header) && header.sh_type == type)
            return section;
    }
    return NULL;
}

/* Read SYMBOL of ELF, whose names lie in section NAMES, if it is code. */
static bool read_function(Elf *elf, size_t names, const GElf_Sym *symbol,
                          struct function *out_function)
{
    unsigned type = GELF_ST_TYPE(symbol->st_info);
    struct function function = {
        .low = symbol->st_value,
        .high = symbol->st_value + symbol->st_size,
        .sized = symbol->st_size > 0,
        .local = GELF_ST_BIND(symbol->st_info) == STB_LOCAL,
    };
    GElf_Shdr header;

    if (symbol->st_shndx == SHN_UNDEF || symbol->st_shndx >= SHN_LORESERVE)
        return false;
    if (type != STT_FUNC && type != STT_GNU_IFUNC && (type != STT_NOTYPE || function.sized))
        return false;
    if (!gelf_getshdr(elf_getscn(elf, symbol->st_shndx), &header) ||
        !(header.sh_flags & SHF_EXECINSTR))
        return false;
    function.section_end = header.sh_addr + header.sh_size;
    function.name = elf_strptr(elf, names, symbol->st_name);
    if (!function.name || *function.name == 0 || *function.name == '.' || *function.name == '$')
        return false;
    if (function.high < function.low)
        return false;
    *out_function = function;
    return true;
}

static bool read_table(Elf *elf, Elf_Scn *section, struct functions *out_functions)
{
    Elf_Data *data = elf_getdata(section, NULL);
    struct functions functions = {0};
    GElf_Shdr header;
    size_t count;

    if (!data || !gelf_getshdr(section, &header) || header.sh_entsize == 0)
        return false;
    count = data->d_size / header.sh_entsize;
    functions.all = calloc(count > 0 ? count : 1, sizeof(*functions.all));
    if (!functions.all)
        return false;
    for (size_t i = 0; i < count && i <= INT32_MAX; i++) {
        GElf_Sym symbol;

        if (gelf_getsym(data, (int)i, &symbol) &&
            read_function(elf, header.sh_link, &symbol, &functions.all[functions.count]))
            functions.count++;
    }
    if (functions.count == 0) {
        free(functions.all);
        return false;
    }
    *out_functions = functions;
    return true;
}

/* Order by address; at one address the better name later, as address_map prefers. */
static int compare_functions(const void *left, const void *right)
{
    const struct function *a = left, *b = right;
    size_t underscores_a = strspn(a->name, "_"), underscores_b = strspn(b->name, "_");
    size_t length_a, length_b;

    if (a->low != b->low)
        return a->low < b->low ? -1 : 1;
    if (a->local != b->local)
        return a->local ? -1 : 1;
    if (underscores_a != underscores_b)
        return underscores_a > underscores_b ? -1 : 1;
    length_a = strlen(a->name);
    length_b = strlen(b->name);
    if (length_a != length_b)
        return length_a > length_b ? -1 : 1;
    return strcmp(b->name, a->name);
}

/* Give each function without a size its end: the next symbol or the end of its
 * section. */
static void end_unsized(struct functions *functions)
{
    uint64_t next = UINT64_MAX;

    for (size_t i = functions->count; i-- > 0;) {
        struct function *function = &functions->all[i];

        if (i + 1 < functions->count && functions->all[i + 1].low > function->low)
            next = functions->all[i + 1].low;
        if (!function->sized)
            function->high = next < function->section_end ? next : function->section_end;
    }
}

void elf_symbols_init(struct elf_symbols *symbols, Elf *main, Elf *debug)
{
    const struct {
        Elf *elf;
        GElf_Word type;
    } tables[] = {{main, SHT_SYMTAB}, {debug, SHT_SYMTAB}, {main, SHT_DYNSYM}};
    struct functions functions = {0};

    *symbols = (struct elf_symbols){0};
    for (size_t i = 0; i < sizeof(tables) / sizeof(*tables) && !functions.all; i++) {
        Elf_Scn *section = find_table(tables[i].elf, tables[i].type);

        if (section)
            read_table(tables[i].elf, section, &functions);
    }
    if (!functions.all)
        return;
    qsort(functions.all, functions.count, sizeof(*functions.all), compare_functions);
    end_unsized(&functions);

    symbols->names = calloc(functions.count, sizeof(*symbols->names));
    for (size_t i = 0; symbols->names && i < functions.count; i++) {
        const struct function *function = &functions.all[i];

        symbols->names[i] = function->name;
        if (!address_map_add(function->sized ? &symbols->sized : &symbols->unsized, function->low,
                             function->high, i))
            break;
    }
    symbols->count = functions.count;
    address_map_freeze(&symbols->sized);
    address_map_freeze(&symbols->unsized);
    free(functions.all);
}

void elf_symbols_finish(struct elf_symbols *symbols)
{
    address_map_finish(&symbols->sized);
    address_map_finish(&symbols->unsized);
    free(symbols->names);
    *symbols = (struct elf_symbols){0};
}

const char *elf_symbols_find(const struct elf_symbols *symbols, uint64_t address)
{
    size_t number;

    if (address_map_find(&symbols->sized, address, &number) ||
        address_map_find(&symbols->unsized, address, &number))
        return symbols->names[number];
    return NULL;
}
