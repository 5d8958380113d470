/* thing.h - an object for tests that tells when it dies. */
#ifndef TESTS_UNIT_SAMPLES_THING_H
#define TESTS_UNIT_SAMPLES_THING_H

#include <stdatomic.h>
#include <stdlib.h>

#include "samples/lib/object.h"

struct weakref;

struct thing {
    struct object object;
    struct weakref *weakrefs;
    int number;
    int intact; /* LIVING, or something is wrong */
};

enum { LIVING = 0x600d, DEAD = 0xdead };

static atomic_int things_dead;

static void thing_finish(void *object)
{
    struct thing *thing = object;

    if (thing->intact != LIVING)
        abort();
    thing->intact = DEAD;
    atomic_fetch_add(&things_dead, 1);
}

static const struct object_type thing_type = {
    .name = "thing",
    .size = sizeof(struct thing),
    .finish = thing_finish,
    .weakrefs_offset = offsetof(struct thing, weakrefs),
};

static inline struct thing *thing_new(int number)
{
    struct thing *thing = object_init(malloc(sizeof *thing), &thing_type);

    thing->number = number;
    thing->intact = LIVING;
    return thing;
}

#endif
