/* layout_table.h - several ways to lay out the same objects, made by the thousand and
 * compared in a table: the benchmark of a `__slots__` tutorial, for C.
 *
 * What heapdelta measures stands in the table; what the program counts itself, block by
 * block, below it. Both must agree. For each layout NAME there are the snapshots
 * NAME.before and NAME.after.
 */
#ifndef SAMPLES_LAYOUT_TABLE_H
#define SAMPLES_LAYOUT_TABLE_H

#include <stddef.h>

#include "samples/lib/footprint.h"

/* Either one object at a time, held by an array of pointers to them: create the
 * NUMBER-th, whose last reference is released in the end. Or all COUNT at once. */
struct layout {
    const char *name;

    void *(*create)(size_t number);
    void (*count_blocks)(const void *object, struct footprint *footprint);

    void *(*create_all)(size_t count);
    void (*count_all_blocks)(const void *objects, size_t count, struct footprint *footprint);
    void (*destroy_all)(void *objects, size_t count);
};

/* Compare LAYOUTS, which end with one without a name, by COUNT objects of each. */
void layout_table(const struct layout *layouts, size_t count);

/* The COUNT in a sample's arguments, DEFAULT_COUNT if there is none. Ends the program
 * where they are wrong. */
size_t layout_count(int argc, char **argv, size_t default_count);

#endif
