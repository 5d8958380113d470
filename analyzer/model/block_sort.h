/* block_sort.h - puts millions of blocks in the order of their addresses. */
#ifndef MODEL_BLOCK_SORT_H
#define MODEL_BLOCK_SORT_H

#include "model/heap.h"

#include <stdbool.h>

/* Sort the COUNT blocks at BLOCKS by address. Takes as much memory again while it
 * runs, none if they are sorted already. False: there was no memory, and the order
 * is as it was. */
bool block_sort(struct heap_block *blocks, size_t count);

#endif
