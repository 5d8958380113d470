/* votes.h - what most blocks of a stack and a size are. */
#ifndef MODEL_VOTES_H
#define MODEL_VOTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct votes { /* valid when zeroed */
    struct votes_slot *slots;
    size_t capacity, count; /* the former a power of two */
};

/* Note that a block of STACK and SIZE is a VALUE. False: no memory. */
bool votes_add(struct votes *votes, uint32_t stack, uint64_t size, uint32_t value);

/* What a block of STACK and SIZE is if there is one thing that more than half of those that were added
 * are; if there is none, it may be any that is frequent. False: none was added. */
bool votes_find(const struct votes *votes, uint32_t stack, uint64_t size, uint32_t *out_value);

/* Free what VOTES hold. */
void votes_finish(struct votes *votes);

#endif
