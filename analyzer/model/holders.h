/* holders.h - how each block is reached: the shortest chain from the most telling root.
 *
 * Chains that lead over the same sites are one, so that a thousand equal ones are
 * one line, and what repeats on the way (the nodes of a list) is one step:
 *
 *   global handlers ──▶ the array of registry_add ──▶ each handler of event_handler_new
 *   global first ──▶ nodes of list_push, one after the other ──▶ their values
 *
 * Variables are more telling than stacks, stacks than other memory, that than registers; chains
 * without a pointer inside a block come before those with one. What is lost is reached from
 * what is definitely lost.
 */
#ifndef MODEL_HOLDERS_H
#define MODEL_HOLDERS_H

#include "model/graph.h"
#include "model/root_names.h"
#include "model/site.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HOLDERS_NONE UINT32_MAX

struct holders_step {
    uint32_t above; /* the step before; HOLDERS_NONE: it is the first one */
    uint32_t name;  /* of a first step: the root's in root_names; HOLDERS_NONE: nobody's */
    uint32_t site;  /* of another: where its blocks were allocated, in sites */
    bool repeats;   /* its blocks, or it and those behind it, come one after the other */
};

struct holders {
    struct holders_step *steps;
    size_t step_count;
    uint32_t *step_of; /* per block: index in steps */
    uint32_t *edge_to; /* per block: the edge by which it is reached; HOLDERS_NONE: nobody's */
    uint32_t *from;    /* per block: the node it is reached from; HOLDERS_NONE */
};

/* Find the holders of all blocks in GRAPH; SITES and NAMES are of the same heap. Returns 0 or
 * -ENOMEM. */
int holders_create(const struct graph *graph, const struct sites *sites, struct root_names *names,
                   struct holders **out_holders);

/* Free HOLDERS, which may be NULL. */
void holders_destroy(struct holders *holders);

#endif
