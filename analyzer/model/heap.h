/* heap.h - a loaded snapshot: one process at one moment, or several merged into one.
 *
 * Everything is an array, numbered as in the file, checked when it was loaded:
 * each number in here is within the array it points into, a frame's parent is
 * less than itself, strings end. A heap is read-only once loaded, so threads may
 * share it.
 */
#ifndef MODEL_HEAP_H
#define MODEL_HEAP_H

#include "model/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct heap_module {
    uint64_t start, end; /* run-time addresses */
    uint64_t bias;       /* run-time address - address in the ELF file */
    const char *path;
    const uint8_t *build_id;
    uint32_t build_id_size; /* 0: none */
    uint32_t generation;
    uint32_t flags; /* enum snapshot_module_flags */
    const struct snapshot_segment *segments;
    size_t segment_count;
};

struct heap_frame {
    uint64_t address; /* inside the call instruction; see format/snapshot.h */
    uint32_t parent;  /* the caller's frame; 0: none */
    uint32_t module;  /* index in modules plus 1; 0: none */
};

struct heap_stack {
    uint32_t frame; /* the newest; follow parent to the outermost; 0: none known */
    uint32_t flags; /* enum snapshot_stack_flags */
    uint32_t part;  /* index in parts */
    uint32_t domain; /* 0: the allocator; others are of heapdelta_track() */
    uint32_t thread; /* index in threads plus 1; 0: not known */
    /* Sums over the blocks below; what the counters say if the blocks are not known. */
    uint64_t live_bytes, live_blocks;
    double live_variance; /* of live_bytes, where that is an estimate: see estimate.h */
    /* Since tracing began; all 0 if the snapshot has no counters. */
    uint64_t allocations, allocated_bytes, frees, freed_bytes, reallocations;
    /* The same; all 0 also if not heap.has_more_counters. */
    uint64_t temporary, peak_bytes, peak_blocks;
    /* Its changes in the series, by point: changes[first_change] and on. */
    size_t first_change;
    uint32_t change_count;
};

struct heap_block {
    uint64_t address;
    uint64_t size; /* as requested */
    uint32_t stack;
    uint32_t epoch;
};

struct heap_epoch {
    uint32_t number;
    const char *label;
    uint64_t time; /* ns since tracing began */
};

struct heap_thread {
    uint32_t tid;
    const char *name;
};

struct heap_sample {
    uint64_t time; /* ns since tracing began */
    uint64_t bytes, blocks, rss;
};

/* A moment of the series, and what was alive then. */
struct heap_point {
    uint64_t time;        /* ns since tracing began */
    uint64_t allocations; /* since then; 0: not known */
    uint64_t bytes, blocks;
};

/* What a stack held from a point on, until its next change. */
struct heap_change {
    uint32_t point;
    uint64_t bytes, blocks;
};

/* Memory outside the heap that was looked at for pointers; see format/snapshot.h. */
struct heap_root {
    uint64_t start, size;
    uint32_t kind;   /* enum snapshot_root_kind */
    uint32_t thread; /* tid; 0: none */
    uint32_t module; /* index in modules plus 1; 0: none */
    const char *name;
};

/* A frame on a stack; by root, of each from the newest outwards. */
struct heap_root_frame {
    uint32_t root;   /* index in roots */
    uint32_t module; /* index in modules plus 1; 0: none */
    uint64_t end;    /* address behind it */
    uint64_t address;
};

/* An edge of which a number does not fit HEAP_EDGES_WIDE. */
struct heap_wide_edge {
    uint32_t edge;
    uint64_t offset, inside;
};

/* Who points at whom. A node is a root, by its index, or a block, by its index plus the
 * number of roots; the edges of node N are those from first[N] up to first[N + 1], by
 * offset. Ask for offset and inside by the functions below: millions are kept short. */
struct heap_edges {
    uint32_t *first;  /* per node, and one more */
    uint32_t *target; /* index in blocks */
    uint32_t *offset; /* or HEAP_EDGES_WIDE, as the next one: it is in `wide` */
    uint32_t *inside;
    size_t count;
    struct heap_wide_edge *wide; /* by edge */
    size_t wide_count;
};
#define HEAP_EDGES_WIDE UINT32_MAX

/* A word in a block that points into the read-only data of a module. */
struct heap_module_word {
    uint32_t block; /* index in blocks */
    uint64_t offset;
    uint64_t address; /* its value */
};

/* One of the snapshots that were merged into this one; else the snapshot itself. */
struct heap_part {
    const struct snapshot_process *process;
    const char *program, *command, *label;
    const char *called; /* what the program was called as, without directories */
};

struct heap {
    const char *path; /* of the snapshot file, as it was given */

    const struct snapshot_process *process;
    const struct snapshot_account *account;
    const struct snapshot_memory *memory; /* by kind, SNAPSHOT_MEMORY_KINDS of them; NULL: not known */
    const char *program, *command, *label, *called;

