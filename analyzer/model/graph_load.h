/* graph_load.h - the heap graph of a snapshot, as part of its heap.
 *
 * Steps of heap.c; callers of the model load a heap.
 */
#ifndef MODEL_GRAPH_LOAD_H
#define MODEL_GRAPH_LOAD_H

struct loader;

/* Load roots, and the frames in them that are stacks. */
int graph_load_roots(struct loader *loader);

/* Load edges, and the words that point into modules. Roots and blocks are loaded. */
int graph_load_edges(struct loader *loader);

#endif
