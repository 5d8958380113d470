/* traceback.h - all frames of a stack by name, and the function that its thread began with. */
#ifndef MODEL_TRACEBACK_H
#define MODEL_TRACEBACK_H

#include "model/heap.h"
#include "model/symbols.h"

#include <stddef.h>
#include <stdint.h>

/* Valid when zeroed; the memory serves one stack after the other. */
struct traceback {
    const struct symbol **symbols; /* the newest first; inlined functions are frames like others */
    size_t count, room;
};

/* Collect the frames of STACK in TRACEBACK; of one that has none, site_unknown. Returns 0 or
 * -ENOMEM. */
int traceback_collect(struct traceback *traceback, const struct heap *heap, struct symbols *symbols,
                      uint32_t stack);

/* What the thread of STACK, whose frames are in TRACEBACK, began with; NULL: not known. */
const struct symbol *traceback_thread_start(const struct traceback *traceback,
                                            const struct heap *heap, uint32_t stack);

/* Free what TRACEBACK has. */
void traceback_finish(struct traceback *traceback);

#endif
