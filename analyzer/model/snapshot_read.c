#include "model/snapshot_read.h"

#include "format/checksum.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

/* A compressed section may claim this many bytes, and this many more for each byte
 * it has: no heap is so regular, but a few kB that unpack to all our memory are
 * easily written. */
#define UNPACKED_FREE  (64u << 20)
#define UNPACKED_RATIO 1000u

/* What is known of each kind. RECORD: bytes of a struct; numbers of a record of
 * varints, at least; 1 for bytes. */
static const struct kind {
    const char *name;
    uint32_t encoding;
    uint32_t record;
    bool mandatory;
} kinds[SNAPSHOT_KIND_COUNT] = {
    [SNAPSHOT_END] = {"END", 0, 0, true},
    [SNAPSHOT_STRINGS] = {"STRINGS", SNAPSHOT_BYTES, 1, true},
    [SNAPSHOT_PROCESS] = {"PROCESS", SNAPSHOT_FIXED, sizeof(struct snapshot_process), true},
    [SNAPSHOT_MODULES] = {"MODULES", SNAPSHOT_FIXED, sizeof(struct snapshot_module), false},
    [SNAPSHOT_SEGMENTS] = {"SEGMENTS", SNAPSHOT_FIXED, sizeof(struct snapshot_segment), false},
    [SNAPSHOT_FRAMES] = {"FRAMES", SNAPSHOT_VARINT, 3, true},
    [SNAPSHOT_STACKS] = {"STACKS", SNAPSHOT_VARINT, 2, true},
    [SNAPSHOT_COUNTERS] = {"COUNTERS", SNAPSHOT_VARINT, SNAPSHOT_COUNTERS_PER_STACK, false},
    [SNAPSHOT_BLOCKS] = {"BLOCKS", SNAPSHOT_VARINT, 4, true},
    [SNAPSHOT_EPOCHS] = {"EPOCHS", SNAPSHOT_FIXED, sizeof(struct snapshot_epoch), false},
    [SNAPSHOT_THREADS] = {"THREADS", SNAPSHOT_FIXED, sizeof(struct snapshot_thread), false},
    [SNAPSHOT_TIMELINE] = {"TIMELINE", SNAPSHOT_VARINT, 4, false},
    [SNAPSHOT_ACCOUNT] = {"ACCOUNT", SNAPSHOT_FIXED, sizeof(struct snapshot_account), true},
    [SNAPSHOT_SERIES] = {"SERIES", SNAPSHOT_VARINT, 2, false},
    [SNAPSHOT_PARTS] = {"PARTS", SNAPSHOT_FIXED, sizeof(struct snapshot_process), false},
    [SNAPSHOT_ORIGINS] = {"ORIGINS", SNAPSHOT_VARINT, 1, false},
    [SNAPSHOT_GRAPH] = {"GRAPH", SNAPSHOT_FIXED, sizeof(struct snapshot_graph), false},
    [SNAPSHOT_ROOTS] = {"ROOTS", SNAPSHOT_FIXED, sizeof(struct snapshot_root), false},
    [SNAPSHOT_ROOT_FRAMES] = {"ROOT_FRAMES", SNAPSHOT_VARINT, 4, false},
    [SNAPSHOT_ROOT_EDGES] = {"ROOT_EDGES", SNAPSHOT_VARINT, 4, false},
    [SNAPSHOT_EDGES] = {"EDGES", SNAPSHOT_VARINT, 4, false},
    [SNAPSHOT_MODULE_WORDS] = {"MODULE_WORDS", SNAPSHOT_VARINT, 3, false},
    [SNAPSHOT_OWNERS] = {"OWNERS", SNAPSHOT_VARINT, 2, false},
    [SNAPSHOT_TRACKED] = {"TRACKED", SNAPSHOT_VARINT, 4, false},
    [SNAPSHOT_NAMES] = {"NAMES", SNAPSHOT_FIXED, sizeof(struct snapshot_name), false},
    [SNAPSHOT_MEMORY] = {"MEMORY", SNAPSHOT_FIXED, sizeof(struct snapshot_memory), false},
    [SNAPSHOT_MORE_COUNTERS] = {"MORE_COUNTERS", SNAPSHOT_VARINT,
                                SNAPSHOT_ALL_COUNTERS - SNAPSHOT_COUNTERS_PER_STACK, false},
    [SNAPSHOT_PROGRESS] = {"PROGRESS", SNAPSHOT_VARINT, 1, false},
    [SNAPSHOT_SAMPLING] = {"SAMPLING", SNAPSHOT_FIXED, sizeof(struct snapshot_sampling), false},
    [SNAPSHOT_WEIGHTS] = {"WEIGHTS", SNAPSHOT_VARINT, 1, false},
};

