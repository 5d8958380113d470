/* snapshot_tree.h - the snapshots in a directory, by the process they are of.
 *
 * A process is known by its runs, not by its PID, which may come back. One that calls
 * exec becomes another image with another run, and stays the same process: so it is
 * taken if the image before it has no snapshot at its end and has called exec less
 * often. Its last snapshot is that of its last image; what was alive in the images
 * before it went with them.
 *
 * A file that was merged from others is passed over: its parts would count twice.
 */
#ifndef MODEL_SNAPSHOT_TREE_H
#define MODEL_SNAPSHOT_TREE_H

#include "model/error.h"
#include "model/heap.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct snapshot_tree_process {
    /* What its snapshots say of themselves, see heap_peek(). */
    const struct heap *first; /* of the last image */
    const struct heap *last;
    size_t snapshot_count; /* of all images */
    uint64_t peak_bytes;   /* the highest of any snapshot */
    size_t parent;         /* index of the process it was forked from, less than its own;
                            * SNAPSHOT_TREE_NONE: not in the directory */
    size_t depth;          /* 0: has no parent */
};

#define SNAPSHOT_TREE_NONE SIZE_MAX

struct snapshot_tree {
    struct snapshot_tree_process *processes; /* a parent, then its children by age */
    size_t process_count;
    size_t snapshot_count;
    size_t merged_count; /* files passed over */
    struct heap **heads; /* of all snapshots */
};

/* Read what is in DIRECTORY: all files *.hds but hidden ones. Returns 0 and a tree for
 * snapshot_tree_destroy(); -ENOENT if there is no snapshot, or as heap_load(), and
 * ERROR. */
int snapshot_tree_load(const char *directory, struct snapshot_tree **out_tree, struct error *error);

/* The same of the COUNT files NAMES in DIRECTORY only. */
int snapshot_tree_load_files(const char *directory, const char *const *names, size_t count,
                             struct snapshot_tree **out_tree, struct error *error);

/* Free TREE, which may be NULL. */
void snapshot_tree_destroy(struct snapshot_tree *tree);

#endif
