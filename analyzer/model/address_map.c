#include "model/address_map.h"

#include <stdlib.h>

void address_map_finish(struct address_map *map)
{
    free(map->ranges);
    *map = (struct address_map){0};
}

bool address_map_add(struct address_map *map, uint64_t low, uint64_t high, size_t number)
{
    if (low >= high)
        return true;
    if (map->count == map->capacity) {
        size_t capacity = map->capacity ? map->capacity * 2 : 64;
        struct address_range *ranges = reallocarray(map->ranges, capacity, sizeof(*ranges));

        if (!ranges)
            return false;
        map->ranges = ranges;
        map->capacity = capacity;
    }
    map->ranges[map->count++] = (struct address_range){.low = low, .high = high, .number = number};
    return true;
}

static int compare_ranges(const void *left, const void *right)
{
    const struct address_range *a = left, *b = right;

    if (a->low != b->low)
        return a->low < b->low ? -1 : 1;
    return a->number < b->number ? -1 : a->number > b->number;
}

void address_map_freeze(struct address_map *map)
{
    uint64_t reach = 0;

    if (map->count > 0)
        qsort(map->ranges, map->count, sizeof(*map->ranges), compare_ranges);
    for (size_t i = 0; i < map->count; i++) {
        if (map->ranges[i].high > reach)
            reach = map->ranges[i].high;
        map->ranges[i].reach = reach;
    }
}

bool address_map_find(const struct address_map *map, uint64_t address, size_t *out_number)
{
    size_t begin = 0, end = map->count;

    while (begin < end) {
        size_t middle = begin + (end - begin) / 2;

        if (map->ranges[middle].low <= address)
            begin = middle + 1;
        else
            end = middle;
    }
    while (begin-- > 0 && map->ranges[begin].reach > address) {
        if (map->ranges[begin].high > address) {
            *out_number = map->ranges[begin].number;
            return true;
        }
    }
    return false;
}
