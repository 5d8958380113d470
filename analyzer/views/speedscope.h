/* speedscope.h - a profile as the viewer speedscope opens it: its "sampled" JSON format. */
#ifndef VIEWS_SPEEDSCOPE_H
#define VIEWS_SPEEDSCOPE_H

#include "model/profile.h"

#include <stdio.h>

/* Write PROFILE's first heap, a profile for each value that is known of it, under the name NAME;
 * the viewer first shows FIRST. Returns 0 or -ENOMEM. */
int speedscope_print(FILE *out, const struct profile *profile, const char *name,
                     enum profile_value first);

#endif
