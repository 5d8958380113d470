#include "graph_input.h"

#include "format/snapshot.h"
#include "model/amount.h"
#include "model/error.h"
#include "model/load.h"
#include "model/snapshot_tree.h"
#include "model/verdict.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Load PATH with its graph, or if SAMPLE_WILL_DO one that has none, for not all blocks were
 * recorded. */
static int load(const struct command *command, const char *path, bool sample_will_do,
                struct heap **out_heap)
{
    struct heap *heap = NULL;
    struct error error;

    if (load_is_directory(path))
        return command_fail(command, COMMAND_BAD_INPUT,
                            "%s: a directory; who points at whom is known of one snapshot: name it",
                            path);
    if (heap_load_with_edges(path, &heap, &error) < 0)
        return command_fail(command, COMMAND_BAD_INPUT, "%s", error.text);
    if (heap->sampling && !sample_will_do) {
        heap_destroy(heap);
        return command_fail(command, COMMAND_BAD_INPUT,
                            "%s: not all blocks were recorded, so who points at whom is not known; "
                            "take it without --sample, --min-size and --max-size",
                            path);
    }
    if (!heap->has_edges && !heap->sampling) {
        heap_destroy(heap);
        return command_fail(command, COMMAND_BAD_INPUT,
                            "%s: has no heap graph; take it with 'heapdelta run --graph'", path);
    }
    *out_heap = heap;
    return COMMAND_DONE;
}

int graph_input_load(const struct command *command, const char *path, struct heap **out_heap)
{
    return load(command, path, false, out_heap);
}

/* What snapshots say of themselves; as many as there are files. */
struct heads {
    struct heap **heads;
    size_t count;
};

static void heads_finish(struct heads *heads)
{
    for (size_t i = 0; i < heads->count; i++)
        heap_destroy(heads->heads[i]);
    free(heads->heads);
}

static int compare_sequence(const void *left, const void *right)
{
    const struct heap *const *a = left, *const *b = right;

    return (*a)->process->sequence < (*b)->process->sequence   ? -1
           : (*a)->process->sequence > (*b)->process->sequence ? 1
                                                               : 0;
}

/* The heads of the last image of PROCESS in TREE. Returns 0 or -errno, and ERROR. */
static int peek_process(const struct snapshot_tree *tree,
                        const struct snapshot_tree_process *process, struct heads *heads,
                        struct error *error)
{
    int result = 0;

    heads->heads = calloc(tree->snapshot_count + 1, sizeof(struct heap *));
    if (!heads->heads)
        return error_set(error, -ENOMEM, "out of memory");
    for (size_t i = 0; result == 0 && i < tree->snapshot_count; i++) {
        if (!heap_same_run(tree->heads[i], process->last) || tree->heads[i]->is_merged)
            continue;
        result = heap_peek(tree->heads[i]->path, &heads->heads[heads->count], error);
        heads->count += result == 0;
    }
    return result;
}

/* The heads of the COUNT files PATHS. Returns 0 or -errno, and ERROR. */
static int peek_files(char *const *paths, size_t count, struct heads *heads, struct error *error)
{
    heads->heads = calloc(count, sizeof(struct heap *));
    if (!heads->heads)
        return error_set(error, -ENOMEM, "out of memory");
    for (size_t i = 0; i < count; i++) {
        int result;

        if (load_is_directory(paths[i]))
            return error_set(error, -EINVAL,
                             "%s: a directory; name it alone, or snapshots of one process",
                             paths[i]);
        result = heap_peek(paths[i], &heads->heads[i], error);
        if (result != 0)
            return result;
        heads->count++;
        if (!heap_same_run(heads->heads[0], heads->heads[i]))
            return error_set(error, -EINVAL, "%s and %s are not of the same process; name their "
                             "directory to have each judged for itself",
                             paths[0], paths[i]);
    }
    return 0;
}

/* Leave those of HEADS away that are of before tracing was begun anew. */
static void drop_forgotten(struct heads *heads)
{
    size_t kept = 0;

    for (size_t i = 0; i < heads->count; i++) {
        if (heap_same_tracing(heads->heads[i], heads->heads[heads->count - 1]))
            heads->heads[kept++] = heads->heads[i];
        else
            heap_destroy(heads->heads[i]);
    }
    heads->count = kept;
}

