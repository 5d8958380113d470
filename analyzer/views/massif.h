/* massif.h - a profile as valgrind's ms_print and massif-visualizer open it. */
#ifndef VIEWS_MASSIF_H
#define VIEWS_MASSIF_H

#include "model/profile.h"

#include <stdio.h>

/* What was alive at a moment. */
struct massif_moment {
    uint64_t time;  /* ns since tracing began */
    uint64_t bytes; /* as requested */
    uint64_t extra; /* what the allocator took beyond that; 0: not known */
};

/* Write the COUNT moments, at least one, oldest first, of the program COMMAND. The last one is that
 * of INVERTED, a profile_invert(), which becomes its tree. ABOUT is a line that says where that
 * comes from. Returns 0 or -ENOMEM. */
int massif_print(FILE *out, const char *about, const char *command, const struct massif_moment *moments,
                 size_t count, const struct profile *inverted);

#endif