static int damaged(const char *path, size_t at, struct error *error, const char *what, ...)
    __attribute__((format(printf, 4, 5)));

static int damaged(const char *path, size_t at, struct error *error, const char *what, ...)
{
    char text[256];
    va_list arguments;

    va_start(arguments, what);
    vsnprintf(text, sizeof(text), what, arguments);
    va_end(arguments);
    return error_set(error, -EBADMSG, "%s: damaged snapshot: at byte %zu: %s", path, at, text);
}

static int cut(const char *path, size_t size, struct error *error, const char *missing)
{
    return error_set(error, -EBADMSG, "%s: snapshot is cut short: it ends at byte %zu, within %s",
                     path, size, missing);
}

int snapshot_read_damage(const struct snapshot_sections *sections, enum snapshot_kind kind,
                         size_t at, struct error *error, const char *what, ...)
{
    const struct snapshot_payload *payload = &sections->kinds[kind];
    char text[256];
    va_list arguments;

    va_start(arguments, what);
    vsnprintf(text, sizeof(text), what, arguments);
    va_end(arguments);
    if (payload->unpacked)
        return damaged(sections->path, payload->offset, error, "section %s, byte %zu unpacked: %s",
                       kinds[kind].name, at, text);
    return damaged(sections->path, payload->offset + at, error, "section %s: %s", kinds[kind].name,
                   text);
}

int snapshot_read_header(const void *data, size_t size, const char *path, struct error *error)
{
    struct snapshot_header header = {0};
    size_t magic_size = size < sizeof(header.magic) ? size : sizeof(header.magic);

    if (size == 0)
        return error_set(error, -EBADMSG, "%s: not a snapshot: it is empty", path);
    if (memcmp(data, SNAPSHOT_MAGIC, magic_size) != 0)
        return error_set(error, -EBADMSG,
                         "%s: not a heapdelta snapshot: it does not begin with " SNAPSHOT_MAGIC,
                         path);
    if (size < sizeof(header))
        return cut(path, size, error, "its header");
    memcpy(&header, data, sizeof(header));
    if (header.version > SNAPSHOT_VERSION)
        return error_set(error, -EPROTONOSUPPORT,
                         "%s: snapshot of version %" PRIu32 " (at byte 8), this heapdelta reads up "
                         "to version %u; a newer one is needed",
                         path, header.version, SNAPSHOT_VERSION);
    if (header.version == 0)
        return damaged(path, offsetof(struct snapshot_header, version), error,
                       "there is no version 0");
    if (header.header_size < sizeof(header))
        return damaged(path, offsetof(struct snapshot_header, header_size), error,
                       "header of %" PRIu32 " bytes is too small", header.header_size);
    return 0;
}

/* Check the checksum of the section AT bytes into the file, whose payload is there. */
static int check_sum(const struct snapshot_section *section, const uint8_t *payload, size_t at,
                     const char *name, const char *path, struct error *error)
{
    struct checksum sum;

    checksum_init(&sum);
    checksum_add(&sum, payload, section->length);
    checksum_add(&sum, section, offsetof(struct snapshot_section, checksum));
    if (checksum_value(&sum) == section->checksum)
        return 0;
    return damaged(path, at, error, "the checksum of section %s (%" PRIu64 " bytes) is wrong", name,
                   section->length);
}

