/* suppression_text.h - a leak as an entry of a list of suppressions. */
#ifndef MODEL_SUPPRESSION_TEXT_H
#define MODEL_SUPPRESSION_TEXT_H

#include "model/graph.h"
#include "model/heap.h"
#include "model/symbols.h"

#include <stdint.h>

/* The entry for STACK of HEAP, whose blocks are of CLASS, called NAME, in memcheck's syntax, which
 * valgrind reads, too; to be freed with free(). NULL for lack of memory. */
char *suppression_text(const struct heap *heap, struct symbols *symbols, uint32_t stack,
                       enum graph_class class, const char *name);

#endif
