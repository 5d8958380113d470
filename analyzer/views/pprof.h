/* pprof.h - a profile as `go tool pprof` and what else reads its format open it: a protobuf
 * message (pprof.proto), compressed by gzip. */
#ifndef VIEWS_PPROF_H
#define VIEWS_PPROF_H

#include "model/profile.h"

#include <stdint.h>
#include <stdio.h>

/* Write PROFILE's first heap, as of TIME (ns since 1970) and DURATION ns after tracing began. Its
 * sample types are those of Go's heap profiles: alloc_objects, alloc_space, inuse_objects,
 * inuse_space. Returns 0 or -ENOMEM. */
int pprof_print(FILE *out, const struct profile *profile, uint64_t time, uint64_t duration);

#endif