/* Decompress the payload at DATA of SECTION, which begins AT bytes into the file. */
static int unpack(const struct snapshot_section *section, const uint8_t *data, size_t at,
                  const char *name, const char *path, uint8_t **out_unpacked, struct error *error)
{
    uint8_t *unpacked;
    size_t size;

    if (section->raw_length > UNPACKED_FREE &&
        section->raw_length - UNPACKED_FREE > section->length * UNPACKED_RATIO)
        return damaged(path, at, error,
                       "section %s claims to unpack %" PRIu64 " bytes to %" PRIu64
                       ": refused as a zip bomb",
                       name, section->length, section->raw_length);
    size = ZSTD_findFrameCompressedSize(data, section->length);
    if (ZSTD_isError(size) || size != section->length)
        return damaged(path, at, error, "section %s is not one zstd frame", name);
    unpacked = malloc(section->raw_length + 1);
    if (!unpacked)
        return error_set(error, -ENOMEM,
                         "%s: not enough memory for the %" PRIu64 " bytes of section %s", path,
                         section->raw_length, name);
    size = ZSTD_decompress(unpacked, section->raw_length, data, section->length);
    if (ZSTD_isError(size) || size != section->raw_length) {
        free(unpacked);
        return damaged(path, at, error, "section %s does not unpack to %" PRIu64 " bytes: %s", name,
                       section->raw_length,
                       ZSTD_isError(size) ? ZSTD_getErrorName(size) : "fewer came out");
    }
    *out_unpacked = unpacked;
    return 0;
}

/* Check that COUNT records of KIND fit its SIZE bytes, so that no more memory is
 * taken for records than the file is worth. */
static bool count_fits(const struct kind *kind, uint64_t count, uint64_t size)
{
    if (kind->encoding == SNAPSHOT_VARINT)
        return count <= size / kind->record; /* a number has at least one byte */
    return count == size / kind->record && size % kind->record == 0;
}

/* Check SECTION of a known kind, AT bytes into the file, and put it into PAYLOAD. */
static int read_section(const struct snapshot_section *section, const uint8_t *data, size_t at,
                        const char *path, struct snapshot_payload *payload, struct error *error)
{
    const struct kind *kind = &kinds[section->kind];
    bool compressed = section->encoding & SNAPSHOT_ZSTD;
    uint8_t *unpacked = NULL;
    int result;

    if (payload->present)
        return damaged(path, at, error, "a second section %s", kind->name);
    if ((section->encoding & ~(uint32_t)SNAPSHOT_ZSTD) != kind->encoding)
        return damaged(path, at + offsetof(struct snapshot_section, encoding), error,
                       "section %s has the unknown encoding %#" PRIx32, kind->name,
                       section->encoding);
    if (!compressed && section->raw_length != section->length)
        return damaged(path, at + offsetof(struct snapshot_section, raw_length), error,
                       "section %s is not compressed, yet has two lengths", kind->name);
    if (!count_fits(kind, section->count, section->raw_length))
        return damaged(path, at + offsetof(struct snapshot_section, count), error,
                       "section %s: %" PRIu64 " records cannot have %" PRIu64 " bytes", kind->name,
                       section->count, section->raw_length);
    if (compressed) {
        result = unpack(section, data, at, kind->name, path, &unpacked, error);
        if (result != 0)
            return result;
    }
    *payload = (struct snapshot_payload){
        .data = compressed ? unpacked : data,
        .size = section->raw_length,
        .count = section->count,
        .offset = at + sizeof(*section),
        .present = true,
        .unpacked = unpacked,
    };
    return 0;
}

