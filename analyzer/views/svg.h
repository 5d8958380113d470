/* svg.h - a profile as a flame graph: one picture that needs no script. */
#ifndef VIEWS_SVG_H
#define VIEWS_SVG_H

#include "model/profile.h"

#include <stdio.h>

/* Draw what PROFILE's first heap holds of VALUE, with TITLE. Frames that would be too narrow to be
 * seen are left out, and so are those deeper than 400; if there are such, the picture says so.
 * Returns 0 or -ENOMEM. */
int svg_print(FILE *out, const struct profile *profile, enum profile_value value,
              const char *title);

#endif
