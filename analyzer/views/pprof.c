#include "views/pprof.h"

#include "pprof.pb-c.h"
#include "views/gzip.h"
#include "views/utf8.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

/* The order of the sample types, and so of the values of a sample. */
static const struct {
    const char *type, *unit;
    enum profile_value value;
} types[] = {
    {"alloc_objects", "count", PROFILE_ALLOCATIONS},
    {"alloc_space", "bytes", PROFILE_ALLOCATED_BYTES},
    {"inuse_objects", "count", PROFILE_BLOCKS},
    {"inuse_space", "bytes", PROFILE_BYTES},
};
#define TYPE_COUNT (sizeof(types) / sizeof(types[0]))
#define MAIN_TYPE  (TYPE_COUNT - 1)

/* A text of the table, a module, or a function: told by one or two texts. */
struct entry {
    const char *key[2];
    uint64_t number;
    UT_hash_handle hh;
};

struct building {
    Pprof__Profile message;
    size_t text_room, mapping_room, function_room;
    struct entry *texts, *mappings, *functions;
    bool failed;
};

/* The entry of KEY in TABLE, with the number NUMBER if it is new. NULL for lack of memory. */
static struct entry *find(struct entry **table, const char *key, const char *other, uint64_t number)
{
    const char *both[2] = {key, other};
    struct entry *entry;

    HASH_FIND(hh, *table, both, sizeof(both), entry);
    if (entry)
        return entry;
    entry = calloc(1, sizeof(*entry));
    if (!entry)
        return NULL;
    memcpy(entry->key, both, sizeof(both));
    entry->number = number;
    HASH_ADD(hh, *table, key, sizeof(both), entry);
    if (!entry->hh.tbl) {
        free(entry);
        return NULL;
    }
    return entry;
}

static void free_table(struct entry **table)
{
    struct entry *entry, *next;

    HASH_ITER(hh, *table, entry, next) {
        HASH_DEL(*table, entry);
        free(entry);
    }
}

/* Make room for one more in the ARRAY of *ROOM elements of SIZE bytes, COUNT of them used. */
static bool grow(struct building *building, void *array, size_t count, size_t *room, size_t size)
{
    size_t wanted = *room ? 2 * *room : 64;
    void **where = array, *grown;

    if (count < *room)
        return true;
    grown = realloc(*where, wanted * size);
    if (!grown) {
        building->failed = true;
        return false;
    }
    *where = grown;
    *room = wanted;
    return true;
}

/* A copy of TEXT that is UTF-8, as protobuf wants it. */
static char *clean_text(const char *text)
{
    char *clean = malloc(3 * strlen(text) + 1), *end = clean;

    while (clean && *text) {
        uint32_t code;
        size_t size = utf8_next(text, &code);

        memcpy(end, size ? text : "\xef\xbf\xbd", size ? size : 3);
        end += size ? size : 3;
        text += size ? size : 1;
    }
    if (clean)
        *end = '\0';
    return clean;
}

/* The index of TEXT in the table; 0 if it is NULL. Equal texts of a profile are the same pointer. */
static int64_t put_text(struct building *building, const char *text)
{
    Pprof__Profile *message = &building->message;
    size_t count = message->n_string_table;
    struct entry *entry;

    if (!text)
        return 0;
    entry = find(&building->texts, text, NULL, count);
    if (!entry || (entry->number == count &&
                   !grow(building, &message->string_table, count, &building->text_room,
                         sizeof(char *)))) {
        building->failed = true;
        return 0;
    }
    if (entry->number == count) {
        message->string_table[count] = clean_text(text);
        building->failed |= !message->string_table[count];
        message->n_string_table += !building->failed;
    }
    return (int64_t)entry->number;
}

static Pprof__ValueType *make_type(struct building *building, const char *type, const char *unit)
{
    Pprof__ValueType *made = malloc(sizeof(*made));

    if (!made) {
        building->failed = true;
        return NULL;
    }
    pprof__value_type__init(made);
    made->type = put_text(building, type);
    made->unit = put_text(building, unit);
    return made;
}

static void put_types(struct building *building)
{
    Pprof__Profile *message = &building->message;

    message->sample_type = calloc(TYPE_COUNT, sizeof(*message->sample_type));
    building->failed |= !message->sample_type;
    for (size_t i = 0; i < TYPE_COUNT && !building->failed; i++) {
        message->sample_type[i] = make_type(building, types[i].type, types[i].unit);
        message->n_sample_type += !building->failed;
    }
    message->default_sample_type = put_text(building, types[MAIN_TYPE].type);
}

static uint64_t put_mapping(struct building *building, const char *module)
{
    Pprof__Profile *message = &building->message;
    uint64_t number = message->n_mapping + 1;
    struct entry *entry = find(&building->mappings, module, NULL, number);
    Pprof__Mapping *mapping;

    if (!entry || entry->number != number) {
        building->failed |= !entry;
        return entry ? entry->number : 0;
    }
    if (!grow(building, &message->mapping, message->n_mapping, &building->mapping_room,
              sizeof(*message->mapping)) ||
        !(mapping = malloc(sizeof(*mapping)))) {
        building->failed = true;
        return 0;
    }
    pprof__mapping__init(mapping);
    mapping->id = number;
    mapping->filename = put_text(building, module);
    mapping->has_functions = mapping->has_filenames = true;
    mapping->has_line_numbers = mapping->has_inline_frames = true;
    message->mapping[message->n_mapping++] = mapping;
    return number;
}

