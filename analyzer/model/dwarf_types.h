/* dwarf_types.h - data types as debug info describes them.
 *
 * A type is a DIE of libdw. Nothing here trusts the file: what refers to itself, or lies deeper than
 * DWARF_TYPES_DEPTH_MAX, ends there, and texts are cut.
 */
#ifndef MODEL_DWARF_TYPES_H
#define MODEL_DWARF_TYPES_H

#include "model/type_index.h"

#include <elfutils/libdw.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DWARF_TYPES_DEPTH_MAX 100 /* scopes or types within each other: more only in a hostile file */
#define DWARF_TYPES_TEXT_SIZE 2048 /* of a name; longer ones are cut */

/* A text that is put together; what does not fit is left out. */
struct dwarf_text { /* valid when zeroed */
    char data[DWARF_TYPES_TEXT_SIZE];
    size_t length;
};

/* Append to TEXT, printf-like. */
void dwarf_text_append(struct dwarf_text *text, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Go on to the next sibling of DIE. False: it is the last one. */
bool dwarf_types_next(Dwarf_Die *die);

/* The attribute CODE of DIE as a DIE, followed through declarations and abstract origins. */
bool dwarf_types_attribute(Dwarf_Die *die, unsigned code, Dwarf_Die *out_die);

/* TYPE without names and qualifiers of its own. If it has no name then, OUT_NAME is the last that was
 * taken off, else NULL. False: that is no type. */
bool dwarf_types_peel(const Dwarf_Die *type, Dwarf_Die *out_type, const char **out_name);

/* The size of TYPE; 0: not known. */
uint64_t dwarf_types_size(Dwarf_Die *type);

/* The bounds of the array TYPE into OUT_COUNTS, of each dimension; 0: unknown. Returns how many
 * dimensions it has. */
size_t dwarf_types_counts(Dwarf_Die *type, uint64_t out_counts[DWARF_TYPES_DEPTH_MAX]);

/* Append what TYPE (NULL: void) is called, as in its language; INDEX, if not NULL, knows its full
 * name. */
void dwarf_types_append_name(struct dwarf_text *text, Dwarf_Die *type, struct type_index *index);

/* Is MEMBER, a child of a structure, part of what lies in it: a field or a base class? Where it begins
 * is put in OUT_START, its type in OUT_TYPE. */
bool dwarf_types_member(Dwarf_Die *member, uint64_t *out_start, Dwarf_Die *out_type);

/* Append to NAME and GROUP which field of TYPE lies OFFSET bytes into it: ".items[3].next"; to GROUP
 * without what tells elements of arrays apart: ".items[].next". */
void dwarf_types_append_field(Dwarf_Die *type, uint64_t offset, struct dwarf_text *name,
                              struct dwarf_text *group);

#endif
