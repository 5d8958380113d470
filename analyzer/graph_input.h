/* graph_input.h - what the commands have in common that need the heap graph. */
#ifndef GRAPH_INPUT_H
#define GRAPH_INPUT_H

#include "command.h"
#include "model/heap.h"
#include "model/report.h"

#include <stddef.h>

/* Load the snapshot PATH with its edges for COMMAND. Returns COMMAND_DONE and OUT_HEAP, or the exit
 * status, with what is wrong said. */
int graph_input_load(const struct command *command, const char *path, struct heap **out_heap);

/* Snapshots of one process image, oldest first; zeroed there are none. */
struct graph_input {
    struct heap **heaps;
    size_t heap_count;
};

/* Of several processes, each a parent before its children; zeroed there are none. */
struct graph_inputs {
    struct graph_input *inputs;
    size_t count;
};

/* Load the COUNT snapshots PATHS, of one process image, for COMMAND; or those in a directory, of
 * the last image of each process: all, the last one with its edges. Of few, whose series tells as
 * much as they do, only that one. The last one may be a sample as well, which has no edges. Returns
 * COMMAND_DONE, or the exit status, with what is wrong said; OUT_INPUTS has in any case what could
 * be loaded. */
int graph_input_load_all(const struct command *command, char *const *paths, size_t count,
                         struct graph_inputs *out_inputs);

/* Free what INPUTS hold. */
void graph_inputs_finish(struct graph_inputs *inputs);

/* Say in REPORT what the graph of HEAP lacks. */
void graph_input_add_notes(const struct heap *heap, struct report *report);

#endif
