/* measure.h - how much memory came since a moment: heapdelta's measurement beside the
 * program's own count.
 */
#ifndef SAMPLES_MEASURE_H
#define SAMPLES_MEASURE_H

#include <stddef.h>

#include "samples/lib/footprint.h"

/* Bytes that heapdelta says are alive; 0 where it is not loaded. */
size_t measure_traced_bytes(void);

/* Begin to measure: what comes from now on counts. Takes a snapshot `before`. Something
 * must have been printed already, or stdout's buffer would count, too. */
void measure_begin(void);

/* Print what has come since, with what it should be: OWN. Takes a snapshot LABEL. */
void measure_show(const char *label, const struct footprint *own);

#endif
