/* site_suggest.h - which site may have been meant by one that no block was allocated at. */
#ifndef SITE_SUGGEST_H
#define SITE_SUGGEST_H

#include "model/heap.h"
#include "model/symbols.h"

#include <stdbool.h>
#include <stddef.h>

/* Write what comes next to TYPED into BUFFER of SIZE bytes, as a question: "did you mean
 * 'cache_add'?" Of a function or a file it is one that blocks of HEAP were allocated by, of
 * FILE:LINE the nearest such line, of an address the nearest block. False: nothing is near. */
bool site_suggest(const struct heap *heap, struct symbols *symbols, const char *typed, char *buffer,
                  size_t size);

#endif
