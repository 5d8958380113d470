/* heap_graph - what the analyzer takes for the heap graph of many blocks.
 *
 *     heap_graph [SHAPE [BLOCKS]]     default all shapes, 5000000
 *
 * Each shape in a process of its own, in CPU seconds and bytes: of the file, an edge of it, and of
 * the analyzer's own memory at its highest without the file. Shapes:
 *
 *     lists    chains of 1000, each node with a name
 *     chain    one list of them all, linked both ways
 *     tree     one balanced tree, with pointers to the parent
 *     random   each block points at some that may lie anywhere
 */
#include "format/varint.h"
#include "model/dominators.h"
#include "model/graph.h"
#include "model/heap.h"
#include "model/snapshot_build.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BLOCK_SIZE  48
#define STACK_COUNT 1000

/* Edges as they are written, one behind the other. */
struct edges {
    struct snapshot_bytes bytes;
    uint64_t count, source, target;
};

static void check(bool ok)
{
    if (!ok) {
        fputs("out of memory\n", stderr);
        exit(1);
    }
}

static void put(struct snapshot_bytes *bytes, uint64_t value)
{
    check(snapshot_bytes_add_varint(bytes, value));
}

static void add_edge(struct edges *edges, uint64_t source, uint64_t offset, uint64_t target)
{
    put(&edges->bytes, varint_delta(source, edges->source));
    put(&edges->bytes, offset);
    put(&edges->bytes, varint_delta(target, edges->target));
    put(&edges->bytes, 0);
    edges->source = source;
    edges->target = target;
    edges->count++;
}