    struct heap_part *parts; /* at least one */
    size_t part_count;
    bool is_merged;
    bool has_blocks; /* false: there are none in `blocks`, whatever is alive */
    bool has_more_counters; /* false: what was temporary or alive at the peak is not known */

    struct heap_module *modules;
    size_t module_count;
    struct heap_frame *frames; /* frames[0] is the root: address 0, no parent */
    size_t frame_count;        /* with the root */
    struct heap_stack *stacks;
    size_t stack_count;
    struct heap_block *blocks; /* of domain 0, by address, no two alike */
    size_t block_count;
    struct heap_block *tracked; /* of the others, by domain, then by address; no two alike */
    size_t tracked_count;
    const struct snapshot_sampling *sampling; /* NULL: all blocks were recorded */
    uint32_t *weights, *tracked_weights; /* of these two, how many each stands for; NULL: for itself */
    struct heap_epoch *epochs; /* by number */
    size_t epoch_count;
    struct heap_thread *threads;
    size_t thread_count;
    struct heap_sample *timeline;
    size_t sample_count;
    struct heap_point *points; /* at most SNAPSHOT_SERIES_POINTS */
    size_t point_count;
    struct heap_change *changes; /* by stack, of each by point */
    size_t change_count;

    const struct snapshot_graph *graph; /* NULL: nobody looked for edges */
    struct heap_root *roots;
    size_t root_count;
    struct heap_root_frame *root_frames;
    size_t root_frame_count;
    bool has_edges; /* there are any to be known, and the heap was loaded with them */
    struct heap_edges edges;
    struct heap_module_word *module_words; /* by block, of each by offset */
    size_t module_word_count;
};

/* Load the snapshot file PATH. Returns 0 and a heap for heap_destroy() in
 * OUT_HEAP; -ENOENT and the like if it can't be read, -EBADMSG if it is cut,
 * damaged, or no snapshot, -EPROTONOSUPPORT if it is of a later version: then
 * ERROR says what is wrong, in which file, at which byte. */
int heap_load(const char *path, struct heap **out_heap, struct error *error);

/* The same from the SIZE bytes at DATA; PATH is only for messages. The heap
 * does not keep pointers into DATA. */
int heap_parse(const void *data, size_t size, const char *path, struct heap **out_heap,
               struct error *error);

/* The same two, with the edges of the heap graph: they take 12 bytes an edge. (If the others
 * meet a snapshot with edges, they pass them over unseen.) */
int heap_load_with_edges(const char *path, struct heap **out_heap, struct error *error);
int heap_parse_with_edges(const void *data, size_t size, const char *path, struct heap **out_heap,
                          struct error *error);

/* Find EDGE, which is one of the wide ones. */
const struct heap_wide_edge *heap_edges_wide(const struct heap_edges *edges, size_t edge);

/* Where the word of EDGE lies in its root or block, bytes. */
static inline uint64_t heap_edges_offset(const struct heap_edges *edges, size_t edge)
{
    return edges->offset[edge] != HEAP_EDGES_WIDE ? edges->offset[edge]
                                                  : heap_edges_wide(edges, edge)->offset;
}

/* As in the file: 8 times the bytes into the target of EDGE, and what was seen there. */
static inline uint64_t heap_edges_inside(const struct heap_edges *edges, size_t edge)
{
    return edges->inside[edge] != HEAP_EDGES_WIDE ? edges->inside[edge]
                                                  : heap_edges_wide(edges, edge)->inside;
}

/* Load only what the snapshot file PATH says of itself: process, account, epochs, parts and
 * their texts. Everything else is empty in OUT_HEAP, and not checked. Returns as
 * heap_load(). */
int heap_peek(const char *path, struct heap **out_heap, struct error *error);

/* What STACK of HEAP held at each point of the series, into the arrays OUT_BYTES and
 * OUT_BLOCKS of heap->point_count elements. */
void heap_series(const struct heap *heap, size_t stack, uint64_t *out_bytes, uint64_t *out_blocks);

/* Are A and B of one process image? */
bool heap_same_run(const struct heap *a, const struct heap *b);

/* And was tracing not begun anew between them (stopped and started, or all forgotten), so that
 * epochs count on, and a block of A that B does not know was freed? */
bool heap_same_tracing(const struct heap *a, const struct heap *b);

/* ns from when tracing of what HEAP knows began to HEAP's moment. */
uint64_t heap_traced_for(const struct heap *heap);

/* Find the epoch that began with the mark or snapshot labelled MARK, the last one of them, or
 * that has the number MARK. Returns its number; 0: there is none. */
uint32_t heap_find_epoch(const struct heap *heap, const char *mark);

/* Free HEAP, which may be NULL. */
void heap_destroy(struct heap *heap);

#endif
