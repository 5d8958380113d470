/* deep_size.h - what a block takes with all that can be reached from it.
 *
 * Found in a copy of the program (image.h), so whatever other threads do meanwhile, nothing
 * faults and the answer is that of one moment. It is found as the heap graph is: a word of a
 * block that points into another one, at its beginning or inside, leads there.
 */
#ifndef PRELOAD_DEEP_SIZE_H
#define PRELOAD_DEEP_SIZE_H

#include <stddef.h>
#include <stdint.h>

/* The bytes that were requested for the block at ADDRESS and for all that can be reached from
 * it, each block once, in OUT_SIZE. -ENOENT if no live block begins there, -ECHILD if
 * the copy was killed or could not be made; others as snapshot_take() (snapshot.h). */
int deep_size_find(uintptr_t address, size_t *out_size);

#endif
