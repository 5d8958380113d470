/* allocator_types.h - what the functions that allocated blocks say that they make.
 *
 * std::allocator<Foo>::allocate() makes room for Foo, node_new(), which returns struct node *, in
 * all likelihood a struct node. Functions that return void * say nothing, and who called them is
 * asked. Each frame is looked at once, and at most ALLOCATOR_TYPES_MAX of them.
 */
#ifndef MODEL_ALLOCATOR_TYPES_H
#define MODEL_ALLOCATOR_TYPES_H

#include "model/heap.h"
#include "model/layouts.h"
#include "model/symbols.h"

#include <stdbool.h>
#include <stdint.h>

#define ALLOCATOR_TYPES_MAX 100000u

struct allocator_types;

/* Create them; HEAP, SYMBOLS and LAYOUTS must outlive them. NULL for lack of memory. */
struct allocator_types *allocator_types_create(const struct heap *heap, struct symbols *symbols,
                                               struct layouts *layouts);

/* Free TYPES, which may be NULL. */
void allocator_types_destroy(struct allocator_types *types);

/* The layout of what STACK allocates; LAYOUTS_NONE: not known. OUT_SURE: by its allocator's own
 * type, and not only by what a function returns. */
uint32_t allocator_types_find(struct allocator_types *types, uint32_t stack, bool *out_sure);

#endif
