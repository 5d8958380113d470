/* elf_symbols.h - the functions that a symbol table names. */
#ifndef MODEL_ELF_SYMBOLS_H
#define MODEL_ELF_SYMBOLS_H

#include "model/address_map.h"

#include <libelf.h>
#include <stdbool.h>

struct elf_symbols {
    struct address_map sized;
    struct address_map unsized; /* assembler labels; asked if no sized one covers */
    const char **names;         /* by number of the maps; they lie in the ELF files */
    size_t count;
};

/* Read the functions of the most complete symbol table: MAIN's or DEBUG's .symtab,
 * else MAIN's .dynsym. Either may be NULL, both must outlive the symbols. No table,
 * or no memory: there are no symbols. */
void elf_symbols_init(struct elf_symbols *symbols, Elf *main, Elf *debug);

/* Free what SYMBOLS, which may be zeroed, hold. */
void elf_symbols_finish(struct elf_symbols *symbols);

/* The function that covers ADDRESS (of the file), NULL if none does. Of several names
 * the public one is preferred, the shortest, with the fewest leading underscores. The
 * end of an assembler function without a size is the next symbol. */
const char *elf_symbols_find(const struct elf_symbols *symbols, uint64_t address);

#endif
