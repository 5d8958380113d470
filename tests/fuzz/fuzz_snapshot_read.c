/* The target: whatever the bytes are, they are refused with words, or are a heap that
 * keeps every promise of heap.h, and can be merged with another.
 *
 * Also for libFuzzer, which then brings the driver:
 *
 *     clang -g -O1 -fsanitize=fuzzer,address,undefined -I. -Ianalyzer -Itests/support \
 *         tests/fuzz/fuzz_snapshot_read.c tests/fuzz/mutate.c tests/support/snapshot_builder.c \
 *         format/checksum.c \
 *         analyzer/model/{heap,loader,graph_load,graph,dominators,snapshot_read}.c \
 *         analyzer/model/{snapshot_build,merge,block_sort,estimate,progress,report,error}.c \
 *         -lzstd -lm
 */
#include "format/snapshot.h"
#include "model/dominators.h"
#include "model/graph.h"
#include "model/heap.h"
#include "model/merge.h"
#include "mutate.h"
#include "promise.h"

#include <errno.h>
#include <string.h>

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);

static size_t string_bytes; /* so that the compiler reads the strings */

static void read_strings(const struct heap *heap)
{
    string_bytes += strlen(heap->program) + strlen(heap->command) + strlen(heap->label) +
                    strlen(heap->called);
    for (size_t i = 0; i < heap->module_count; i++) {
        string_bytes += strlen(heap->modules[i].path);
        PROMISE(heap->modules[i].build_id_size <= 32);
        for (size_t j = 0; j < heap->modules[i].build_id_size; j++)
            string_bytes += heap->modules[i].build_id[j];
    }
    for (size_t i = 0; i < heap->epoch_count; i++)
        string_bytes += strlen(heap->epochs[i].label);
    for (size_t i = 0; i < heap->thread_count; i++)
        string_bytes += strlen(heap->threads[i].name);
    for (size_t i = 0; i < heap->part_count; i++)
        string_bytes += strlen(heap->parts[i].program) + strlen(heap->parts[i].command) +
                        strlen(heap->parts[i].label) + strlen(heap->parts[i].called) +
                        heap->parts[i].process->pid;
}

static void check_series(const struct heap *heap)
{
    uint64_t bytes[SNAPSHOT_SERIES_POINTS], blocks[SNAPSHOT_SERIES_POINTS];
    uint64_t all_bytes[SNAPSHOT_SERIES_POINTS] = {0}, all_blocks[SNAPSHOT_SERIES_POINTS] = {0};

    PROMISE(heap->point_count <= SNAPSHOT_SERIES_POINTS);
    for (size_t i = 0; i < heap->stack_count; i++) {
        heap_series(heap, i, bytes, blocks);
        for (size_t j = 0; j < heap->point_count; j++) {
            all_bytes[j] += bytes[j];
            all_blocks[j] += blocks[j];
        }
    }
    for (size_t i = 0; i < heap->point_count; i++) {
        PROMISE(i == 0 || heap->points[i].time >= heap->points[i - 1].time);
        PROMISE(heap->points[i].bytes == all_bytes[i] && heap->points[i].blocks == all_blocks[i]);
    }
}

/* The heap of an ordinary snapshot. */
static struct heap *ordinary(void)
{
    static uint8_t *data;
    static size_t size;
    struct error error = {0};
    struct heap *heap = NULL;

    if (!data)
        data = mutate_begin(2, &size);
    PROMISE(heap_parse(data, size, "other.hds", &heap, &error) == 0);
    return heap;
}

/* Merge HEAP with another one, by which it may be refused, but what comes out is good. */
static void check_merge(const struct heap *heap)
{
    enum merge_detail detail = heap->block_count % 2 ? MERGE_ALL : MERGE_LIVE;
    struct merge *merge = merge_create(detail);
    struct heap *other = ordinary(), *merged = NULL;
    struct error error = {0};
    int result = merge_add(merge, heap, &error);
    void *data;
    size_t size;

    if (result == 0)
        result = merge_add(merge, other, &error);
    if (result == 0) {
        PROMISE(merge_finish(merge, &data, &size, &error) == 0);
        PROMISE(heap_parse(data, size, "merged.hds", &merged, &error) == 0);
        PROMISE(merged->part_count == heap->part_count + 1);
        PROMISE(merged->account->live_bytes ==
                heap->account->live_bytes + other->account->live_bytes);
        PROMISE(detail == MERGE_LIVE ||
                merged->stack_count == heap->stack_count + other->stack_count);
        heap_destroy(merged);
        free(data);
    } else {
        PROMISE(result == -EEXIST || result == -ERANGE || result == -ENOMEM);
        PROMISE(error.text[0] != 0 && !strchr(error.text, '\n'));
    }
    merge_destroy(merge);
    heap_destroy(other);
}

