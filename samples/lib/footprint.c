#include "samples/lib/footprint.h"

#include <malloc.h>
#include <string.h>

void footprint_add(struct footprint *footprint, const void *block, size_t size)
{
    if (!block)
        return;
    footprint->blocks++;
    footprint->requested += size;
    footprint->usable += malloc_usable_size((void *)block);
}

void footprint_add_string(struct footprint *footprint, const char *string)
{
    if (string)
        footprint_add(footprint, string, strlen(string) + 1);
}
