#include "model/fit.h"

#include <stdlib.h>

static int compare_doubles(const void *left, const void *right)
{
    const double *a = left, *b = right;

    return *a < *b ? -1 : *a > *b;
}

double fit_median(double *values, size_t count)
{
    if (count == 0)
        return 0;
    qsort(values, count, sizeof(*values), compare_doubles);
    return count % 2 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

/* The slope from the first to the last. */
static double mean_slope(const double *x, const double *y, size_t count)
{
    return x[count - 1] > x[0] ? (y[count - 1] - y[0]) / (x[count - 1] - x[0]) : 0;
}

double fit_slope(const double *x, const double *y, size_t count)
{
    double result, *slopes;
    size_t found = 0;

    if (count < 2)
        return 0;
    slopes = malloc(count * (count - 1) / 2 * sizeof(*slopes));
    if (!slopes) /* then the mean must do */
        return mean_slope(x, y, count);
    for (size_t i = 0; i < count; i++) {
        for (size_t j = i + 1; j < count; j++) {
            if (x[j] > x[i])
                slopes[found++] = (y[j] - y[i]) / (x[j] - x[i]);
        }
    }
    result = fit_median(slopes, found);
    free(slopes);
    return result;
}