static uint64_t next_random(void)
{
    static uint64_t state = 88172645463325252u;

    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

/* The edges of block I of COUNT in SHAPE, into EDGES. */
static void add_edges(const char *shape, uint64_t i, uint64_t count, struct edges *edges)
{
    if (strcmp(shape, "lists") == 0) {
        if (i % 2 == 0 && i + 1 < count)
            add_edge(edges, i, 0, i + 1);
        if (i % 2 == 0 && i % 1000 != 0 && i + 2 < count)
            add_edge(edges, i, 8, i + 2);
        if (i % 4 == 1)
            add_edge(edges, i, 16, i / 4);
        if (i % 3 == 1)
            add_edge(edges, i, 24, i / 2);
    } else if (strcmp(shape, "chain") == 0) {
        if (i + 1 < count)
            add_edge(edges, i, 0, i + 1);
        if (i > 0 && i % 5 < 3)
            add_edge(edges, i, 8, i - 1);
    } else if (strcmp(shape, "tree") == 0) {
        for (uint64_t child = 2 * i + 1; child <= 2 * i + 2 && child < count; child++)
            add_edge(edges, i, 8 * (child - 2 * i - 1), child);
        if (i > 0 && i % 5 < 3)
            add_edge(edges, i, 16, (i - 1) / 2);
    } else {
        for (uint64_t j = 0, more = next_random() % 4; j < more + (i % 10 == 0); j++)
            add_edge(edges, i, 8 * j, next_random() % count);
    }
}

/* A snapshot of COUNT blocks in SHAPE; a root points at the first and at each 1000th. */
static void *make_snapshot(const char *shape, uint64_t count, size_t *out_size,
                           uint64_t *out_edge_count)
{
    struct snapshot_process process = {.run = {1}, .epoch = 1};
    struct snapshot_account account = {.live_blocks = count, .live_bytes = count * BLOCK_SIZE};
    struct snapshot_graph graph = {.scanned_blocks = count};
    struct snapshot_root root = {
        .kind = SNAPSHOT_ROOT_MAPPING, .start = 0x1000, .size = count};
    struct snapshot_bytes frames = {0}, stacks = {0}, blocks = {0};
    struct edges edges = {0}, root_edges = {0};
    struct snapshot_build build;
    void *data;

    for (uint64_t i = 0; i < STACK_COUNT; i++) {
        put(&frames, 0);
        put(&frames, varint_delta(0x1000 + i, i ? 0x1000 + i - 1 : 0));
        put(&frames, 0);
        put(&stacks, i + 1);
        put(&stacks, 0);
    }
    for (uint64_t i = 0; i < count; i++) {
        put(&blocks, varint_delta(0x10000000 + 64 * i, i ? 0x10000000 + 64 * (i - 1) : 0));
        put(&blocks, BLOCK_SIZE);
        put(&blocks, i % STACK_COUNT);
        put(&blocks, 1);
        add_edges(shape, i, count, &edges);
        if (i % 1000 == 0 && (i == 0 || strcmp(shape, "lists") == 0)) {
            add_edge(&root_edges, 0, i, i);
        }
    }
    snapshot_build_begin(&build, SNAPSHOT_VERSION);
    snapshot_build_section(&build, SNAPSHOT_STRINGS, SNAPSHOT_BYTES, 1, "", 1);
    snapshot_build_fixed(&build, SNAPSHOT_PROCESS, &process, sizeof(process), 1);
    snapshot_build_fixed(&build, SNAPSHOT_ACCOUNT, &account, sizeof(account), 1);
    snapshot_build_section(&build, SNAPSHOT_FRAMES, SNAPSHOT_VARINT, STACK_COUNT, frames.data,
                           frames.size);
    snapshot_build_section(&build, SNAPSHOT_STACKS, SNAPSHOT_VARINT, STACK_COUNT, stacks.data,
                           stacks.size);
    snapshot_build_section(&build, SNAPSHOT_BLOCKS, SNAPSHOT_VARINT, count, blocks.data,
                           blocks.size);
    snapshot_build_fixed(&build, SNAPSHOT_GRAPH, &graph, sizeof(graph), 1);
    snapshot_build_fixed(&build, SNAPSHOT_ROOTS, &root, sizeof(root), 1);
    snapshot_build_section(&build, SNAPSHOT_ROOT_EDGES, SNAPSHOT_VARINT, root_edges.count,
                           root_edges.bytes.data, root_edges.bytes.size);
    snapshot_build_section(&build, SNAPSHOT_EDGES, SNAPSHOT_VARINT, edges.count, edges.bytes.data,
                           edges.bytes.size);
    printf("%-7s %8" PRIu64 " blocks, %8" PRIu64 " edges of %.1f B in the file; ", shape, count,
           edges.count, (double)edges.bytes.size / (double)edges.count);
    *out_edge_count = edges.count;
    check(snapshot_build_finish(&build, &data, out_size) == 0);
    free(frames.data);
    free(stacks.data);
    free(blocks.data);
    free(edges.bytes.data);
    free(root_edges.bytes.data);
    return data;
}

static double cpu(void)
{
    struct timespec time;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static uint64_t highest(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return (uint64_t)usage.ru_maxrss * 1024;
}

static void analyze(const char *path, uint64_t edge_count)
{
    struct dominators *dominators;
    struct graph *graph;
    struct error error;
    struct heap *heap;
    uint8_t *members, *goes;
    double times[5] = {cpu()};

    if (heap_load_with_edges(path, &heap, &error) != 0) {
        fprintf(stderr, "%s\n", error.text);
        exit(1);
    }
    times[1] = cpu();
    check(graph_create(heap, 0, &graph) == 0);
    times[2] = cpu();
    check(dominators_create(graph, &dominators) == 0);
    times[3] = cpu();
    members = calloc(heap->block_count, 1);
    goes = calloc(heap->block_count, 1);
    check(members && goes);
    for (size_t i = 0; i < heap->block_count; i += STACK_COUNT)
        members[i] = true;
    check(graph_retained(graph, members, goes) == 0);
    times[4] = cpu();
    printf("loaded in %.2f s, classes %.2f s, dominators %.2f s, what goes with a site %.2f s; "
           "%.0f B an edge\n",
           times[1] - times[0], times[2] - times[1], times[3] - times[2], times[4] - times[3],
           (double)highest() / (double)edge_count);
}

/* Make SHAPE in one process, so that its memory does not count, and take it apart in another. */
static void measure(const char *shape, uint64_t count)
{
    char path[] = "/dev/shm/heap_graph.XXXXXX";
    int file = mkstemp(path);
    int link[2];
    uint64_t edge_count = 0;

    check(file >= 0 && pipe(link) == 0);
    fflush(stdout);
    if (fork() == 0) {
        size_t size;
        char *data = make_snapshot(shape, count, &size, &edge_count);

        fflush(stdout);
        for (size_t at = 0; at < size;) {
            ssize_t written = write(file, data + at, size - at);

            check(written > 0);
            at += (size_t)written;
        }
        check(write(link[1], &edge_count, sizeof(edge_count)) == sizeof(edge_count));
        _exit(0);
    }
    close(link[1]);
    if (read(link[0], &edge_count, sizeof(edge_count)) == sizeof(edge_count) && fork() == 0) {
        analyze(path, edge_count);
        fflush(stdout);
        _exit(0);
    }
    close(link[0]);
    close(file);
    while (wait(NULL) > 0)
        ;
    unlink(path);
}

int main(int argc, char **argv)
{
    static const char *const shapes[] = {"lists", "chain", "tree", "random"};
    uint64_t count = argc > 2 ? strtoull(argv[2], NULL, 10) : 5000000;

    for (size_t i = 0; i < sizeof(shapes) / sizeof(*shapes); i++) {
        if (argc < 2 || strcmp(argv[1], shapes[i]) == 0)
            measure(shapes[i], count);
    }
    return 0;
}
