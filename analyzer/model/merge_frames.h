/* merge_frames.h - the frames of a merge, each once: a hash table with open addressing.
 *
 * A part of merge.c; callers of the model use merge.h.
 */
#ifndef MODEL_MERGE_FRAMES_H
#define MODEL_MERGE_FRAMES_H

#include "model/merge_tables.h"

#include <stdint.h>

/* The number of FRAME in MERGE, where it is added if it is new; 0: no memory. */
uint32_t merge_frames_add(struct merge *merge, const struct merge_frame *frame);

#endif
