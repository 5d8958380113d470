/* format_size - how the analyzer words sizes: each line of stdin is a number of bytes, maybe a
 * fraction, behind `+` one that is to have a sign. */
#include "views/units.h"

#include <stdio.h>
#include <stdlib.h>

int main(void)
{
    char line[256], buffer[UNITS_SIZE];

    while (fgets(line, sizeof(line), stdin))
        puts(units_bytes(buffer, strtod(line + (*line == '+'), NULL), *line == '+'));
    return 0;
}
