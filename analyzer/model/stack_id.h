/* stack_id.h - names of stacks that are the same in every run, process and machine.
 *
 * A frame counts by its module, told by build-id (by file name if it has none), and
 * by its offset in that module's ELF file; addresses play no part. Two different
 * stacks get the same id with a chance of about 2^-64.
 */
#ifndef MODEL_STACK_ID_H
#define MODEL_STACK_ID_H

#include "model/heap.h"
#include "model/symbols.h"

#include <stdint.h>

struct stack_id {
    uint64_t words[2];
};

/* The ids of all stacks in HEAP: element I is that of the stack whose newest frame is
 * I. To be freed with free(); NULL for lack of memory. */
struct stack_id *stack_id_create(const struct heap *heap);

/* The same, where a frame, inlined or not, counts by its file and its line, as those of
 * Python's tracemalloc do. */
struct stack_id *stack_id_create_by_names(const struct heap *heap, struct symbols *symbols);

/* Order of the stack whose newest frame is FRAME_A in A and the one of FRAME_B in B, the
 * oldest frames first: negative, 0 or positive. Of two builds of a module the same
 * offsets are alike. */
int stack_id_order(const struct heap *a, uint32_t frame_a, const struct heap *b, uint32_t frame_b);

#endif
