#include "model/amount.h"

#include <math.h>
#include <stdio.h>

#define BYTES_MAX (10 * 1024) /* that are told as such */

char *amount_bytes(char *buffer, double bytes)
{
    static const char *const units[] = {"KiB", "MiB", "GiB", "TiB"};
    const size_t last = sizeof(units) / sizeof(units[0]) - 1;
    size_t unit = 0;

    if (fabs(bytes) < BYTES_MAX) {
        snprintf(buffer, AMOUNT_SIZE, fabs(bytes) < 99.95 ? "%.3g bytes" : "%.0f bytes", bytes);
        return buffer;
    }
    for (bytes /= 1024; fabs(bytes) >= BYTES_MAX && unit < last; unit++)
        bytes /= 1024;
    snprintf(buffer, AMOUNT_SIZE, fabs(bytes) < 99.95 ? "%.1f %s" : "%.0f %s", bytes, units[unit]);
    return buffer;
}
