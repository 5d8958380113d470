/* fit.h - estimates that a few outliers do not move.
 *
 * Nothing here fails.
 */
#ifndef MODEL_FIT_H
#define MODEL_FIT_H

#include <stddef.h>

/* The median of the COUNT VALUES, which are sorted by that; 0 of none. */
double fit_median(double *values, size_t count);

/* The slope of Y over X, COUNT each, of which X never falls: the median of those between any two (Theil
 * 1950, Sen 1968), which up to 29 % of outliers do not move. 0 if X does not rise. */
double fit_slope(const double *x, const double *y, size_t count);

#endif
