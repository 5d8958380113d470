/* types.h - of what data type each block is.
 *
 * In this order, and each name says how it was found:
 *
 *   by vtable   the block begins with a pointer to "vtable for Foo": Foo
 *   declared    the root, or the field of a block whose type is known, that points at it has the
 *               type Foo *; or std::allocator<Foo> has allocated it
 *   inferred    most other blocks of its stack and size are; or the function that allocated
 *               it returns Foo *, and Foo is as large as the block
 *
 * A block that several Foo fit in is a Foo[]. One of a size that none fits in is a Foo only
 * if nothing better is found. What no debug info tells of has no type.
 */
#ifndef MODEL_TYPES_H
#define MODEL_TYPES_H

#include "model/heap.h"
#include "model/symbols.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum types_how {
    TYPES_UNKNOWN,
    TYPES_INFERRED,
    TYPES_DECLARED,
    TYPES_BY_VTABLE,
};
#define TYPES_HOW_COUNT (TYPES_BY_VTABLE + 1)

struct types {
    const char **names; /* names[0] is NULL: not known; no two alike */
    size_t count;
    uint32_t *of_block; /* per block: index in names */
    uint8_t *how;       /* per block: enum types_how */
    struct types_layouts *layouts; /* what types_field() knows */
};

/* Find the types of the blocks in HEAP, which has edges; HEAP and SYMBOLS must outlive them.
 * Returns 0 or -ENOMEM. */
int types_create(const struct heap *heap, struct symbols *symbols, struct types **out_types);

/* Free TYPES, which may be NULL. */
void types_destroy(struct types *types);

/* The word that stands for HOW in reports ("declared"). */
const char *types_how_name(enum types_how how);

/* Is BLOCK known to be an object of a class or structure, or several: no array of pointers,
 * whatever it leads to? */
bool types_is_object(const struct types *types, uint32_t block);

/* Write which field of BLOCK lies OFFSET bytes into it into BUFFER of SIZE bytes: "handlers",
 * "items[].next"; empty: none is known. */
void types_field(const struct types *types, uint32_t block, uint64_t offset, char *buffer,
                 size_t size);

#endif
