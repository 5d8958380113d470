/* load.h - the heap that a path names: of a snapshot, or of all processes in a directory.
 *
 * Of a directory it is the last snapshots of its processes, merged: what they hold,
 * without the single blocks.
 */
#ifndef MODEL_LOAD_H
#define MODEL_LOAD_H

#include "model/error.h"
#include "model/heap.h"

#include <stdbool.h>
#include <stddef.h>

/* Is PATH a directory? */
bool load_is_directory(const char *path);

/* Load PATH, a snapshot or a directory. Of a directory stacks that hold nothing are left out,
 * and counters are 0. Returns as heap_load() and snapshot_tree_load(). */
int load_heap(const char *path, struct heap **out_heap, struct error *error);

/* The same, with counters and stacks that hold nothing any more. */
int load_heap_with_past(const char *path, struct heap **out_heap, struct error *error);

/* Load the first and the last snapshots of the processes in DIRECTORY that have more
 * than one, as load_heap_with_past() if WITH_PAST, into the two elements of OUT_HEAPS; how many
 * have only one, into OUT_SINGLES. Returns as load_heap(); -ENOENT also if no process has two. */
int load_first_and_last(const char *directory, bool with_past, struct heap *out_heaps[2],
                        size_t *out_singles, struct error *error);

/* Write what HEAP is of into BUFFER of SIZE bytes: "app, process 4711", "DIR, 12
 * processes"; cut if it does not fit. */
void load_describe(const struct heap *heap, char *buffer, size_t size);

#endif
