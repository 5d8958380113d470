#include "model/votes.h"

#include <stdlib.h>

struct votes_slot {
    uint64_t size;
    uint32_t stack; /* plus 1; 0: free */
    uint32_t value; /* leads, */
    uint64_t lead;  /* by so many votes: Boyer and Moore, "MJRTY", 1991 */
};

static struct votes_slot *find_slot(const struct votes *votes, uint32_t stack, uint64_t size)
{
    uint64_t hash = (size * 0x9e3779b97f4a7c15u) ^ ((stack + 1) * 0xc2b2ae3d27d4eb4fu);
    size_t at = (size_t)(hash ^ hash >> 29) & (votes->capacity - 1);

    while (votes->slots[at].stack != 0 &&
           (votes->slots[at].stack != stack + 1 || votes->slots[at].size != size))
        at = (at + 1) & (votes->capacity - 1);
    return &votes->slots[at];
}

static bool grow(struct votes *votes)
{
    struct votes larger = {.capacity = votes->capacity ? 2 * votes->capacity : 256,
                           .count = votes->count};

    larger.slots = calloc(larger.capacity, sizeof(*larger.slots));
    if (!larger.slots)
        return false;
    for (size_t i = 0; i < votes->capacity; i++) {
        const struct votes_slot *old = &votes->slots[i];

        if (old->stack != 0)
            *find_slot(&larger, old->stack - 1, old->size) = *old;
    }
    free(votes->slots);
    *votes = larger;
    return true;
}

bool votes_add(struct votes *votes, uint32_t stack, uint64_t size, uint32_t value)
{
    struct votes_slot *slot;

    if (2 * votes->count >= votes->capacity && !grow(votes))
        return false;
    slot = find_slot(votes, stack, size);
    if (slot->stack == 0) {
        *slot = (struct votes_slot){.size = size, .stack = stack + 1};
        votes->count++;
    }
    if (slot->lead == 0)
        slot->value = value;
    if (slot->value == value)
        slot->lead++;
    else
        slot->lead--;
    return true;
}

bool votes_find(const struct votes *votes, uint32_t stack, uint64_t size, uint32_t *out_value)
{
    const struct votes_slot *slot;

    if (votes->capacity == 0)
        return false;
    slot = find_slot(votes, stack, size);
    if (slot->stack == 0)
        return false;
    *out_value = slot->value;
    return true;
}

void votes_finish(struct votes *votes)
{
    free(votes->slots);
    *votes = (struct votes){0};
}
