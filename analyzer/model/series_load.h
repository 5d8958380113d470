/* series_load.h - the course of time in a snapshot: samples of the whole, what each stack held.
 *
 * Steps of heap.c, which has their order; callers of the model load a heap. Stacks are loaded.
 */
#ifndef MODEL_SERIES_LOAD_H
#define MODEL_SERIES_LOAD_H

struct loader;

int series_load_timeline(struct loader *loader);

/* Load what each stack held at some moments. */
int series_load_series(struct loader *loader);

/* Load how far the program was at these, by its allocations. */
int series_load_progress(struct loader *loader);

#endif
