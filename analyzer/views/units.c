#include "views/units.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

char *units_bytes(char *buffer, double bytes, bool is_signed)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    const size_t last = sizeof(units) / sizeof(units[0]) - 1;

    for (size_t i = 0;; i++, bytes /= 1024) {
        if (fabs(bytes) < 100 && i > 0) {
            snprintf(buffer, UNITS_SIZE, is_signed ? "%+.1f %s" : "%.1f %s", bytes, units[i]);
            return buffer;
        }
        if (fabs(bytes) < 10 * 1024 || i == last) {
            snprintf(buffer, UNITS_SIZE, is_signed ? "%+.0f %s" : "%.0f %s", bytes, units[i]);
            return buffer;
        }
    }
}

char *units_count(char *buffer, int64_t number, bool is_signed)
{
    snprintf(buffer, UNITS_SIZE, is_signed ? "%+" PRId64 : "%" PRId64, number);
    return buffer;
}

char *units_duration(char *buffer, uint64_t nanoseconds)
{
    double seconds = (double)nanoseconds / 1e9;
    uint64_t minutes = nanoseconds / 60000000000u;

    if (nanoseconds < 1000)
        snprintf(buffer, UNITS_SIZE, "%" PRIu64 " ns", nanoseconds);
    else if (seconds < 0.9995e-3)
        snprintf(buffer, UNITS_SIZE, "%.3g µs", seconds * 1e6);
    else if (seconds < 0.9995)
        snprintf(buffer, UNITS_SIZE, "%.3g ms", seconds * 1e3);
    else if (minutes < 2)
        snprintf(buffer, UNITS_SIZE, "%.2f s", seconds);
    else if (minutes < 120)
        snprintf(buffer, UNITS_SIZE, "%" PRIu64 " min %02d s", minutes,
                 (int)(nanoseconds / 1000000000u % 60));
    else
        snprintf(buffer, UNITS_SIZE, "%" PRIu64 " h %02d min", minutes / 60, (int)(minutes % 60));
    return buffer;
}
