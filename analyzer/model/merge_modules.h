/* merge_modules.h - the modules of a merge, each once, moved where another one lies already.
 *
 * A part of merge.c; callers of the model use merge.h.
 */
#ifndef MODEL_MERGE_MODULES_H
#define MODEL_MERGE_MODULES_H

#include "model/error.h"
#include "model/heap.h"
#include "model/merge.h"

#include <stddef.h>
#include <stdint.h>

#define MERGE_MODULES_MOVED ((uint64_t)1 << 48) /* where modules are moved to, and up */

/* Find in MERGE the one of HEAP with the index MODULE, or add it. OUT_NUMBER: as frames name it,
 * from
 * 1. Returns 0; -ERANGE if no addresses are left for it, -ENOMEM. */
int merge_module(struct merge *merge, const struct heap *heap, size_t module, uint32_t *out_number,
                 struct error *error);

#endif
