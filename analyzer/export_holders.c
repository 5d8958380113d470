/* export_holders.c - who holds what, as a graph. */
#include "export.h"
#include "model/graph.h"
#include "model/load.h"
#include "model/why_report.h"
#include "views/dot.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int write_dot(FILE *out, const struct heap *heap, struct symbols *symbols,
                     const struct export_options *options, struct error *error)
{
    uint8_t *members = malloc(heap->block_count + 1);
    struct report *report = report_create();
    struct graph *graph = NULL;
    struct holder_paths *paths = NULL;
    char name[256];
    int result = members && report ? graph_create(heap, 0, &graph) : -ENOMEM;

    if (result == 0)
        result = holder_paths_create(graph, symbols, &paths);
    if (result == 0) {
        memset(members, 1, heap->block_count);
        load_describe(heap, name, sizeof(name));
        report_title(report, "%s: who holds its blocks", name);
        result = why_report(graph, paths, members,
                            &(struct why_options){.limit = options->limit}, report);
    }
    if (result == 0)
        result = report_failed(report) ? -ENOMEM : dot_print(out, report);
    holder_paths_destroy(paths);
    graph_destroy(graph);
    report_destroy(report);
    free(members);
    return result < 0 ? error_set(error, result, "out of memory") : 0;
}

const struct export_form export_dot = {
    .name = "dot",
    .needs_graph = true,
    .write = write_dot,
};
