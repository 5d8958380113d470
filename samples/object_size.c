/* object_size.c - how big is an object? By itself, and with all it leads to.
 *
 *   object_size [ITEMS]      (default 1000)
 *
 * The shallow size is the object's own block, what `sys.getsizeof` tells in Python: what
 * was requested, and what the allocator gave. The deep size adds all that can be reached
 * from it, each block once, as `asizeof` does. Beside it stands what heapdelta says: what
 * can be reached from the object now, and what has come while all that was made.
 *
 * Then ITEMS items are made at once: the memory now and at its peak, and how many objects
 * there are of each type. The snapshot `items` holds them, with who points at whom, so that
 * `heapdelta stats --group-by type` counts the same: the census of all objects.
 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "preload/heapdelta.h"
#include "samples/cacheable_config.h"
#include "samples/lib/dict.h"
#include "samples/measure.h"
#include "samples/must.h"

enum { OBJECTS_MAX = 16 };

/* A walk over all that can be reached. */
struct walk {
    struct footprint footprint;
    const struct object *seen[OBJECTS_MAX]; /* so that what is shared counts once */
    size_t seen_count;
};

static void walk_dict(void *memory, void *data)
{
    const struct object *object = memory;
    struct walk *walk = data;

    for (size_t i = 0; i < walk->seen_count; i++)
        if (walk->seen[i] == object)
            return;
    if (walk->seen_count == OBJECTS_MAX)
        abort();
    walk->seen[walk->seen_count++] = object;
    dict_footprint(memory, &walk->footprint);
    dict_visit_objects(memory, walk_dict, walk);
}

/* Print the sizes of OBJECT, which was made since heapdelta measured BEFORE. */
static void show(const char *name, const void *object, const struct footprint *deep, size_t before)
{
    const struct object *header = object;
    size_t measured = measure_traced_bytes() - before;
    size_t reached = 0;

    printf("%-28s %8zu %8zu %8zu %8zu ", name, header->type->size,
           malloc_usable_size((void *)object), deep->requested, deep->blocks);
    if (heapdelta_get_deep_size(object, &reached) == 0)
        printf("%10zu %10zu\n", reached, measured);
    else
        printf("%10s\n", "not traced");
}

/* Metadata as every item has it. */
static struct dict *metadata_new(void)
{
    struct dict *metadata = must(dict_new());

    must_succeed(dict_set(metadata, "a", value_number(1)));
    must_succeed(dict_set(metadata, "b", value_number(2)));
    return metadata;
}

/* An item that is a dictionary of attributes; METADATA may be another's, too. */
static struct dict *item_new(struct dict *metadata)
{
    struct dict *item = must(dict_new());

    must_succeed(dict_set(item, "key", value_text("key")));
    must_succeed(dict_set(item, "value", value_text("value")));
    must_succeed(dict_set(item, "metadata", value_object(metadata)));
    must_succeed(dict_set(item, "hits", value_number(0)));
    return item;
}

static void show_members(void)
{
    size_t before = measure_traced_bytes();
    struct cacheable_config *config = cacheable_config_new("key", "value");
    struct footprint deep = {0};

    cacheable_config_footprint(config, &deep);
    show("two members", config, &deep, before);
    object_release(config);
}

static void show_dictionaries(void)
{
    size_t before = measure_traced_bytes();
    struct dict *metadata = metadata_new();
    struct walk small = {.seen_count = 0};
    struct walk one = {.seen_count = 0};
    struct walk both = {.seen_count = 0};
    struct dict *first, *second;

    walk_dict(metadata, &small);
    show("a dictionary of two", metadata, &small.footprint, before);

    first = item_new(metadata);
    walk_dict(first, &one);
    show("an item, that one in it", first, &one.footprint, before);

    second = item_new(metadata);
    walk_dict(first, &both);
    walk_dict(second, &both);
    show("two items that share it", second, &both.footprint, before);
    printf("  two times one item would be %zu: what is shared is there once\n",
           2 * one.footprint.requested);

    object_release(first);
    object_release(second);
    object_release(metadata);
}

/* Many items: current and peak, and who is there. */
static void show_items(size_t count)
{
    struct dict **items = must(calloc(count + 1, sizeof *items));
    size_t before = measure_traced_bytes();
    struct footprint own = {0};
    size_t current = 0;
    size_t peak = 0;

    heapdelta_reset_peak();
    for (size_t i = 0; i < count; i++) {
        struct dict *metadata = metadata_new();

        items[i] = item_new(metadata);
        object_release(metadata);
    }
    for (size_t i = 0; i < count; i++) {
        struct walk walk = {.seen_count = 0};

        walk_dict(items[i], &walk);
        own.blocks += walk.footprint.blocks;
        own.requested += walk.footprint.requested;
    }
    /* the scratch that is freed at once shows in the peak alone */
    free(must(malloc(own.requested)));
    heapdelta_get_traced_memory(&current, &peak);
    heapdelta_take_graph_snapshot("items");

    printf("%zu items: the program counts %zu bytes in %zu blocks\n", count, own.requested,
           own.blocks);
    if (heapdelta_is_tracing())
        printf("heapdelta measures %zu bytes now, %zu at the peak\n", current - before,
               peak - before);
    printf("objects by type: dict %zu\n", 2 * count);

    for (size_t i = 0; i < count; i++)
        object_release(items[i]);
    free(items);
}

int main(int argc, char **argv)
{
    size_t count = argc > 1 ? strtoul(argv[1], NULL, 10) : 1000;

    printf("%-28s %8s %8s %8s %8s %10s %10s\n", "bytes", "shallow", "usable", "deep", "blocks",
           "reached", "measured");
    show_members();
    show_dictionaries();
    puts("");
    show_items(count);
    return EXIT_SUCCESS;
}
