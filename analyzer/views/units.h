/* units.h - numbers as people read them; in the words of Python's tracemalloc.
 *
 * The result is a static buffer of the caller's: each function returns BUFFER.
 */
#ifndef VIEWS_UNITS_H
#define VIEWS_UNITS_H

#include <stdbool.h>
#include <stdint.h>

#define UNITS_SIZE 40 /* bytes that always suffice for BUFFER */

/* BYTES as "512 B", "46.9 KiB", "10240 KiB", "1.5 GiB"; with a sign ("+0 B") if
 * SIGNED. */
char *units_bytes(char *buffer, double bytes, bool is_signed);

/* NUMBER in decimal; with a sign ("+0") if SIGNED. */
char *units_count(char *buffer, int64_t number, bool is_signed);

/* NANOSECONDS as "740 ns", "12.5 ms", "3.20 s", "2 h 05 min". */
char *units_duration(char *buffer, uint64_t nanoseconds);

#endif
