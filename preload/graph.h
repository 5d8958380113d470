/* graph.h - which words of the process point into live blocks.
 *
 * Found in the copy-on-write image (image.h): roots and blocks are looked at word by word, and
 * only where a word leads to is kept, never what is in the memory. Memory comes from the arena;
 * where it runs out, what was found so far is kept, and marked.
 */
#ifndef PRELOAD_GRAPH_H
#define PRELOAD_GRAPH_H

#include "format/snapshot.h"
#include "preload/block_index.h"
#include "preload/buffer.h"
#include "preload/maps.h"
#include "preload/roots.h"
#include "preload/threads.h"

#include <stdint.h>

/* Records of a section, as the file has them. */
struct graph_records {
    struct buffer bytes;
    uint64_t count;
    uint64_t last[3]; /* what the next record's numbers are differences to */
};

struct graph {
    struct snapshot_graph record;
    struct maps maps;
    struct block_index blocks;
    struct roots roots;
    uintptr_t modules_low, modules_high; /* all modules lie in between */
    struct graph_records root_frames, root_edges, edges, module_words;
};

/* Find the GRAPH, zeroed memory, of this process, which has COUNT blocks, as SNAPSHOT_BLOCKS has
 * them in the SIZE bytes at RECORDS, and had THREADS. It is a copy of one whose /proc/PID/smaps is the
 * file MAPPED. All modules that are loaded are in the list of modules (modules.h) then. IN_EXIT: the
 * first of THREADS is in exit(), whose frames are to be left out. Returns 0, or why there is no
 * graph. */
int graph_find(struct graph *graph, const uint8_t *records, size_t size, uint64_t count,
               struct threads *threads, bool in_exit, long mapped);

#endif
