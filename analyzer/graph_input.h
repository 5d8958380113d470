/* graph_input.h - what the commands have in common that need the heap graph. */
#ifndef GRAPH_INPUT_H
#define GRAPH_INPUT_H

#include "command.h"
#include "model/heap.h"
#include "model/report.h"

/* Load the snapshot PATH with its edges for COMMAND. Returns COMMAND_DONE and OUT_HEAP, or the exit
 * status, with what is wrong said. */
int graph_input_load(const struct command *command, const char *path, struct heap **out_heap);

/* Say in REPORT what the graph of HEAP lacks. */
void graph_input_add_notes(const struct heap *heap, struct report *report);

#endif
