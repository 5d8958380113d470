/* footprint.h - what a structure takes of the heap, as it knows itself: its blocks, added
 * up one by one. The samples print it beside what heapdelta measured from outside.
 */
#ifndef SAMPLES_LIB_FOOTPRINT_H
#define SAMPLES_LIB_FOOTPRINT_H

#include <stddef.h>

struct footprint {
    size_t blocks;
    size_t requested; /* bytes asked for */
    size_t usable;    /* bytes that the allocator gave, which rounds up */
};

/* Add BLOCK, for which SIZE bytes were requested; NULL is no block. */
void footprint_add(struct footprint *footprint, const void *block, size_t size);

/* The same for a string that was allocated to measure. */
void footprint_add_string(struct footprint *footprint, const char *string);

#endif
