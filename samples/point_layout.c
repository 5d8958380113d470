/* point_layout.c - what a point in space costs, by how it is laid out.
 *
 *   point_layout [OBJECTS]      (default 100000)
 *
 *   PointStandard   x, y, z in a dictionary of the object's own
 *   PointSlots      x, y, z as members (`__slots__`)
 *   PointNamed      a tuple: a length and as many items; the names belong to the class
 *   PointPacked     what C can do beyond: 24 bytes each, in one array
 *
 * Point number n is (n, 2n, 3n).
 *
 *   PointSlots  ┌────────┬───┬───┬───┐         PointNamed  ┌────────┬───┬──────────┐
 *               │ object │ x │ y │ z │                     │ object │ 3 │ items    │
 *               └────────┴───┴───┴───┘                     └────────┴───┴──────────┘
 */
#include <stdlib.h>

#include "samples/layout_table.h"
#include "samples/lib/dict.h"
#include "samples/must.h"

/* PointStandard */

struct point_standard {
    struct object object;
    struct weakref *weakrefs;
    struct dict *attributes;
};

static void standard_finish(void *object)
{
    struct point_standard *point = object;

    object_release(point->attributes);
}

static const struct object_type standard_type = {
    .name = "PointStandard",
    .size = sizeof(struct point_standard),
    .finish = standard_finish,
    .weakrefs_offset = offsetof(struct point_standard, weakrefs),
};

static void *standard_new(size_t number)
{
    struct point_standard *point =
        must(object_init(malloc(sizeof(struct point_standard)), &standard_type));

    point->attributes = must(dict_new());
    must_succeed(dict_set(point->attributes, "x", value_number((double)number)));
    must_succeed(dict_set(point->attributes, "y", value_number(2 * (double)number)));
    must_succeed(dict_set(point->attributes, "z", value_number(3 * (double)number)));
    return point;
}

static void standard_count_blocks(const void *object, struct footprint *footprint)
{
    const struct point_standard *point = object;

    footprint_add(footprint, point, sizeof *point);
    dict_footprint(point->attributes, footprint);
}

/* PointSlots */

struct point_slots {
    struct object object;
    double x, y, z;
};

static const struct object_type slots_type = {
    .name = "PointSlots",
    .size = sizeof(struct point_slots),
};

static void *slots_new(size_t number)
{
    struct point_slots *point = must(object_init(malloc(sizeof(struct point_slots)), &slots_type));

    point->x = (double)number;
    point->y = 2 * point->x;
    point->z = 3 * point->x;
    return point;
}

static void slots_count_blocks(const void *object, struct footprint *footprint)
{
    footprint_add(footprint, object, sizeof(struct point_slots));
}

/* PointNamed */

struct point_named {
    struct object object;
    size_t count;
    double items[3];
};

static const struct object_type named_type = {
    .name = "PointNamed",
    .size = sizeof(struct point_named),
};

static void *named_new(size_t number)
{
    struct point_named *point = must(object_init(malloc(sizeof(struct point_named)), &named_type));

    point->count = 3;
    for (size_t i = 0; i < point->count; i++)
        point->items[i] = (double)((i + 1) * number);
    return point;
}

static void named_count_blocks(const void *object, struct footprint *footprint)
{
    footprint_add(footprint, object, sizeof(struct point_named));
}

/* PointPacked */

struct point_packed {
    double x, y, z;
};

static void *packed_create(size_t count)
{
    struct point_packed *points = must(malloc(count * sizeof *points));

    for (size_t i = 0; i < count; i++)
        points[i] = (struct point_packed){(double)i, 2 * (double)i, 3 * (double)i};
    return points;
}

static void packed_count_blocks(const void *points, size_t count, struct footprint *footprint)
{
    footprint_add(footprint, points, count * sizeof(struct point_packed));
}

static void packed_destroy(void *points, size_t count)
{
    (void)count;
    free(points);
}

int main(int argc, char **argv)
{
    static const struct layout layouts[] = {
        {"PointStandard", .create = standard_new, .count_blocks = standard_count_blocks},
        {"PointSlots", .create = slots_new, .count_blocks = slots_count_blocks},
        {"PointNamed", .create = named_new, .count_blocks = named_count_blocks},
        {"PointPacked", .create_all = packed_create, .count_all_blocks = packed_count_blocks,
         .destroy_all = packed_destroy},
        {0},
    };

    layout_table(layouts, layout_count(argc, argv, 100000));
    return EXIT_SUCCESS;
}
