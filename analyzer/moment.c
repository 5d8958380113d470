#include "moment.h"

#include <stdio.h>
#include <time.h>

#define NANOSECONDS 1000000000u /* in a second */

void moment_format(char buffer[MOMENT_SIZE], uint64_t nanoseconds, bool utc)
{
    time_t seconds = (time_t)(nanoseconds / NANOSECONDS);
    struct tm tm;
    size_t length;

    if (!(utc ? gmtime_r(&seconds, &tm) : localtime_r(&seconds, &tm))) {
        *buffer = '\0';
        return;
    }
    length = strftime(buffer, MOMENT_SIZE, utc ? "%Y-%m-%dT%H:%M:%S" : "%Y-%m-%d %H:%M:%S %z", &tm);
    if (utc)
        snprintf(buffer + length, MOMENT_SIZE - length, ".%09uZ",
                 (unsigned)(nanoseconds % NANOSECONDS));
}
