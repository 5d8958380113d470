/* all_paths_finding.h - ways on their way to be found: what all_paths.c and all_paths_*.c share. */
#ifndef MODEL_ALL_PATHS_FINDING_H
#define MODEL_ALL_PATHS_FINDING_H

#include "model/all_paths.h"

#define ALL_PATHS_NONE UINT32_MAX

/* Numbers, as many as there are. */
struct all_paths_list {
    uint32_t *numbers;
    size_t count, room;
};

/* A way as far as it was followed: the state before, which is nearer to the blocks in question, and
 * one place more. */
struct all_paths_state {
    uint32_t before; /* ALL_PATHS_NONE: this is the place of the blocks in question */
    uint32_t site;
    size_t depth;
    bool is_lost;
    /* Of the site, pointing into the blocks before; and those that lead to these, of this place,
     * or of one further in once more. */
    struct all_paths_list blocks, extra;
};

struct all_paths_finding {
    const struct graph *graph;
    const struct heap *heap;
    const struct sites *sites;
    struct root_names *names;
    const uint8_t *members;
    size_t depth;
    uint32_t *in_first; /* per block, and one more: its edges in in_edge */
    uint32_t *in_edge;  /* by target */
    struct all_paths_state *states;
    size_t state_count, state_room;
    size_t work;
    uint8_t *on_way; /* per block: it is in the last state, or among what was found next */
    /* Per block, while a way is gone: a bit for each of its places where it can be, and where it
     * was; it is at a place only once more. */
    uint64_t *places, *arrived;
    uint8_t *late;
    size_t way_length;
    uint32_t *name_of; /* per edge of a root: its name, once it was asked for, plus 1 */
    struct all_paths_beginning {
        uint32_t name, site, block;
    } *beginnings; /* of ways in the last state: a block of a site that a name points at */
    size_t beginning_count, beginning_room;
    struct all_paths_list found_blocks; /* that point into the last state, of new places */
    struct all_paths *paths;
    size_t path_room;
};

int all_paths_list_add(struct all_paths_list *list, uint32_t number);

static inline uint32_t all_paths_site_of(const struct all_paths_finding *finding, uint32_t block)
{
    return finding->sites->of_stack[finding->heap->blocks[block].stack];
}

/* Has it taken as many steps as it may? A pointer takes one to be followed forwards, and more to be
 * followed backwards. */
static inline bool all_paths_is_tired(const struct all_paths_finding *finding)
{
    return finding->work > 200000000;
}

/* Find the blocks on the way of STATE that begins with the COUNT BEGINNINGS, and those in question
 * that it leads to, for PATH, which has the sites of its steps. If it is tired of that, PATH has no
 * blocks in question, and goes in the end. Returns 0 or -ENOMEM. */
int all_paths_fill(struct all_paths_finding *finding, uint32_t state,
                   const struct all_paths_beginning *beginnings, size_t count,
                   struct all_path *path);

/* Let each way in PATHS be there once, those that are none not at all, in their order. Returns 0 or
 * -ENOMEM. */
int all_paths_tidy(const struct heap *heap, struct all_paths *paths);

/* Free what PATH has. */
void all_paths_finish_path(struct all_path *path);

#endif
