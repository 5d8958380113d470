/* pprof.h - a profile as `go tool pprof` and what else reads its format open it: a protobuf
 * message (pprof.proto), compressed by gzip. */
#ifndef VIEWS_PPROF_H
#define VIEWS_PPROF_H

#include "model/profile.h"

#include <stdint.h>
#include <stdio.h>

/* What a profile is of. */
struct pprof_about {
    uint64_t time;       /* ns since 1970 */
    uint64_t duration;   /* ns since tracing began */
    uint64_t period;     /* bytes of which one was recorded; 1: all */
    const char *comment; /* shown by `pprof -comments` */
};

/* Write PROFILE's first heap, which is of ABOUT. Its sample types are those of Go's heap profiles:
 * alloc_objects, alloc_space, inuse_objects, inuse_space. Returns 0 or -ENOMEM. */
int pprof_print(FILE *out, const struct profile *profile, const struct pprof_about *about);

#endif
