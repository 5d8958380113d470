/* folded.h - a profile as folded stacks, a line each: "main;load;parse 96". */
#ifndef VIEWS_FOLDED_H
#define VIEWS_FOLDED_H

#include "model/profile.h"

#include <stdio.h>

/* Write what the nodes of PROFILE hold of VALUE in its first heap, those with 0 left out. Returns 0
 * or -ENOMEM. */
int folded_print(FILE *out, const struct profile *profile, enum profile_value value);

#endif
