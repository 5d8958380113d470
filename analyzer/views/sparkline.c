#include "views/sparkline.h"

#include <string.h>

#define LEVELS 8

char *sparkline_write(char *buffer, size_t size, const uint64_t *series, size_t length,
                      size_t columns, bool ascii)
{
    static const char *const blocks[] = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    static const char *const letters[] = {" ", "_", ".", ":", "-", "=", "+", "*", "#"};
    uint64_t highest = 0;
    size_t used = 0;

    if (columns > length)
        columns = length;
    series += length - columns;
    for (size_t i = 0; i < columns; i++)
        if (series[i] > highest)
            highest = series[i];
    *buffer = '\0';
    for (size_t i = 0; i < columns; i++) {
        /* Whatever is not 0 is to be seen. */
        size_t level = series[i] == 0
                           ? 0
                           : 1 + (size_t)((double)series[i] / (double)highest * (LEVELS - 1) + 0.5);
        const char *text = (ascii ? letters : blocks)[level < LEVELS ? level : LEVELS];

        if (used + strlen(text) + 1 > size)
            break;
        strcpy(buffer + used, text);
        used += strlen(text);
    }
    return buffer;
}