static uint64_t put_function(struct building *building, const char *name, const char *file)
{
    Pprof__Profile *message = &building->message;
    uint64_t number = message->n_function + 1;
    struct entry *entry = find(&building->functions, name, file, number);
    Pprof__Function *function;

    if (!entry || entry->number != number) {
        building->failed |= !entry;
        return entry ? entry->number : 0;
    }
    if (!grow(building, &message->function, message->n_function, &building->function_room,
              sizeof(*message->function)) ||
        !(function = malloc(sizeof(*function)))) {
        building->failed = true;
        return 0;
    }
    pprof__function__init(function);
    function->id = number;
    function->name = put_text(building, name);
    /* No system name: where it equals the name, pprof takes arguments and templates away. */
    function->filename = put_text(building, file);
    message->function[message->n_function++] = function;
    return number;
}

/* A location per frame. */
static void put_frames(struct building *building, const struct profile *profile)
{
    Pprof__Profile *message = &building->message;

    message->location = calloc(profile->frame_count + 1, sizeof(*message->location));
    building->failed |= !message->location;
    for (size_t i = 0; i < profile->frame_count && !building->failed; i++) {
        const struct profile_frame *frame = &profile->frames[i];
        struct {
            Pprof__Location location;
            Pprof__Line line;
            Pprof__Line *lines[1];
        } *made = malloc(sizeof(*made));

        if (!made) {
            building->failed = true;
            return;
        }
        pprof__location__init(&made->location);
        pprof__line__init(&made->line);
        made->lines[0] = &made->line;
        made->location.id = i + 1;
        made->location.mapping_id = put_mapping(building, frame->module ? frame->module : "");
        made->location.line = made->lines;
        made->location.n_line = 1;
        made->line.function_id = put_function(building, frame->name, frame->file);
        made->line.line = frame->line;
        message->location[message->n_location++] = &made->location;
    }
}

/* A sample for each node that holds anything, or did. */
static void put_samples(struct building *building, const struct profile *profile)
{
    Pprof__Profile *message = &building->message;

    message->sample = calloc(profile->node_count, sizeof(*message->sample));
    building->failed |= !message->sample;
    for (uint32_t i = 1; i < profile->node_count && !building->failed; i++) {
        size_t length = 0, at = 0;
        uint64_t any = 0;
        struct {
            Pprof__Sample sample;
            int64_t values[TYPE_COUNT];
            uint64_t locations[];
        } *made;

        for (size_t j = 0; j < TYPE_COUNT; j++)
            any |= profile_own(profile, i, 0, types[j].value);
        if (!any)
            continue;
        for (uint32_t node = i; node; node = profile->nodes[node].parent)
            length++;
        made = malloc(sizeof(*made) + length * sizeof(uint64_t));
        if (!made) {
            building->failed = true;
            return;
        }
        pprof__sample__init(&made->sample);
        for (uint32_t node = i; node; node = profile->nodes[node].parent)
            made->locations[at++] = profile->nodes[node].frame + 1;
        for (size_t j = 0; j < TYPE_COUNT; j++)
            made->values[j] = (int64_t)profile_own(profile, i, 0, types[j].value);
        made->sample.location_id = made->locations;
        made->sample.n_location_id = length;
        made->sample.value = made->values;
        made->sample.n_value = TYPE_COUNT;
        message->sample[message->n_sample++] = &made->sample;
    }
}

/* Whatever was made is one block of malloc each. */
static void finish(struct building *building)
{
    Pprof__Profile *message = &building->message;

    for (size_t i = 0; i < message->n_sample_type; i++)
        free(message->sample_type[i]);
    for (size_t i = 0; i < message->n_sample; i++)
        free(message->sample[i]);
    for (size_t i = 0; i < message->n_mapping; i++)
        free(message->mapping[i]);
    for (size_t i = 0; i < message->n_location; i++)
        free(message->location[i]);
    for (size_t i = 0; i < message->n_function; i++)
        free(message->function[i]);
    for (size_t i = 0; i < message->n_string_table; i++)
        free(message->string_table[i]);
    free(message->sample_type);
    free(message->sample);
    free(message->mapping);
    free(message->location);
    free(message->function);
    free(message->string_table);
    free(message->period_type);
    free(message->comment);
    free_table(&building->texts);
    free_table(&building->mappings);
    free_table(&building->functions);
}

/* Put what ABOUT tells of the whole. */
static void put_about(struct building *building, const struct pprof_about *about)
{
    Pprof__Profile *message = &building->message;

    message->time_nanos = (int64_t)about->time;
    message->duration_nanos = (int64_t)about->duration;
    message->period_type = make_type(building, "space", "bytes");
    message->period = (int64_t)about->period;
    message->comment = malloc(sizeof(*message->comment));
    building->failed |= !message->comment;
    if (message->comment)
        message->comment[message->n_comment++] = put_text(building, about->comment);
}

int pprof_print(FILE *out, const struct profile *profile, const struct pprof_about *about)
{
    struct building building = {0};
    uint8_t *packed = NULL;
    void *zipped = NULL;
    size_t size = 0;
    int result = -ENOMEM;

    pprof__profile__init(&building.message);
    put_text(&building, "");
    put_types(&building);
    put_frames(&building, profile);
    put_samples(&building, profile);
    put_about(&building, about);
    if (!building.failed) {
        size = pprof__profile__get_packed_size(&building.message);
        packed = malloc(size);
    }
    if (packed) {
        pprof__profile__pack(&building.message, packed);
        result = gzip_compress(packed, size, &zipped, &size);
    }
    if (result == 0)
        fwrite(zipped, 1, size, out);
    free(packed);
    free(zipped);
    finish(&building);
    return result;
}