static void input_finish(struct graph_input *input)
{
    for (size_t i = 0; i < input->heap_count; i++)
        heap_destroy(input->heaps[i]);
    free(input->heaps);
    *input = (struct graph_input){0};
}

/* Load what HEADS are of: all, or of few the last one. */
static int load_heads(const struct command *command, const struct heads *heads,
                      struct graph_input *out_input)
{
    size_t first = heads->count >= VERDICT_SNAPSHOTS_MIN ? 0 : heads->count - 1;
    struct error error;

    if (heads->count - first > GROWTH_MOMENTS_MAX)
        first = heads->count - GROWTH_MOMENTS_MAX;
    out_input->heaps = calloc(heads->count - first, sizeof(struct heap *));
    if (!out_input->heaps)
        return command_fail(command, COMMAND_NEGATIVE, "out of memory");
    for (size_t i = first; i + 1 < heads->count; i++) {
        if (heap_load(heads->heads[i]->path, &out_input->heaps[out_input->heap_count], &error) < 0)
            return command_fail(command, COMMAND_BAD_INPUT, "%s", error.text);
        out_input->heap_count++;
    }
    if (load(command, heads->heads[heads->count - 1]->path, true,
             &out_input->heaps[out_input->heap_count]) != COMMAND_DONE)
        return COMMAND_BAD_INPUT;
    out_input->heap_count++;
    return COMMAND_DONE;
}

/* Sort HEADS, if RESULT, how it went to find them, is 0, and add what they are of to INPUTS. */
static int add_process(const struct command *command, int result, const struct error *error,
                       struct heads *heads, struct graph_inputs *inputs)
{
    int status;

    if (result != 0) {
        status = command_fail(command, COMMAND_BAD_INPUT, "%s", error->text);
    } else {
        qsort(heads->heads, heads->count, sizeof(struct heap *), compare_sequence);
        drop_forgotten(heads);
        status = load_heads(command, heads, &inputs->inputs[inputs->count]);
        if (status == COMMAND_DONE)
            inputs->count++;
        else
            input_finish(&inputs->inputs[inputs->count]);
    }
    heads_finish(heads);
    return status;
}

static int load_directory(const struct command *command, const char *directory,
                          struct graph_inputs *out_inputs)
{
    struct snapshot_tree *tree;
    struct error error;
    int status = COMMAND_DONE;

    if (snapshot_tree_load(directory, &tree, &error) != 0)
        return command_fail(command, COMMAND_BAD_INPUT, "%s", error.text);
    out_inputs->inputs = calloc(tree->process_count, sizeof(*out_inputs->inputs));
    if (!out_inputs->inputs)
        status = command_fail(command, COMMAND_NEGATIVE, "out of memory");
    for (size_t i = 0; out_inputs->inputs && i < tree->process_count; i++) {
        struct heads heads = {0};
        int result = peek_process(tree, &tree->processes[i], &heads, &error);
        int of_process = add_process(command, result, &error, &heads, out_inputs);

        if (of_process != COMMAND_DONE)
            status = of_process;
    }
    snapshot_tree_destroy(tree);
    return status;
}

int graph_input_load_all(const struct command *command, char *const *paths, size_t count,
                         struct graph_inputs *out_inputs)
{
    struct heads heads = {0};
    struct error error;
    int result;

    *out_inputs = (struct graph_inputs){0};
    if (count == 1 && load_is_directory(paths[0]))
        return load_directory(command, paths[0], out_inputs);
    out_inputs->inputs = calloc(1, sizeof(*out_inputs->inputs));
    if (!out_inputs->inputs)
        return command_fail(command, COMMAND_NEGATIVE, "out of memory");
    result = peek_files(paths, count, &heads, &error);
    return add_process(command, result, &error, &heads, out_inputs);
}

void graph_inputs_finish(struct graph_inputs *inputs)
{
    for (size_t i = 0; i < inputs->count; i++)
        input_finish(&inputs->inputs[i]);
    free(inputs->inputs);
    *inputs = (struct graph_inputs){0};
}

void graph_input_add_notes(const struct heap *heap, struct report *report)
{
    const struct snapshot_graph *graph = heap->graph;
    char bytes[AMOUNT_SIZE];

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
        report_add_note(report, "%s that may hold pointers could not be read.",
                        amount_bytes(bytes, (double)graph->skipped_bytes));
}
