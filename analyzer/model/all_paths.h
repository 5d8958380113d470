/* all_paths.h - every way by which blocks are held, by the places that the way leads over.
 *
 *   global handlers ──▶ array ──▶ handlers       are two, however many handlers and nodes there
 *   global first ──▶ nodes ──▶ handlers          are: the chains that lead over the same places
 *
 * They are followed backwards, from the blocks to who holds them, all blocks of a place that point
 * into the place before at once; so a way is never one that no chain of pointers takes. A place is on
 * a way once: blocks of it that lie further up, as the nodes of a list, a ring or a tree do, are
 * counted to it, and it is said to repeat; what lies between them is left out. Shorter ways come
 * first.
 *
 * Blocks that are lost are held by those that are definitely lost; what is not lost is not held
 * by what is. Pointers inside a block count as any other.
 */
#ifndef MODEL_ALL_PATHS_H
#define MODEL_ALL_PATHS_H

#include "model/graph.h"
#include "model/root_names.h"
#include "model/site.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct all_paths_step {
    uint32_t site;
    bool repeats;
    uint32_t *blocks; /* that are on this way */
    size_t count;
};

struct all_path {
    uint32_t name; /* of the root it begins at; ROOT_NAMES_NONE: nobody's, lost */
    struct all_paths_step *steps; /* outermost first; the last has the blocks in question, */
    size_t length;
    uint32_t *blocks; /* and these they are: of the members the ones that are held so */
    size_t count;
    uint64_t size; /* their bytes */
};

struct all_paths {
    struct all_path *paths; /* by length, then by size of the blocks, the largest first */
    size_t count;
    bool is_cut;  /* some are longer than asked for */
    bool gave_up; /* there are too many to look at */
};

/* Find the ways to the blocks marked in MEMBERS, a byte for each block of GRAPH, that lead over at
 * most DEPTH other places (0: as many as can be, 62). SITES and NAMES are of the same heap. Returns
 * 0 or -ENOMEM. */
int all_paths_create(const struct graph *graph, const struct sites *sites, struct root_names *names,
                     const uint8_t *members, size_t depth, struct all_paths **out_paths);

/* Free PATHS, which may be NULL. */
void all_paths_destroy(struct all_paths *paths);

#endif
