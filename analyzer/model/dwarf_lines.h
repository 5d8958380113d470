/* dwarf_lines.h - file, line and inlined functions of an address, from debug info.
 *
 * Indexes itself as it is asked: which unit covers which addresses at the first
 * question, the functions of a unit at the first question into it.
 */
#ifndef MODEL_DWARF_LINES_H
#define MODEL_DWARF_LINES_H

#include "model/address_map.h"

#include <elfutils/libdw.h>
#include <stdbool.h>
#include <stddef.h>

struct dwarf_unit;

struct dwarf_lines {
    Dwarf *dwarf;
    struct dwarf_unit *units;
    size_t unit_count;
    struct address_map map; /* of units */
};

/* One function that an address lies in. */
struct dwarf_place {
    const char *function;  /* not demangled; NULL: unknown */
    const char *file;      /* NULL: unknown */
    const char *directory; /* that `file` is relative to, if it is; or NULL */
    int line;              /* 0: unknown */
};

enum { DWARF_PLACES_MAX = 256 };

/* Read the debug info of ELF, which must outlive LINES. False: it has none. */
bool dwarf_lines_init(struct dwarf_lines *lines, Elf *elf);

/* Free what LINES, which may be zeroed, hold. */
void dwarf_lines_finish(struct dwarf_lines *lines);

/* Find ADDRESS (of the file): the innermost inlined function first, the function with
 * code of its own last. Returns how many there are, 0 if the debug info does not cover
 * ADDRESS. The strings lie in the debug info. */
size_t dwarf_lines_find(struct dwarf_lines *lines, uint64_t address,
                        struct dwarf_place out_places[DWARF_PLACES_MAX]);

#endif
