#include "quantity.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct unit {
    const char *name;
    double factor;
};

/* Read TEXT, a number and one of the UNITS, into *OUT_VALUE. */
static int read_quantity(const char *text, const struct unit *units, uint64_t *out_value)
{
    char *end;
    double number;

    if (!isdigit((unsigned char)text[0]) || strpbrk(text, "xXeE"))
        return -EINVAL;
    number = strtod(text, &end);
    for (; units->name; units++) {
        if (strcmp(end, units->name) == 0 && number * units->factor < 0x1p63) {
            *out_value = (uint64_t)(number * units->factor);
            return 0;
        }
    }
    return -EINVAL;
}

int quantity_read_time(const char *text, uint64_t *out_nanoseconds)
{
    static const struct unit units[] = {
        {"", 1e9}, {"ms", 1e6}, {"s", 1e9}, {"m", 60e9}, {"h", 3600e9}, {NULL, 0},
    };

    return read_quantity(text, units, out_nanoseconds);
}

int quantity_read_bytes(const char *text, uint64_t *out_bytes)
{
    static const struct unit units[] = {
        {"", 1},         {"K", 0x1p10},   {"M", 0x1p20},   {"G", 0x1p30},
        {"KiB", 0x1p10}, {"MiB", 0x1p20}, {"GiB", 0x1p30}, {NULL, 0},
    };

    return read_quantity(text, units, out_bytes);
}
