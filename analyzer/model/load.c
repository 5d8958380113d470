#include "model/load.h"

#include "format/snapshot.h"
#include "model/merge.h"
#include "model/progress.h"
#include "model/snapshot_tree.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

bool load_is_directory(const char *path)
{
    struct stat status;

    return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

/* The heap of all that MERGE was given, under the name PATH. */
static int finish(struct merge *merge, const char *path, struct heap **out_heap,
                  struct error *error)
{
    void *data;
    size_t size;
    int result = merge_finish(merge, &data, &size, error);

    if (result != 0)
        return result;
    result = heap_parse(data, size, path, out_heap, error);
    free(data);
    return result;
}

enum which {
    LAST_OF_ALL,
    FIRST_OF_MANY, /* of the processes that have more than one */
    LAST_OF_MANY,
};

static bool has_many(const struct snapshot_tree_process *process)
{
    return process->first != process->last;
}

/* Merge WHICH snapshots in TREE, in DETAIL, under the name PATH. */
static int merge_tree(const struct snapshot_tree *tree, enum which which, enum merge_detail detail,
                      const char *path, struct heap **out_heap, struct error *error)
{
    struct merge *merge = merge_create(detail);
    struct progress *progress =
        progress_begin(tree->process_count, "adding up %zu processes", tree->process_count);
    int result = merge ? 0 : error_set(error, -ENOMEM, "%s: not enough memory", path);

    for (size_t i = 0; result == 0 && i < tree->process_count; i++) {
        const struct snapshot_tree_process *process = &tree->processes[i];
        struct heap *heap;

        progress_to(progress, i);
        if (which != LAST_OF_ALL && !has_many(process))
            continue;
        result = heap_load(which == FIRST_OF_MANY ? process->first->path : process->last->path,
                           &heap, error);
        if (result == 0) {
            result = merge_add(merge, heap, error);
            heap_destroy(heap);
        }
    }
    if (result == 0)
        result = finish(merge, path, out_heap, error);
    progress_end(progress);
    merge_destroy(merge);
    return result;
}

/* Load PATH, if it is a directory in DETAIL. */
static int load(const char *path, enum merge_detail detail, struct heap **out_heap,
                struct error *error)
{
    struct snapshot_tree *tree;
    int result;

    if (!load_is_directory(path))
        return heap_load(path, out_heap, error);
    result = snapshot_tree_load(path, &tree, error);
    if (result != 0)
        return result;
    result = merge_tree(tree, LAST_OF_ALL, detail, path, out_heap, error);
    snapshot_tree_destroy(tree);
    return result;
}

int load_heap(const char *path, struct heap **out_heap, struct error *error)
{
    return load(path, MERGE_LIVE, out_heap, error);
}

int load_heap_with_past(const char *path, struct heap **out_heap, struct error *error)
{
    return load(path, MERGE_SUMS, out_heap, error);
}

int load_first_and_last(const char *directory, bool with_past, struct heap *out_heaps[2],
                        size_t *out_singles, struct error *error)
{
    enum merge_detail detail = with_past ? MERGE_SUMS : MERGE_LIVE;
    struct heap *first = NULL, *last = NULL;
    struct snapshot_tree *tree;
    size_t singles = 0;
    int result = snapshot_tree_load(directory, &tree, error);

    if (result != 0)
        return result;
    for (size_t i = 0; i < tree->process_count; i++)
        singles += !has_many(&tree->processes[i]);
    if (singles == tree->process_count)
        result = error_set(error, -ENOENT,
                           "%s: no process has two snapshots in this directory; name another "
                           "directory to compare with",
                           directory);
    if (result == 0)
        result = merge_tree(tree, FIRST_OF_MANY, detail, directory, &first, error);
    if (result == 0)
        result = merge_tree(tree, LAST_OF_MANY, detail, directory, &last, error);
    snapshot_tree_destroy(tree);
    if (result != 0) {
        heap_destroy(first);
        return result;
    }
    out_heaps[0] = first;
    out_heaps[1] = last;
    *out_singles = singles;
    return 0;
}

void load_describe(const struct heap *heap, char *buffer, size_t size)
{
    if (heap->is_merged)
        snprintf(buffer, size, "%s, %zu %s", heap->path, heap->part_count,
                 heap->part_count == 1 ? "process" : "processes");
    else
        snprintf(buffer, size, "%s, process %u", heap->called, heap->process->pid);
}
