/* export_tracemalloc.c - a snapshot as Python's tracemalloc.Snapshot.load() opens it.
 *
 * The pickle is of the classes of tracemalloc, made as Snapshot.dump() makes it:
 *
 *   Snapshot
 *    ├ traces: _Traces
 *    │          └ _traces: [(domain, size, ((file, line), …), total_nframe), …]
 *    └ traceback_limit
 *
 * one tuple a block, its frames from the newest to the oldest. Blocks of one stack and one size
 * are the same object in Python, which costs a byte each in the file and a pointer there.
 */
#include "export.h"
#include "format/snapshot.h"
#include "model/estimate.h"
#include "views/pickle.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#define LIMIT_MAX  65535 /* of frames: what tracemalloc knows */
#define BATCH_SIZE 1000  /* traces that lie on the unpickler's stack at once, as with pickle.py */

/* A text or a frame that was pickled, told by its address. */
struct pickled {
    const void *of;
    uint32_t number; /* to recall it by */
    UT_hash_handle hh;
};

/* A stack whose blocks are put. */
struct traced {
    uint32_t stack;
    uint32_t frames;    /* to recall its frames by */
    size_t frame_count; /* 0: not put yet */
};

struct exporter {
    struct pickle pickle;
    const struct heap *heap;
    struct symbols *symbols;
    struct pickled *pickled;
    size_t batch; /* traces since the last mark */
    size_t limit; /* frames of the longest traceback */
};

static struct pickled *find_pickled(struct exporter *exporter, const void *of)
{
    struct pickled *pickled;

    HASH_FIND_PTR(exporter->pickled, &of, pickled);
    return pickled;
}

/* Remember what lies on top of the pickle's stack as OF. */
static int remember(struct exporter *exporter, const void *of)
{
    struct pickled *pickled = calloc(1, sizeof(*pickled));

    if (!pickled)
        return -ENOMEM;
    pickled->of = of;
    pickled->number = pickle_remember(&exporter->pickle);
    HASH_ADD_PTR(exporter->pickled, of, pickled);
    if (!pickled->hh.tbl) {
        free(pickled);
        return -ENOMEM;
    }
    return 0;
}

static int put_text(struct exporter *exporter, const char *text)
{
    const struct pickled *known = find_pickled(exporter, text);

    if (known) {
        pickle_recall(&exporter->pickle, known->number);
        return 0;
    }
    pickle_text(&exporter->pickle, text);
    return remember(exporter, text);
}

/* Put the frame SYMBOL: (file, line). */
static int put_frame(struct exporter *exporter, const struct symbol *symbol)
{
    const struct pickled *known = find_pickled(exporter, symbol);
    int result;

    if (known) {
        pickle_recall(&exporter->pickle, known->number);
        return 0;
    }
    pickle_mark(&exporter->pickle);
    result = put_text(exporter, symbol->file ? symbol->file : symbol->place);
    pickle_number(&exporter->pickle, symbol->file ? symbol->line : 0);
    pickle_tuple(&exporter->pickle);
    return result == 0 ? remember(exporter, symbol) : result;
}

/* Put the frames of STACK; their number into OUT_COUNT. */
static int put_frames(struct exporter *exporter, uint32_t stack, size_t *out_count)
{
    static const struct symbol unknown = {.place = "<unknown>"};
    const struct heap *heap = exporter->heap;
    uint32_t frame = heap->stacks[stack].frame;
    size_t count = 0;
    int result = 0;

    pickle_mark(&exporter->pickle);
    if (!frame) {
        result = put_frame(exporter, &unknown);
        count = 1;
    }
    for (; frame && result == 0; frame = heap->frames[frame].parent) {
        struct symbol_list list = symbols_frame(exporter->symbols, frame);

        for (size_t i = 0; i < list.count && result == 0; i++, count++)
            result = put_frame(exporter, &list.symbols[i]);
    }
    pickle_tuple(&exporter->pickle);
    *out_count = count;
    return result;
}

/* Put one trace of a block of SIZE bytes. The frames of its stack are put, or recalled. */
static int put_trace(struct exporter *exporter, struct traced *traced, uint64_t size)
{
    const struct heap_stack *stack = &exporter->heap->stacks[traced->stack];
    struct pickle *pickle = &exporter->pickle;
    int result = 0;

    pickle_mark(pickle);
    pickle_number(pickle, stack->domain);
    pickle_number(pickle, size);
    if (traced->frame_count == 0) {
        result = put_frames(exporter, traced->stack, &traced->frame_count);
        traced->frames = pickle_remember(pickle);
    } else {
        pickle_recall(pickle, traced->frames);
    }
    if (stack->flags & (SNAPSHOT_STACK_TRUNCATED | SNAPSHOT_STACK_LIMITED))
        pickle_none(pickle); /* nobody knows how many there were */
    else
        pickle_number(pickle, traced->frame_count);
    pickle_tuple(pickle);
    return result;
}

/* Put COUNT traces of blocks of SIZE bytes. */
static int put_traces(struct exporter *exporter, struct traced *traced, uint64_t size,
                      uint64_t count)
{
    struct pickle *pickle = &exporter->pickle;
    int result = 0;

    for (uint64_t i = 0; i < count && result == 0; i++) {
        if (exporter->batch == BATCH_SIZE) {
            pickle_append(pickle);
            pickle_mark(pickle);
            exporter->batch = 0;
        }
        if (i > 0 && exporter->batch > 0)
            pickle_repeat(pickle);
        else
            result = put_trace(exporter, traced, size);
        exporter->batch++;
    }
    if (traced->frame_count > exporter->limit)
        exporter->limit = traced->frame_count;
    return result;
}

