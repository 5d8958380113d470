/* layouts.h - where in a data type there are pointers, and to what.
 *
 * Read from debug info once per type, when it is first asked for, and kept by number:
 * millions of blocks may be of one type. What a hostile file can ask for is bounded: so
 * many layouts, so many fields in all; beyond that a type has no pointers.
 */
#ifndef MODEL_LAYOUTS_H
#define MODEL_LAYOUTS_H

#include "model/variables.h"

#include <elfutils/libdw.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LAYOUTS_NONE UINT32_MAX

#define LAYOUTS_MAX        262144u  /* types */
#define LAYOUTS_FIELDS_MAX 4000000u /* of all types together */

struct layouts;

/* Create layouts of the types that VARIABLES, which must outlive them, know. NULL for lack of
 * memory. */
struct layouts *layouts_create(struct variables *variables);

/* Free LAYOUTS, which may be NULL. */
void layouts_destroy(struct layouts *layouts);

/* The variables that LAYOUTS were created from. */
struct variables *layouts_variables(const struct layouts *layouts);

/* The layout of TYPE; LAYOUTS_NONE if it is void or there are too many. */
uint32_t layouts_of(struct layouts *layouts, const Dwarf_Die *type);

/* The layout of the class or structure that MODULE (an index in heap->modules) defines by the full
 * name NAME; LAYOUTS_NONE. */
uint32_t layouts_find(struct layouts *layouts, size_t module, const char *name);

/* What it is called ("struct node", "char *"), the same pointer for equal names; NULL: it has no
 * name. */
const char *layouts_name(const struct layouts *layouts, uint32_t layout);

/* Its size in bytes; 0: not known. */
uint64_t layouts_size(const struct layouts *layouts, uint32_t layout);

/* Is it one that has fields, and not a number, a pointer or an array? */
bool layouts_is_structure(const struct layouts *layouts, uint32_t layout);

/* What the pointer OFFSET bytes into LAYOUT points at; LAYOUTS_NONE: not known, or none is there. */
uint32_t layouts_pointee(struct layouts *layouts, uint32_t layout, uint64_t offset);

/* Does a structure end with an array that is as long as the block it lies in: `type name[]`? */
bool layouts_is_open(struct layouts *layouts, uint32_t layout);

/* Write which field of LAYOUT lies OFFSET bytes into it into BUFFER of SIZE bytes: "handlers",
 * "items[].next"; empty: none. */
void layouts_field(struct layouts *layouts, uint32_t layout, uint64_t offset, char *buffer,
                   size_t size);

#endif
