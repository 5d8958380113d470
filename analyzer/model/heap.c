#include "model/heap.h"

#include "format/snapshot.h"
#include "model/block_load.h"
#include "model/graph_load.h"
#include "model/loader.h"
#include "model/process_load.h"
#include "model/progress.h"
#include "model/series_load.h"
#include "model/snapshot_read.h"
#include "model/stack_load.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

typedef int (*load_step)(struct loader *loader);
/* What of a snapshot takes long to load. */
static uint64_t load_total(const struct snapshot_sections *sections)
{
    return sections->kinds[SNAPSHOT_BLOCKS].count + sections->kinds[SNAPSHOT_ROOT_EDGES].count +
           sections->kinds[SNAPSHOT_EDGES].count;
}

/* Load what the COUNT functions STEPS load of the sections WANTED. */
static int parse(const void *data, size_t size, const char *path, uint32_t wanted,
                 const load_step *steps, size_t count, struct progress *progress,
                 struct heap **out_heap, struct error *error)
{
    struct snapshot_sections sections;
    struct loader loader = {.sections = &sections, .error = error, .progress = progress};
    int result = snapshot_read(data, size, path, wanted, &sections, error);

    if (result != 0)
        return result;
    progress_expect(progress, load_total(&sections));
    loader.owned = calloc(1, sizeof(*loader.owned));
    if (loader.owned)
        loader.owned->path = strdup(path);
    if (!loader.owned || !loader.owned->path) {
        result = loader_no_memory(&loader);
        goto out;
    }
    loader.heap = &loader.owned->heap;
    loader.heap->path = loader.owned->path;
    for (size_t i = 0; result == 0 && i < count; i++)
        result = steps[i](&loader);
    if (result == 0) {
        *out_heap = loader.heap;
        loader.owned = NULL;
    }

out:
    if (loader.owned)
        heap_destroy(&loader.owned->heap);
    snapshot_read_finish(&sections);
    return result;
}

/* In this order: each checks its numbers against those before it. */
static const load_step all_steps[] = {
    process_load_strings, process_load_process, process_load_account,  process_load_parts,
    process_load_names,   process_load_memory,  stack_load_segments,   stack_load_modules,
    stack_load_frames,    stack_load_stacks,    stack_load_counters,   stack_load_more_counters,
    stack_load_origins,   stack_load_owners,    process_load_sampling, block_load,
    process_load_epochs,  process_load_threads, series_load_timeline,  series_load_series,
    series_load_progress, graph_load_roots,     graph_load_edges,
};

#define STEP_COUNT (sizeof(all_steps) / sizeof(*all_steps))
#define EDGES      (1u << SNAPSHOT_ROOT_EDGES | 1u << SNAPSHOT_EDGES | 1u << SNAPSHOT_MODULE_WORDS)

/* Load all of DATA, or all but the edges. */
static int parse_all(const void *data, size_t size, const char *path, bool with_edges,
                     struct progress *progress, struct heap **out_heap, struct error *error)
{
    return parse(data, size, path, with_edges ? SNAPSHOT_READ_ALL : SNAPSHOT_READ_ALL & ~EDGES,
                 all_steps, with_edges ? STEP_COUNT : STEP_COUNT - 1, progress, out_heap, error);
}

static struct progress *begin_loading(const char *path)
{
    const char *slash = strrchr(path, '/');

    return progress_begin(0, "loading %s", slash && slash[1] ? slash + 1 : path);
}

/* The same, as a phase of its own. */
static int parse_alone(const void *data, size_t size, const char *path, bool with_edges,
                       struct heap **out_heap, struct error *error)
{
    struct progress *progress = begin_loading(path);
    int result = parse_all(data, size, path, with_edges, progress, out_heap, error);

    progress_end(progress);
    return result;
}

int heap_parse(const void *data, size_t size, const char *path, struct heap **out_heap,
               struct error *error)
{
    return parse_alone(data, size, path, false, out_heap, error);
}

int heap_parse_with_edges(const void *data, size_t size, const char *path, struct heap **out_heap,
                          struct error *error)
{
    return parse_alone(data, size, path, true, out_heap, error);
}

/* Read up to ROOM bytes from DESCRIPTOR to DATA. Returns how many there were before
 * the end, or -errno. */
static ssize_t read_all(int descriptor, void *data, size_t room)
{
    size_t size = 0;

    while (size < room) {
        ssize_t got = read(descriptor, (char *)data + size, room - size);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -errno;
        if (got == 0)
            break;
        size += (size_t)got;
    }
    return (ssize_t)size;
}

/* Read the file at DESCRIPTOR to its end. It is not mapped: if someone shortened it
 * under our eyes, that would end us. OUT_DATA is to be freed. */
static int read_file(int descriptor, const char *path, void **out_data, size_t *out_size,
                     struct error *error)
{
    struct snapshot_header header;
    struct stat status;
    char *data = NULL;
    size_t capacity, size;
    ssize_t got;
    int result;

    if (fstat(descriptor, &status) != 0)
        return error_set(error, -errno, "%s: %s", path, strerror(errno));
    if (S_ISDIR(status.st_mode))
        return error_set(error, -EISDIR, "%s: not a snapshot: it is a directory", path);

    /* No memory for a file that is something else, however large. */
    got = read_all(descriptor, &header, sizeof(header));
    if (got < 0)
        return error_set(error, (int)got, "%s: %s", path, strerror((int)-got));
    result = snapshot_read_header(&header, (size_t)got, path, error);
    if (result != 0)
        return result;