/* The edges lead from and to where there is something; and who holds what adds up. */
static void check_graph(const struct heap *heap)
{
    const struct heap_edges *edges = &heap->edges;
    size_t nodes = heap->root_count + heap->block_count;
    struct dominators *dominators = NULL;
    struct graph *graph = NULL;
    uint64_t bytes = 0;

    for (size_t i = 0; i < heap->root_count; i++) {
        PROMISE(heap->roots[i].module <= heap->module_count);
        string_bytes += strlen(heap->roots[i].name);
    }
    for (size_t i = 0; i < heap->root_frame_count; i++) {
        const struct heap_root_frame *frame = &heap->root_frames[i];

        PROMISE(frame->root < heap->root_count && frame->module <= heap->module_count);
        PROMISE(i == 0 || frame->root > frame[-1].root ||
                (frame->root == frame[-1].root && frame->end >= frame[-1].end));
    }
    if (!heap->has_edges)
        return;
    PROMISE(edges->first[0] == 0 && edges->first[nodes] == edges->count);
    for (size_t i = 0; i < nodes; i++) {
        uint64_t size = i < heap->root_count ? heap->roots[i].size
                                             : heap->blocks[i - heap->root_count].size;

        PROMISE(edges->first[i] <= edges->first[i + 1]);
        for (size_t j = edges->first[i]; j < edges->first[i + 1]; j++) {
            PROMISE(edges->target[j] < heap->block_count && heap_edges_offset(edges, j) < size);
            PROMISE(j == edges->first[i] || heap_edges_offset(edges, j) > heap_edges_offset(edges, j - 1));
            PROMISE(heap_edges_inside(edges, j) == 0 || heap_edges_inside(edges, j) >> SNAPSHOT_INSIDE_SHIFT <
                                                 heap->blocks[edges->target[j]].size);
        }
    }
    for (size_t i = 0; i < heap->module_word_count; i++)
        PROMISE(heap->module_words[i].block < heap->block_count);
    PROMISE(graph_create(heap, heap->block_count % 2 ? GRAPH_STRICT : 0, &graph) == 0);
    PROMISE(dominators_create(graph, &dominators) == 0);
    for (size_t i = 0; i < nodes; i++) {
        if (dominators->immediate[i] == DOMINATORS_NONE)
            bytes += dominators->retained_bytes[i];
        else
            PROMISE(dominators->immediate[i] < nodes);
    }
    PROMISE(bytes == heap->account->live_bytes);
    dominators_destroy(dominators);
    graph_destroy(graph);
}

static void check_promises(const struct heap *heap)
{
    uint64_t bytes = 0, stack_bytes = 0, stack_blocks = 0;

    PROMISE(heap->process && heap->account && strcmp(heap->path, "fuzz.hds") == 0);
    PROMISE(heap->frame_count >= 1 && heap->frames[0].parent == 0 && heap->frames[0].address == 0);
    for (size_t i = 0; i < heap->module_count; i++) {
        PROMISE(heap->modules[i].start <= heap->modules[i].end);
        for (size_t j = 0; j < heap->modules[i].segment_count; j++)
            string_bytes += heap->modules[i].segments[j].flags;
    }
    PROMISE(heap->part_count >= 1 && (heap->is_merged || heap->part_count == 1));
    for (size_t i = 1; i < heap->frame_count; i++) {
        PROMISE(heap->frames[i].parent < i);
        PROMISE(heap->frames[i].module <= heap->module_count);
    }
    for (size_t i = 0; i < heap->stack_count; i++) {
        PROMISE(heap->stacks[i].frame < heap->frame_count);
        PROMISE(heap->stacks[i].part < heap->part_count);
        PROMISE(heap->stacks[i].thread <= heap->thread_count);
        stack_bytes += heap->stacks[i].live_bytes;
        stack_blocks += heap->stacks[i].live_blocks;
    }
    for (size_t i = 0; i < heap->block_count; i++) {
        PROMISE(i == 0 || heap->blocks[i].address > heap->blocks[i - 1].address);
        PROMISE(heap->blocks[i].stack < heap->stack_count);
        bytes += heap->blocks[i].size;
    }
    for (size_t i = 0; i < heap->tracked_count; i++) {
        PROMISE(heap->tracked[i].stack < heap->stack_count);
        PROMISE(heap->stacks[heap->tracked[i].stack].domain != 0);
        bytes += heap->tracked[i].size;
    }
    PROMISE(stack_bytes == heap->account->live_bytes);
    PROMISE(stack_blocks == heap->account->live_blocks);
    PROMISE(!heap->has_blocks || (bytes == stack_bytes &&
                                  heap->block_count + heap->tracked_count == stack_blocks));
    PROMISE(heap->has_blocks || heap->block_count + heap->tracked_count == 0);
    for (size_t i = 1; i < heap->epoch_count; i++)
        PROMISE(heap->epochs[i].number > heap->epochs[i - 1].number);
    read_strings(heap);
    check_series(heap);
    check_graph(heap);
    check_merge(heap);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct error error = {0};
    struct heap *heap = NULL;
    int result = heap_parse_with_edges(data, size, "fuzz.hds", &heap, &error);

    if (result == 0) {
        check_promises(heap);
        PROMISE(error.text[0] == 0);
        heap_destroy(heap);
        return 0;
    }
    PROMISE(result == -EBADMSG || result == -EPROTONOSUPPORT || result == -ENOMEM);
    PROMISE(!heap && strncmp(error.text, "fuzz.hds: ", 10) == 0 && !strchr(error.text, '\n'));
    return -1; /* libFuzzer: not worth keeping */
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    uint64_t random = seed;
    uint8_t *changed = mutate(data, size, max_size, &random, &size);

    memcpy(data, changed, size);
    free(changed);
    return size;
}
