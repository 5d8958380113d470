/* config_item_layout.c - what an item of a configuration costs, by how it is laid out.
 *
 *   config_item_layout [OBJECTS]      (default 10000)
 *
 * Every item has a key, a value, metadata (a dictionary of its own) and a count of
 * hits. The classes are those that Python programs choose from:
 *
 *   StandardConfig     a dictionary of attributes for each object: any name, at any time
 *   DataclassConfig    the same; only the constructor is generated, here from a table
 *   SlottedConfig      a member for each attribute (`__slots__`)
 *   SlottedDataclass   the same, with a table of names and offsets, one for the class
 *   PackedConfig       what C can do beyond: no header, no pointer to it, one array
 *
 *   StandardConfig ┌────────┬──────────┬───┐    ┌──────┐   ┌─────┬───────┬──
 *                  │ object │ weakrefs │ ●─┼──▶ │ dict │──▶│ key │ value │ …  four entries,
 *                  └────────┴──────────┴───┘    └──────┘   └─────┴───────┴──  a table
 *   SlottedConfig  ┌────────┬─────┬───────┬──────────┬──────┐
 *                  │ object │ key │ value │ metadata │ hits │
 *                  └────────┴─────┴───────┴──────────┴──────┘
 *
 * All have the same texts and metadata: the differences are the layout.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "samples/layout_table.h"
#include "samples/lib/dict.h"
#include "samples/must.h"

/* What the NUMBER-th item is made of; the texts are new, and its owner's. */
static char *numbered(const char *prefix, size_t number)
{
    char text[32];

    snprintf(text, sizeof text, "%s_%zu", prefix, number);
    return must(strdup(text));
}

static struct dict *metadata_of(size_t number)
{
    struct dict *metadata = must(dict_new());

    must_succeed(dict_set(metadata, "index", value_number((double)number)));
    return metadata;
}

/* StandardConfig and DataclassConfig: attributes by name. */

struct standard_config {
    struct object object;
    struct weakref *weakrefs;
    struct dict *attributes;
};

static void standard_finish(void *object)
{
    struct standard_config *config = object;

    object_release(config->attributes);
}

static const struct object_type standard_type = {
    .name = "StandardConfig",
    .size = sizeof(struct standard_config),
    .finish = standard_finish,
    .weakrefs_offset = offsetof(struct standard_config, weakrefs),
};

static struct standard_config *standard_with_attributes(void)
{
    struct standard_config *config =
        must(object_init(malloc(sizeof(struct standard_config)), &standard_type));

    config->attributes = must(dict_new());
    return config;
}

/* A constructor as one writes it, attribute by attribute. */
static void *standard_new(size_t number)
{
    struct standard_config *config = standard_with_attributes();
    char *key = numbered("key", number);
    char *value = numbered("value", number);
    struct dict *metadata = metadata_of(number);

    must_succeed(dict_set(config->attributes, "key", value_text(key)));
    must_succeed(dict_set(config->attributes, "value", value_text(value)));
    must_succeed(dict_set(config->attributes, "metadata", value_object(metadata)));
    must_succeed(dict_set(config->attributes, "hits", value_number(0)));
    free(key);
    free(value);
    object_release(metadata);
    return config;
}

/* A constructor that knows its fields from a table, as a dataclass's does. */
static void *dataclass_new(size_t number)
{
    static const char *const fields[] = {"key", "value", "metadata", "hits"};
    struct standard_config *config = standard_with_attributes();
    char *key = numbered("key", number);
    char *value = numbered("value", number);
    struct dict *metadata = metadata_of(number);
    const struct value values[] = {value_text(key), value_text(value), value_object(metadata),
                                   value_number(0)};

    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        must_succeed(dict_set(config->attributes, fields[i], values[i]));
    free(key);
    free(value);
    object_release(metadata);
    return config;
}

static void standard_count_blocks(const void *object, struct footprint *footprint)
{
    const struct standard_config *config = object;

    footprint_add(footprint, config, sizeof *config);
    dict_footprint(config->attributes, footprint);
    dict_footprint(dict_get(config->attributes, "metadata")->object, footprint);
}

