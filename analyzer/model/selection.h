/* selection.h - which blocks of a heap count: by filter, epoch and type.
 *
 * For group.c; callers of the model group a heap, or find what its stacks hold.
 */
#ifndef MODEL_SELECTION_H
#define MODEL_SELECTION_H

#include "model/group.h"
#include "model/traceback.h"

#include <stdbool.h>
#include <stdint.h>

struct selection {
    const struct heap *heap;
    struct symbols *symbols;
    const struct group_options *options;
    const struct filter *filter;
    struct filter *plain;               /* it, if OPTIONS had none */
    struct traceback traceback;         /* of the stack that was looked at last */
    struct selection_verdict *verdicts; /* on blocks of a stack and a type */
};

/* Begin to select blocks of HEAP by OPTIONS. Returns 0 or -ENOMEM; either way SELECTION is for
 * selection_finish(). */
int selection_init(struct selection *selection, const struct heap *heap, struct symbols *symbols,
                   const struct group_options *options);

void selection_finish(struct selection *selection);

/* The newest frame of STACK, as site_newest() finds it; in the manner of tracemalloc none of the
 * C++ standard library is passed over. */
const struct symbol *selection_newest(const struct selection *selection, uint32_t stack,
                                      bool skip_standard, uint32_t *out_frame);

/* Does the filter keep the blocks of STACK that are of TYPE (NULL: not known)? Returns 1 or 0, or
 * -ENOMEM. */
int selection_keeps(struct selection *selection, uint32_t stack, const char *type);

/* The number of the type of BLOCK; those of other domains have none. */
uint32_t selection_type(const struct selection *selection, const struct heap_block *block);

/* Does BLOCK, of a stack that is kept, count? Returns 1 or 0, or -ENOMEM. */
int selection_counts(struct selection *selection, const struct heap_block *block);

/* Sum up in OUT_HELD, zeroed, for each stack what counts. Returns 0 or -ENOMEM. */
int selection_find_held(struct selection *selection, struct group_held *out_held);

#endif
