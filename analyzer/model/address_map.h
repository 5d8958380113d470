/* address_map.h - which of many address ranges an address lies in.
 *
 * Ranges may nest and overlap, as those of inlined functions, aliases and hostile
 * files do: the one that begins last wins, of those that begin together the one
 * with the highest number. Filled first, then frozen, then asked.
 */
#ifndef MODEL_ADDRESS_MAP_H
#define MODEL_ADDRESS_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct address_range {
    uint64_t low, high; /* high is the first address behind it */
    uint64_t reach;     /* the highest `high` up to here, once frozen */
    size_t number;
};

struct address_map { /* valid when zeroed */
    struct address_range *ranges;
    size_t count, capacity;
};

/* Free what MAP holds. */
void address_map_finish(struct address_map *map);

/* Add the addresses from LOW to below HIGH as range NUMBER; an empty range is not
 * added. False: no memory. */
bool address_map_add(struct address_map *map, uint64_t low, uint64_t high, size_t number);

/* Make MAP ready to be asked; after this nothing can be added. */
void address_map_freeze(struct address_map *map);

/* The number of the range that ADDRESS lies in, into OUT_NUMBER. False if in none. */
bool address_map_find(const struct address_map *map, uint64_t address, size_t *out_number);

#endif