/* SlottedConfig: a member for each attribute. */

struct slotted_config {
    struct object object;
    char *key;
    char *value;
    struct dict *metadata;
    long hits;
};

static void slotted_finish(void *object)
{
    struct slotted_config *config = object;

    free(config->key);
    free(config->value);
    object_release(config->metadata);
}

static const struct object_type slotted_type = {
    .name = "SlottedConfig",
    .size = sizeof(struct slotted_config),
    .finish = slotted_finish,
};

static void *slotted_new(size_t number)
{
    struct slotted_config *config =
        must(object_init(malloc(sizeof(struct slotted_config)), &slotted_type));

    config->key = numbered("key", number);
    config->value = numbered("value", number);
    config->metadata = metadata_of(number);
    return config;
}

static void slotted_count_blocks(const void *object, struct footprint *footprint)
{
    const struct slotted_config *config = object;

    footprint_add(footprint, config, sizeof *config);
    footprint_add_string(footprint, config->key);
    footprint_add_string(footprint, config->value);
    dict_footprint(config->metadata, footprint);
}

/* SlottedDataclass: the same members, and where to find each by its name. The table
 * belongs to the class; an object pays nothing for it. */

static const struct field {
    const char *name;
    size_t offset;
} slotted_fields[] = {
    {"key", offsetof(struct slotted_config, key)},
    {"value", offsetof(struct slotted_config, value)},
    {"metadata", offsetof(struct slotted_config, metadata)},
};

/* Where CONFIG has its pointer NAME. */
static void **slotted_field(struct slotted_config *config, const char *name)
{
    for (size_t i = 0; i < sizeof slotted_fields / sizeof *slotted_fields; i++)
        if (strcmp(slotted_fields[i].name, name) == 0)
            return (void **)((char *)config + slotted_fields[i].offset);
    return must(NULL);
}

static void *slotted_dataclass_new(size_t number)
{
    struct slotted_config *config =
        must(object_init(malloc(sizeof(struct slotted_config)), &slotted_type));

    *slotted_field(config, "key") = numbered("key", number);
    *slotted_field(config, "value") = numbered("value", number);
    *slotted_field(config, "metadata") = metadata_of(number);
    return config;
}

/* PackedConfig: nothing but the attributes, one after the other. */

struct packed_config {
    char *key;
    char *value;
    struct dict *metadata;
    long hits;
};

static void *packed_create(size_t count)
{
    struct packed_config *configs = must(malloc(count * sizeof *configs));

    for (size_t i = 0; i < count; i++)
        configs[i] = (struct packed_config){
            .key = numbered("key", i),
            .value = numbered("value", i),
            .metadata = metadata_of(i),
        };
    return configs;
}

static void packed_count_blocks(const void *array, size_t count, struct footprint *footprint)
{
    const struct packed_config *configs = array;

    footprint_add(footprint, configs, count * sizeof *configs);
    for (size_t i = 0; i < count; i++) {
        footprint_add_string(footprint, configs[i].key);
        footprint_add_string(footprint, configs[i].value);
        dict_footprint(configs[i].metadata, footprint);
    }
}

static void packed_destroy(void *array, size_t count)
{
    struct packed_config *configs = array;

    for (size_t i = 0; i < count; i++) {
        free(configs[i].key);
        free(configs[i].value);
        object_release(configs[i].metadata);
    }
    free(configs);
}

int main(int argc, char **argv)
{
    static const struct layout layouts[] = {
        {"StandardConfig", .create = standard_new, .count_blocks = standard_count_blocks},
        {"SlottedConfig", .create = slotted_new, .count_blocks = slotted_count_blocks},
        {"DataclassConfig", .create = dataclass_new, .count_blocks = standard_count_blocks},
        {"SlottedDataclass", .create = slotted_dataclass_new, .count_blocks = slotted_count_blocks},
        {"PackedConfig", .create_all = packed_create, .count_all_blocks = packed_count_blocks,
         .destroy_all = packed_destroy},
        {0},
    };

    layout_table(layouts, layout_count(argc, argv, 10000));
    return EXIT_SUCCESS;
}
