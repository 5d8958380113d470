#include "samples/layout_table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "preload/heapdelta.h"
#include "samples/lib/object.h"
#include "samples/measure.h"
#include "samples/must.h"

static void take_snapshot(const struct layout *layout, const char *moment)
{
    char label[64];

    snprintf(label, sizeof label, "%s.%s", layout->name, moment);
    heapdelta_take_snapshot(label);
}

static void *create(const struct layout *layout, size_t count)
{
    void **objects;

    if (layout->create_all)
        return layout->create_all(count);
    objects = must(malloc(count * sizeof *objects));
    for (size_t i = 0; i < count; i++)
        objects[i] = layout->create(i);
    return objects;
}

static void count_blocks(const struct layout *layout, void *const *objects, size_t count,
                         struct footprint *footprint)
{
    if (layout->count_all_blocks) {
        layout->count_all_blocks(objects, count, footprint);
        return;
    }
    footprint_add(footprint, objects, count * sizeof *objects);
    for (size_t i = 0; i < count; i++)
        layout->count_blocks(objects[i], footprint);
}

static void destroy(const struct layout *layout, void **objects, size_t count)
{
    if (layout->destroy_all) {
        layout->destroy_all(objects, count);
        return;
    }
    for (size_t i = 0; i < count; i++)
        object_release(objects[i]);
    free(objects);
}

/* Make COUNT objects of LAYOUT, print their row, and store what they count themselves. */
static void show_row(const struct layout *layout, size_t count, struct footprint *out_footprint)
{
    size_t before, total;
    void *objects;

    take_snapshot(layout, "before");
    before = measure_traced_bytes();
    objects = create(layout, count);
    total = measure_traced_bytes() - before;
    take_snapshot(layout, "after");

    count_blocks(layout, objects, count, out_footprint);
    destroy(layout, objects, count);
    if (!heapdelta_is_tracing())
        total = out_footprint->requested;
    printf("%-16s | %9.1f KB | %7.1f B/obj | %9.1f KB | %7.1f B/obj\n", layout->name,
           (double)total / 1024, (double)total / (double)count,
           (double)out_footprint->usable / 1024, (double)out_footprint->usable / (double)count);
}

void layout_table(const struct layout *layouts, size_t count)
{
    struct footprint footprints[8] = {0};

    printf("%zu objects of each class%s\n\n", count,
           heapdelta_is_tracing() ? "; Total is what heapdelta measures"
                                  : "; not traced by heapdelta, so Total is the program's own count");
    printf("%-16s | %12s | %13s | %12s | %13s\n", "Class", "Total", "Per object", "Usable",
           "Per object");
    puts("-----------------+--------------+---------------+--------------+--------------");
    for (size_t i = 0; layouts[i].name; i++)
        show_row(&layouts[i], count, &footprints[i]);

    puts("\nThe program itself counts");
    for (size_t i = 0; layouts[i].name; i++)
        printf("%-16s %8zu blocks, %zu bytes requested, %zu usable\n", layouts[i].name,
               footprints[i].blocks, footprints[i].requested, footprints[i].usable);
}

size_t layout_count(int argc, char **argv, size_t default_count)
{
    char *end = NULL;
    size_t count = argc > 1 ? strtoul(argv[1], &end, 10) : default_count;

    if (argc > 2 || (end && (end == argv[1] || *end != '\0')) || count == 0) {
        fprintf(stderr, "usage: %s [OBJECTS]\n", argv[0]);
        exit(EXIT_FAILURE);
    }
    return count;
}
