/* type_index.h - the data types that debug info defines, by their full names.
 *
 * "app::cache<int>::node", as the demangler has it, where a DIE itself knows only "node". The names
 * belong to the index. A module is read when it is first asked for, or not at all
 * if it has more than TYPE_INDEX_MAX types. Not thread-safe.
 */
#ifndef MODEL_TYPE_INDEX_H
#define MODEL_TYPE_INDEX_H

#include "model/heap.h"
#include "model/symbols.h"

#include <elfutils/libdw.h>
#include <stdbool.h>
#include <stddef.h>

#define TYPE_INDEX_MAX 4000000u

struct type_index;

/* Create the index of the modules in HEAP, from the files of SYMBOLS. NULL for lack of memory. */
struct type_index *type_index_create(const struct heap *heap, struct symbols *symbols);

/* Free INDEX, which may be NULL. */
void type_index_destroy(struct type_index *index);

/* Read MODULE (an index in heap->modules), if that was not done yet. */
void type_index_read(struct type_index *index, size_t module);

/* The full name of TYPE, of a module that was read; NULL: it has no other name than its own. */
const char *type_index_name(struct type_index *index, Dwarf_Die *type);

/* Find the structure, class or union of the full name NAME that MODULE defines. */
bool type_index_find(struct type_index *index, size_t module, const char *name,
                     Dwarf_Die *out_type);

/* The same of the module that DIE is of, if it was read. */
bool type_index_find_beside(struct type_index *index, Dwarf_Die *die, const char *name,
                            Dwarf_Die *out_type);

#endif