/* Where the sizes of each stack's blocks begin in an array of all, one more for its end. NULL
 * for lack of memory. */
static size_t *find_places(const struct heap *heap)
{
    size_t *places = calloc(heap->stack_count + 1, sizeof(*places));

    for (size_t i = 0; places && i < heap->stack_count; i++)
        places[i + 1] = places[i] + heap->stacks[i].live_blocks;
    return places;
}

static int compare_sizes(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

    return (left > right) - (left < right);
}

/* The sizes of all blocks, by stack, of each ascending. NULL for lack of memory. */
static uint64_t *sort_sizes(const struct heap *heap, const size_t *places)
{
    uint64_t *sizes = calloc(places[heap->stack_count] + 1, sizeof(*sizes));
    size_t *next = calloc(heap->stack_count + 1, sizeof(*next));

    if (!sizes || !next) {
        free(sizes);
        free(next);
        return NULL;
    }
    memcpy(next, places, heap->stack_count * sizeof(*next));
    for (size_t i = 0; i < heap->block_count; i++)
        sizes[next[heap->blocks[i].stack]++] = heap->blocks[i].size;
    for (size_t i = 0; i < heap->tracked_count; i++)
        sizes[next[heap->tracked[i].stack]++] = heap->tracked[i].size;
    for (size_t i = 0; i < heap->stack_count; i++)
        qsort(sizes + places[i], places[i + 1] - places[i], sizeof(*sizes), compare_sizes);
    free(next);
    return sizes;
}

/* Put a trace for each block. */
static int put_blocks(struct exporter *exporter)
{
    const struct heap *heap = exporter->heap;
    size_t *places = find_places(heap);
    uint64_t *sizes = places ? sort_sizes(heap, places) : NULL;
    int result = sizes ? 0 : -ENOMEM;

    for (uint32_t i = 0; i < heap->stack_count && result == 0; i++) {
        struct traced traced = {.stack = i};

        for (size_t at = places[i]; at < places[i + 1] && result == 0;) {
            size_t end = at + 1;

            while (end < places[i + 1] && sizes[end] == sizes[at])
                end++;
            result = put_traces(exporter, &traced, sizes[at], end - at);
            at = end;
        }
    }
    free(places);
    free(sizes);
    return result;
}

/* Put as many traces as there are blocks, where these are only counted: of the average size, one
 * of what is over. */
static int put_counts(struct exporter *exporter)
{
    const struct heap *heap = exporter->heap;
    int result = 0;

    for (uint32_t i = 0; i < heap->stack_count && result == 0; i++) {
        uint64_t bytes = heap->stacks[i].live_bytes, blocks = heap->stacks[i].live_blocks;
        struct traced traced = {.stack = i};

        if (blocks == 0)
            continue;
        result = put_traces(exporter, &traced, bytes / blocks + bytes % blocks, 1);
        if (result == 0)
            result = put_traces(exporter, &traced, bytes / blocks, blocks - 1);
    }
    return result;
}

static int export_write(FILE *out, const struct heap *heap, struct symbols *symbols,
                        const struct export_options *options, struct error *error)
{
    struct exporter exporter = {.heap = heap, .symbols = symbols};
    struct pickle *pickle = &exporter.pickle;
    struct pickled *pickled, *next;
    int result;

    (void)options;
    if (estimate_is(heap))
        return error_set(error, -ENOTSUP,
                         "%s: of a sample (run --sample): tracemalloc has no word for what a block "
                         "stands for",
                         heap->path);
    if (heap->account->live_blocks > UINT32_MAX)
        return error_set(error, -ERANGE, "%s: too many blocks: %" PRIu64, heap->path,
                         heap->account->live_blocks);
    pickle_begin(pickle, out);
    pickle_object(pickle, "tracemalloc", "Snapshot");
    pickle_dict(pickle);
    pickle_mark(pickle);
    pickle_text(pickle, "traces");
    pickle_object(pickle, "tracemalloc", "_Traces");
    pickle_dict(pickle);
    pickle_mark(pickle);
    pickle_text(pickle, "_traces");
    pickle_list(pickle);
    pickle_mark(pickle);
    result = heap->has_blocks ? put_blocks(&exporter) : put_counts(&exporter);
    pickle_append(pickle);
    pickle_set(pickle);
    pickle_build(pickle);
    pickle_text(pickle, "traceback_limit");
    pickle_number(pickle, exporter.limit < 1           ? 1
                          : exporter.limit > LIMIT_MAX ? LIMIT_MAX
                                                       : exporter.limit);
    pickle_set(pickle);
    pickle_build(pickle);
    pickle_end(pickle);
    HASH_ITER(hh, exporter.pickled, pickled, next)
    {
        HASH_DEL(exporter.pickled, pickled);
        free(pickled);
    }
    return result < 0 ? error_set(error, result, "out of memory") : 0;
}

const struct export_form export_tracemalloc = {
    .name = "tracemalloc",
    .is_binary = true,
    .write = export_write,
};
