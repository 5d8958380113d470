/* type_names.h - the names that data types have, numbered: equal ones have one number. */
#ifndef MODEL_TYPE_NAMES_H
#define MODEL_TYPE_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct type_names {
    const char **texts; /* by number; texts[0] is NULL: no name; no two alike */
    size_t count, capacity;
    struct intern *strings; /* so that equal texts are the same pointer */
    struct type_name *known;
    uint32_t *of_layout; /* of a layout, and of an array of it; 0: not looked up yet */
    size_t layout_count;
};

/* Returns 0 or -ENOMEM; either way NAMES, zeroed before, are for type_names_finish(). */
int type_names_init(struct type_names *names);

/* The number of TEXT, or of TEXT[] if ARRAY. 0 for lack of memory. */
uint32_t type_names_number(struct type_names *names, const char *text, bool array);

/* The same of the layout numbered LAYOUT, which is called TEXT: there may be millions of blocks of it. */
uint32_t type_names_of_layout(struct type_names *names, uint32_t layout, const char *text,
                              bool array);

void type_names_finish(struct type_names *names);

#endif
