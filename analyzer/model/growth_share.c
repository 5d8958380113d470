#include "model/growth_share.h"

#include <math.h>
#include <stdbool.h>

#define CONSIDERABLE 4 /* of the growth a quarter at least */

/* Whether what HOLDING has can be a considerable part of GROWTH. */
static bool can_grow(const struct growth *growth, const struct growth_holding *holding)
{
    return holding->bytes >= growth->bytes / CONSIDERABLE &&
           holding->blocks >= growth->blocks / CONSIDERABLE;
}

/* Whether so much of GROWTH is left if all of the others, OTHERS bytes, has come with it. */
static bool must_grow(const struct growth *growth, double others)
{
    return (double)growth->bytes - others >= (double)growth->bytes / CONSIDERABLE;
}

/* The kind that has most: of those that can be what grows, if there is one. */
static size_t find_most(const struct growth *growth, const struct growth_holding *holdings,
                        size_t count)
{
    size_t most = 0;

    for (size_t i = 1; i < count; i++) {
        bool can = can_grow(growth, &holdings[i]), most_can = can_grow(growth, &holdings[most]);

        if (can != most_can ? can : holdings[i].bytes > holdings[most].bytes)
            most = i;
    }
    return most;
}

static void set_flat(struct growth *growth)
{
    growth->course = GROWTH_FLAT;
    growth->grew = 0;
    growth->bytes = growth->blocks = 0;
    growth->bytes_per_work = growth->blocks_per_work = growth->bytes_per_hour = 0;
}

/* Leave SHARE of GROWTH, but not more than there is of HOLDING. */
static void take_part(struct growth *growth, double share, const struct growth_holding *holding)
{
    growth->bytes = (uint64_t)fmin((double)growth->bytes * share, (double)holding->bytes);
    growth->blocks = (uint64_t)fmin((double)growth->blocks * share, (double)holding->blocks);
    growth->bytes_per_work *= share;
    growth->blocks_per_work *= share;
    growth->bytes_per_hour *= share;
}

void growth_share(const struct growth *growth, const struct growth_holding *holdings, size_t count,
                  struct growth *growths)
{
    double all = 0, growing = 0;
    size_t most = find_most(growth, holdings, count), kinds = 0;

    for (size_t i = 0; i < count; i++) {
        growths[i] = *growth;
        all += (double)holdings[i].bytes;
        kinds += holdings[i].blocks > 0;
    }
    if (growth->course != GROWTH_GROWING || kinds < 2)
        return;
    for (size_t i = 0; i < count; i++) {
        if (i == most || (can_grow(growth, &holdings[i]) &&
                          must_grow(growth, all - (double)holdings[i].bytes)))
            growing += (double)holdings[i].bytes;
        else
            set_flat(&growths[i]);
    }
    for (size_t i = 0; i < count; i++) {
        if (growths[i].course == GROWTH_GROWING && growing > 0)
            take_part(&growths[i], (double)holdings[i].bytes / growing, &holdings[i]);
    }
}
