/* block_load.h - the live blocks of a snapshot, in order, with what they add up to.
 *
 * A step of heap.c; callers of the model load a heap.
 */
#ifndef MODEL_BLOCK_LOAD_H
#define MODEL_BLOCK_LOAD_H

struct loader;

/* Load the blocks, those of other domains too, with what each stands for; without any, find out
 * from the counters what is alive. Either must be what the account says. Stacks are loaded. */
int block_load(struct loader *loader);

#endif
