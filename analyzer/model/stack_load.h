/* stack_load.h - the stacks of a snapshot: their frames, whose they are, what they counted.
 *
 * Steps of heap.c, which has their order; callers of the model load a heap. Processes are loaded.
 */
#ifndef MODEL_STACK_LOAD_H
#define MODEL_STACK_LOAD_H

struct loader;

int stack_load_segments(struct loader *loader);
int stack_load_modules(struct loader *loader);
int stack_load_frames(struct loader *loader);
int stack_load_stacks(struct loader *loader);

/* Load what each stack has counted; the second, what old snapshots do not know. */
int stack_load_counters(struct loader *loader);
int stack_load_more_counters(struct loader *loader);

/* Load of which part each stack is. */
int stack_load_origins(struct loader *loader);

/* Load of which domain and thread each stack is. */
int stack_load_owners(struct loader *loader);

#endif
