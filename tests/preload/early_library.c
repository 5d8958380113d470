/* early_library.c - a library of start_and_end, which allocates before and after it. */
#include <stdlib.h>

void *volatile early_library_kept[64];
static int count;

void early_library_keep(size_t size, int times);

/* Keep TIMES new blocks of SIZE bytes for ever. */
void early_library_keep(size_t size, int times)
{
    for (int i = 0; i < times; i++)
        early_library_kept[count++] = malloc(size);
}

static __attribute__((constructor)) void library_constructor(void)
{
    early_library_keep(101, 3);
}

static __attribute__((destructor)) void library_destructor(void)
{
    early_library_keep(102, 4);
}
