/* variables.h - which variable lies at an address.
 *
 * From debug info, static ones and those of functions too, with the fields within a structure;
 * else from the symbol table. A module is read when the first address in it is asked for.
 * The answers' texts are owned by the variables and live as long. Not thread-safe.
 */
#ifndef MODEL_VARIABLES_H
#define MODEL_VARIABLES_H

#include "model/heap.h"
#include "model/symbols.h"
#include "model/type_index.h"

#include <elfutils/libdw.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct variable {
    const char *name;  /* with the field that was asked for: "registry.handlers", "table[3].next" */
    const char *group; /* the same without what tells elements of arrays apart: "table[].next" */
    const char *type;  /* of the whole variable, as in C; NULL: unknown */
    const char *file;  /* where it is defined; NULL: unknown */
    bool is_static;    /* only its file or its function knows it */
    uint64_t start;    /* where the whole variable begins, counted as the address asked for */
};

struct variables;

/* Create variables of the modules in HEAP, read from the files of SYMBOLS. NULL for lack of
 * memory. */
struct variables *variables_create(const struct heap *heap, struct symbols *symbols);

/* Free VARIABLES, which may be NULL. */
void variables_destroy(struct variables *variables);

/* Find the variable of MODULE (an index in heap->modules) at ADDRESS, as of its ELF file; if
 * THREAD_LOCAL, so many bytes into its thread-local data. False: none is known there. */
bool variables_find(struct variables *variables, size_t module, uint64_t address,
                    bool thread_local_data, struct variable *out_variable);

/* Find the local variable at ADDRESS on a stack, in the frame that ends at END and executes PC, as
 * of the ELF file of MODULE. */
bool variables_find_local(struct variables *variables, size_t module, uint64_t pc, uint64_t end,
                          uint64_t address, struct variable *out_variable);

/* The type of the variable at ADDRESS, as variables_find(), and how far into it ADDRESS is. False: not
 * known. */
bool variables_type(struct variables *variables, size_t module, uint64_t address,
                    bool thread_local_data, Dwarf_Die *out_type, uint64_t *out_offset);

/* The same of the local variable that lies over the byte AT, counted from the end of the frame. */
bool variables_local_type(struct variables *variables, size_t module, uint64_t pc, int64_t at,
                          Dwarf_Die *out_type, uint64_t *out_offset);

/* The names of the types in the modules that were read. */
struct type_index *variables_types(struct variables *variables);

#endif
