#include "graph_input.h"

#include "format/snapshot.h"
#include "model/error.h"
#include "model/load.h"

#include <inttypes.h>
#include <string.h>

int graph_input_load(const struct command *command, const char *path, struct heap **out_heap)
{
    struct heap *heap = NULL;
    struct error error;

    if (load_is_directory(path))
        return command_fail(command, COMMAND_BAD_INPUT,
                            "%s: a directory; who points at whom is known of one snapshot: name it",
                            path);
    if (heap_load_with_edges(path, &heap, &error) < 0)
        return command_fail(command, COMMAND_BAD_INPUT, "%s", error.text);
    if (!heap->has_edges) {
        heap_destroy(heap);
        return command_fail(command, COMMAND_BAD_INPUT,
                            "%s: has no heap graph; take it with 'heapdelta run --graph'", path);
    }
    *out_heap = heap;
    return COMMAND_DONE;
}

void graph_input_add_notes(const struct heap *heap, struct report *report)
{
    const struct snapshot_graph *graph = heap->graph;

    if (graph->flags & (SNAPSHOT_GRAPH_NO_MEMORY | SNAPSHOT_GRAPH_NO_TIME))
        report_add_note(report,
                        "The graph is incomplete, %s: only %" PRIu64 " of %zu blocks were looked "
                        "at, so what is called lost may be held.",
                        graph->flags & SNAPSHOT_GRAPH_NO_MEMORY ? "for memory ran out"
                                                                : "for it took too long",
                        graph->scanned_blocks, heap->block_count);
    if (!(graph->flags & SNAPSHOT_GRAPH_REGISTERS) && graph->threads > graph->threads_stopped)
        report_add_note(report,
                        "Registers of %" PRIu32 " of %" PRIu32 " threads were not seen%s%s%s, so "
                        "what only they hold is called lost.",
                        graph->threads - graph->threads_stopped, graph->threads,
                        graph->stop_error ? " (" : "",
                        graph->stop_error ? strerror((int)graph->stop_error) : "",
                        graph->stop_error ? ")" : "");
    else if (!(graph->flags & SNAPSHOT_GRAPH_REGISTERS))
        report_add_note(report,
                        "Registers were not seen, so what only they hold is called lost.");
    if (graph->skipped_bytes > 0)
        report_add_note(report, "%" PRIu64 " bytes that may hold pointers could not be read.",
                        graph->skipped_bytes);
}