/* Read the section AT bytes into DATA and move AT behind it. */
static int read_next(const uint8_t *data, size_t size, size_t *at, uint32_t wanted,
                     struct snapshot_sections *sections, struct error *error)
{
    const char *path = sections->path;
    struct snapshot_section section;
    const uint8_t *payload;
    char name[32];
    size_t begin = *at;
    int result;

    if (size == begin)
        return error_set(error, -EBADMSG,
                         "%s: snapshot is cut short: it ends at byte %zu, before its last section",
                         path, size);
    if (size - begin < sizeof(section))
        return cut(path, size, error, "the header of a section");
    memcpy(&section, data + begin, sizeof(section));
    payload = data + begin + sizeof(section);

    if (section.kind < SNAPSHOT_KIND_COUNT)
        snprintf(name, sizeof(name), "%s", kinds[section.kind].name);
    else
        snprintf(name, sizeof(name), "%" PRIu32, section.kind);
    if (section.length > size - begin - sizeof(section))
        return error_set(error, -EBADMSG,
                         "%s: snapshot is cut short: section %s at byte %zu should have %" PRIu64
                         " bytes, the file ends at byte %zu",
                         path, name, begin, section.length, size);
    *at = begin + sizeof(section) + section.length;
    if (!(wanted & (section.kind < SNAPSHOT_KIND_COUNT ? 1u << section.kind
                                                       : SNAPSHOT_READ_UNKNOWN)))
        return 0;
    result = check_sum(&section, payload, begin, name, path, error);
    if (result != 0)
        return result;
    if (section.kind == SNAPSHOT_END) {
        if (section.length != 0 || section.count != *at)
            return damaged(path, begin, error, "the end says that the file has %" PRIu64 " bytes",
                           section.count);
        sections->kinds[SNAPSHOT_END].present = true;
        return 0;
    }
    if (section.kind >= SNAPSHOT_KIND_COUNT)
        return 0; /* from a later heapdelta, and not needed to understand the rest */
    return read_section(&section, payload, begin, path, &sections->kinds[section.kind], error);
}

/* Does the process say that there are no blocks? */
static bool is_counters_only(const struct snapshot_sections *sections)
{
    const struct snapshot_payload *payload = &sections->kinds[SNAPSHOT_PROCESS];
    struct snapshot_process process;

    if (payload->count == 0)
        return false;
    memcpy(&process, payload->data, sizeof(process));
    return process.flags & SNAPSHOT_COUNTERS_ONLY;
}

int snapshot_read(const void *data, size_t size, const char *path, uint32_t wanted,
                  struct snapshot_sections *out_sections, struct error *error)
{
    struct snapshot_sections sections = {.path = path};
    struct snapshot_header header;
    size_t at;
    int result = snapshot_read_header(data, size, path, error);

    if (result != 0)
        return result;
    memcpy(&header, data, sizeof(header));
    at = header.header_size;
    if (at > size)
        return cut(path, size, error, "its header");

    while (!sections.kinds[SNAPSHOT_END].present) {
        result = read_next(data, size, &at, wanted | 1u << SNAPSHOT_END, &sections, error);
        if (result != 0)
            goto fail;
    }
    if (at != size) {
        result = damaged(path, at, error, "%zu bytes behind the end", size - at);
        goto fail;
    }
    for (size_t i = 0; i < SNAPSHOT_KIND_COUNT; i++) {
        if (i == SNAPSHOT_BLOCKS && is_counters_only(&sections))
            continue;
        if (kinds[i].mandatory && wanted & 1u << i && !sections.kinds[i].present) {
            result = damaged(path, size, error, "there is no section %s", kinds[i].name);
            goto fail;
        }
    }
    *out_sections = sections;
    return 0;

fail:
    snapshot_read_finish(&sections);
    return result;
}

void snapshot_read_finish(struct snapshot_sections *sections)
{
    for (size_t i = 0; i < SNAPSHOT_KIND_COUNT; i++)
        free(sections->kinds[i].unpacked);
    memset(sections, 0, sizeof(*sections));
}
