#include "samples/measure.h"

#include <stdio.h>

#include "preload/heapdelta.h"

static size_t traced_before;

size_t measure_traced_bytes(void)
{
    size_t current = 0;
    size_t peak;

    heapdelta_get_traced_memory(&current, &peak);
    return current;
}

void measure_begin(void)
{
    heapdelta_take_snapshot("before");
    traced_before = measure_traced_bytes();
}

void measure_show(const char *label, const struct footprint *own)
{
    size_t now = measure_traced_bytes();

    heapdelta_take_snapshot(label);
    printf("  [%s] the program counts %zu bytes in %zu blocks, ", label, own->requested,
           own->blocks);
    if (heapdelta_is_tracing())
        printf("heapdelta measures %zu bytes\n", now - traced_before);
    else
        puts("not traced by heapdelta");
}
