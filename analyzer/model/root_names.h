/* root_names.h - what a word outside the heap is called.
 *
 * A variable of a module, a frame of a thread's stack with the variable there, a register.
 * Words that differ only in which element of an array they are have the same name. Names
 * are numbered from 0 in the order in which they were asked for.
 */
#ifndef MODEL_ROOT_NAMES_H
#define MODEL_ROOT_NAMES_H

#include "model/heap.h"
#include "model/symbols.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ROOT_NAMES_NONE UINT32_MAX

struct root_name {
    uint32_t root;          /* index in heap->roots */
    uint64_t offset;        /* of the word in there that was asked for first */
    const char *name;       /* of the variable or register; NULL: unknown */
    const char *group;      /* the same, if it stands for several elements of an array */
    const char *type;       /* NULL: unknown */
    const char *file;       /* NULL: unknown */
    bool is_static;
    const char *function;   /* of the frame, or if that is the C library's of who called it;
                             * NULL: unknown */
    const char *module;     /* without directories; NULL: none */
    uint64_t module_offset; /* address as of the module's file */
    const char *thread;     /* its name; NULL: unknown */
};

struct root_names;

/* Create names for HEAP from what SYMBOLS read. NULL for lack of memory. */
struct root_names *root_names_create(const struct heap *heap, struct symbols *symbols);

/* Free NAMES, which may be NULL, with all texts in them. */
void root_names_destroy(struct root_names *names);

/* The number of the name of the word OFFSET bytes into ROOT; ROOT_NAMES_NONE for lack of memory. */
uint32_t root_names_find(struct root_names *names, uint32_t root, uint64_t offset);

/* The name NUMBER. */
const struct root_name *root_names_get(const struct root_names *names, uint32_t number);

#endif