    capacity = sizeof(header) + (status.st_size > 0 ? (size_t)status.st_size : 1 << 20);
    size = (size_t)got;
    for (;;) {
        char *larger = realloc(data, capacity);

        if (!larger) {
            free(data);
            return error_set(error, -ENOMEM, "%s: not enough memory to read %zu bytes", path,
                             capacity);
        }
        if (!data)
            memcpy(larger, &header, sizeof(header));
        data = larger;
        got = read_all(descriptor, data + size, capacity - size);
        if (got < 0) {
            free(data);
            return error_set(error, (int)got, "%s: %s at byte %zu", path, strerror((int)-got),
                             size);
        }
        size += (size_t)got;
        if (size < capacity)
            break;
        capacity *= 2;
    }
    *out_data = data;
    *out_size = size;
    return 0;
}

static int load(const char *path, bool with_edges, struct heap **out_heap, struct error *error)
{
    struct progress *progress = begin_loading(path);
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    void *data = NULL;
    size_t size = 0;
    int result;

    if (descriptor < 0) {
        result = error_set(error, -errno, "%s: %s", path, strerror(errno));
    } else {
        result = read_file(descriptor, path, &data, &size, error);
        close(descriptor);
    }
    if (result == 0)
        result = parse_all(data, size, path, with_edges, progress, out_heap, error);
    free(data);
    progress_end(progress);
    return result;
}

int heap_load(const char *path, struct heap **out_heap, struct error *error)
{
    return load(path, false, out_heap, error);
}

int heap_load_with_edges(const char *path, struct heap **out_heap, struct error *error)
{
    return load(path, true, out_heap, error);
}

int heap_peek(const char *path, struct heap **out_heap, struct error *error)
{
    static const load_step steps[] = {
        process_load_strings, process_load_process, process_load_account,  process_load_epochs,
        process_load_parts,   process_load_names,   process_load_sampling,
    };
    const uint32_t wanted = 1u << SNAPSHOT_STRINGS | 1u << SNAPSHOT_PROCESS |
                            1u << SNAPSHOT_ACCOUNT | 1u << SNAPSHOT_EPOCHS | 1u << SNAPSHOT_PARTS |
                            1u << SNAPSHOT_NAMES | 1u << SNAPSHOT_SAMPLING;
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    struct stat status;
    void *data = NULL;
    int result;

    if (descriptor < 0 || fstat(descriptor, &status) < 0) {
        result = error_set(error, -errno, "%s: %s", path, strerror(errno));
    } else if (!S_ISREG(status.st_mode) || status.st_size == 0) {
        result = error_set(error, -EBADMSG, "%s: not a snapshot: it is %s", path,
                           S_ISREG(status.st_mode) ? "empty" : "no file");
    } else {
        /* Of a large file only a few pages are touched. */
        data = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, descriptor, 0);
        if (data == MAP_FAILED) {
            data = NULL;
            result = error_set(error, -errno, "%s: %s", path, strerror(errno));
        } else {
            struct progress *progress = begin_loading(path);

            result = parse(data, (size_t)status.st_size, path, wanted, steps,
                           sizeof(steps) / sizeof(*steps), progress, out_heap, error);
            progress_end(progress);
        }
    }
    if (data)
        munmap(data, (size_t)status.st_size);
    if (descriptor >= 0)
        close(descriptor);
    return result;
}

void heap_series(const struct heap *heap, size_t stack, uint64_t *out_bytes, uint64_t *out_blocks)
{
    const struct heap_change *change = heap->changes + heap->stacks[stack].first_change;
    const struct heap_change *end = change + heap->stacks[stack].change_count;
    uint64_t bytes = 0, blocks = 0;

    for (size_t i = 0; i < heap->point_count; i++) {
        if (change < end && change->point == i) {
            bytes = change->bytes;
            blocks = change->blocks;
            change++;
        }
        out_bytes[i] = bytes;
        out_blocks[i] = blocks;
    }
}

bool heap_same_run(const struct heap *a, const struct heap *b)
{
    return memcmp(a->process->run, b->process->run, sizeof(a->process->run)) == 0;
}

/* When the first epoch began. */
static uint64_t beginning(const struct heap *heap)
{
    return heap->epoch_count > 0 ? heap->epochs[0].time : 0;
}

bool heap_same_tracing(const struct heap *a, const struct heap *b)
{
    return heap_same_run(a, b) && beginning(a) == beginning(b);
}

uint64_t heap_traced_for(const struct heap *heap)
{
    uint64_t elapsed = heap->process->elapsed, since = beginning(heap);

    return elapsed > since ? elapsed - since : 0;
}

uint32_t heap_find_epoch(const struct heap *heap, const char *mark)
{
    char *end;
    unsigned long number;

    for (size_t i = heap->epoch_count; *mark && i > 0; i--) {
        if (strcmp(heap->epochs[i - 1].label, mark) == 0)
            return heap->epochs[i - 1].number;
    }
    number = strtoul(mark, &end, 10);
    if (*mark < '0' || *mark > '9' || *end || number > heap->process->epoch)
        return 0;
    return (uint32_t)number;
}

void heap_destroy(struct heap *heap)
{
    struct owned_heap *owned = (struct owned_heap *)heap;

    if (!heap)
        return;
    free(heap->modules);
    free(heap->frames);
    free(heap->stacks);
    free(heap->blocks);
    free(heap->tracked);
    free(heap->weights);
    free(heap->tracked_weights);
    free(heap->epochs);
    free(heap->threads);
    free(heap->timeline);
    free(heap->points);
    free(heap->changes);
    free(heap->parts);
    free(heap->roots);
    free(heap->root_frames);
    free(heap->edges.first);
    free(heap->edges.target);
    free(heap->edges.offset);
    free(heap->edges.inside);
    free(heap->edges.wide);
    free(heap->module_words);
    free(owned->part_processes);
    free(owned->segments);
    free(owned->build_ids);
    free(owned->strings);
    free(owned->path);
    free(owned);
}
