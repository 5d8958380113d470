#include "pool.h"

#include <stdlib.h>

static size_t lent;

void *pool_lend(size_t size)
{
    void *buffer = malloc(size);

    lent += buffer != NULL;
    return buffer;
}

void pool_return(void *buffer)
{
    lent--;
    free(buffer);
}

size_t pool_lent(void)
{
    return lent;
}
