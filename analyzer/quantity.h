/* quantity.h - numbers with units, as the user types them. */
#ifndef QUANTITY_H
#define QUANTITY_H

#include <stdint.h>

/* Read TEXT, as 10s, 1.5m or 250ms, into *OUT_NANOSECONDS; without a unit it is
 * seconds. Returns 0 or -EINVAL. */
int quantity_read_time(const char *text, uint64_t *out_nanoseconds);

/* Read TEXT, as 4096, 64K, 1.5M or 2G (of 1024, also written KiB, MiB, GiB), into
 * *OUT_BYTES. Returns 0 or -EINVAL. */
int quantity_read_bytes(const char *text, uint64_t *out_bytes);

#endif
