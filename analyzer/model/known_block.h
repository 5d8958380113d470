/* known_block.h - blocks that a program has whatever it does, by who allocated them, and memory
 * that it deals out itself.
 *
 * What memcheck's users know as "still reachable: 72,704 bytes in 1 blocks": nobody's leak, and
 * without debug information without a name. Nothing here fails or allocates.
 */
#ifndef MODEL_KNOWN_BLOCK_H
#define MODEL_KNOWN_BLOCK_H

#include "model/heap.h"

#include <stdbool.h>
#include <stdint.h>

/* What the only block of STACK is, in a sentence about it; NULL: nothing is known of it. */
const char *known_block(const struct heap *heap, uint32_t stack);

/* Is HEAP what a C++ program has left at its end? Then the destructors of its global objects have run,
 * and what only these held is lost. */
bool known_destructors_ran(const struct heap *heap);

/* Is HEAP one of Python, of which more lies in memory that was mapped by itself than in blocks?
 * That is where the pools of Python's own allocator are. */
bool known_python_pools(const struct heap *heap);

/* What is to be said then; the snapshot does not know whether that was set. */
#define KNOWN_PYTHON_POOLS \
    "ost Python objects lie in pools of Python's own allocator: set PYTHONMALLOC=malloc to see them"

#endif
