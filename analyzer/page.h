/* page.h - gathers what the page of `heapdelta report` shows: reports and profiles of snapshots. */
#ifndef PAGE_H
#define PAGE_H

#include "model/heap.h"
#include "model/symbols.h"

#include <stddef.h>
#include <stdio.h>

/* Write the page of the COUNT snapshots, oldest first. Of the first and the last there are the
 * whole heaps at HEAPS[0] and HEAPS[COUNT - 1], with their symbols at FIRST and LAST (the same if
 * there is one); of others what heap_peek() knows suffices. Returns 0 or -ENOMEM. */
int page_print(FILE *out, struct heap *const *heaps, size_t count, struct symbols *first,
               struct symbols *last);

#endif
