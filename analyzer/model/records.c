#include "model/records.h"

#include "format/checksum.h"
#include "format/varint.h"
#include "model/record_kinds.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

/* A section may not unpack to more than this, and this much for each of its bytes. */
#define UNPACKED_FREE  ((uint64_t)64 << 20)
#define UNPACKED_RATIO 1000

/* The fields of a point of the series; the others are of its changes. */
#define POINT_FIELDS  2
#define SERIES_FIELDS 5

/* Bytes, of the file or unpacked. */
struct span {
    const uint8_t *data;
    size_t size;
};

struct records {
    const char *path;
    struct span file;
    bool is_mapped;
    struct snapshot_header header;
    struct span strings;
    uint8_t *unpacked_strings;
    size_t next_section; /* offset in the file */
    bool ended;

    /* The section that is read. */
    const struct record_kind *kind; /* NULL: none, or of an unknown kind */
    struct records_section section;
    struct span payload;
    uint8_t *unpacked;
    size_t at; /* in the payload */
    uint64_t index;
    uint64_t changes;                           /* left of the point, in the series */
    uint64_t before[RECORDS_FIELDS_MAX];        /* the record before, for the deltas */
    char texts[RECORDS_FIELDS_MAX][2 * 32 + 1]; /* made for values that have none */
};

/* Map the file PATH. */
static int map_file(const char *path, struct span *out_file, struct error *error)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat status;
    void *data;
    int result = 0;

    if (fd < 0 || fstat(fd, &status) < 0) {
        result = -errno;
    } else if (!S_ISREG(status.st_mode)) {
        close(fd);
        return error_set(error, -EINVAL, "%s: not a file", path);
    } else if (status.st_size == 0) {
        *out_file = (struct span){NULL, 0};
    } else {
        data = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (data == MAP_FAILED)
            result = -errno;
        else
            *out_file = (struct span){data, (size_t)status.st_size};
    }
    if (fd >= 0)
        close(fd);
    if (result)
        return error_set(error, result, "can't read %s: %s", path, strerror(-result));
    return 0;
}

static bool checksum_is_good(const struct snapshot_section *head, const uint8_t *payload)
{
    struct checksum sum;

    checksum_init(&sum);
    checksum_add(&sum, payload, head->length);
    checksum_add(&sum, head, offsetof(struct snapshot_section, checksum));
    return checksum_value(&sum) == head->checksum;
}

/* Read the head of the section at OFFSET. Returns 1, or 0 if its payload reaches past the end of
 * the file, with what is there as PAYLOAD; -EBADMSG if the head does. */
static int read_head(const struct records *records, size_t offset, struct snapshot_section *head,
                     struct span *payload)
{
    size_t left = records->file.size - offset;

    if (left < sizeof(*head))
        return -EBADMSG;
    memcpy(head, records->file.data + offset, sizeof(*head));
    payload->data = records->file.data + offset + sizeof(*head);
    left -= sizeof(*head);
    payload->size = head->length < left ? head->length : left;
    return head->length <= left;
}

/* Decompress the payload of HEAD, which is packed by zstd. Returns the bytes for free() and sets
 * PAYLOAD to them, or NULL. */
static uint8_t *unpack(const struct snapshot_section *head, struct span *payload)
{
    uint8_t *unpacked;
    size_t size;

    if (head->raw_length > UNPACKED_FREE + payload->size * UNPACKED_RATIO)
        return NULL;
    unpacked = malloc(head->raw_length + 1);
    if (!unpacked)
        return NULL;
    size = ZSTD_decompress(unpacked, head->raw_length, payload->data, payload->size);
    if (ZSTD_isError(size)) {
        free(unpacked);
        return NULL;
    }
    *payload = (struct span){unpacked, size};
    return unpacked;
}

/* Other sections name strings, and may come before them. */
static void find_strings(struct records *records)
{
    struct snapshot_section head;
    struct span payload;

    for (size_t offset = records->next_section; read_head(records, offset, &head, &payload) == 1;
         offset += sizeof(head) + head.length) {
        if (head.kind != SNAPSHOT_STRINGS)
            continue;
        if (head.encoding & SNAPSHOT_ZSTD) {
            records->unpacked_strings = unpack(&head, &payload);
            if (!records->unpacked_strings)
                return;
        }
        records->strings = payload;
        return;
    }
}

int records_parse(const void *data, size_t size, const char *path, struct records **out_records,
                  struct error *error)
{
    struct snapshot_header header = {0};
    struct records *records;

    if (size < sizeof(header))
        return error_set(error, -EBADMSG, "%s: not a snapshot: it has only %zu bytes", path, size);
    memcpy(&header, data, sizeof(header));
    if (memcmp(header.magic, SNAPSHOT_MAGIC, sizeof(header.magic)) != 0)
        return error_set(error, -EBADMSG,
                         "%s: not a heapdelta snapshot: it does not begin with " SNAPSHOT_MAGIC,
                         path);
    if (header.header_size < sizeof(header) || header.header_size > size)
        return error_set(error, -EBADMSG,
                         "%s: damaged snapshot: at byte 12: a header of %" PRIu32 " bytes", path,
                         header.header_size);
    records = calloc(1, sizeof(*records));
    if (!records)
        return error_set(error, -ENOMEM, "%s: out of memory", path);
    records->path = path;
    records->file = (struct span){data, size};
    records->header = header;
    records->next_section = header.header_size;
    find_strings(records);
    *out_records = records;
    return 0;
}

int records_open(const char *path, struct records **out_records, struct error *error)
{
    struct span file = {NULL, 0};
    int result = map_file(path, &file, error);

    if (result)
        return result;
    result = records_parse(file.data, file.size, path, out_records, error);
    if (!result)
        (*out_records)->is_mapped = true;
    else if (file.data)
        munmap((void *)file.data, file.size);
    return result;
}

void records_close(struct records *records)
{
    if (!records)
        return;
    if (records->is_mapped)
        munmap((void *)records->file.data, records->file.size);
    free(records->unpacked_strings);
    free(records->unpacked);
    free(records);
}

const struct snapshot_header *records_header(const struct records *records)
{
    return &records->header;
}

/* Say how the records of KIND look. */
static void describe_fields(const struct record_kind *kind, struct records_section *section)
{
    if (!kind->fields[0].name)
        return;
    section->fields[section->field_count++] = (struct records_field){"number", RECORDS_NUMBER};
    for (const struct record_field *field = kind->fields; field->name; field++) {
        static const enum records_show shows[] = {
            [RECORD_NUMBER] = RECORDS_NUMBER,
            [RECORD_SIGNED] = RECORDS_SIGNED,
            [RECORD_ADDRESS] = RECORDS_ADDRESS,
            [RECORD_STRING] = RECORDS_TEXT,
            [RECORD_BYTES] = RECORDS_TEXT,
        };

        if (field->type != RECORD_PADDING)
            section->fields[section->field_count++] =
                (struct records_field){field->name, shows[field->type]};
    }
}

int records_next_section(struct records *records, struct records_section *out_section,
                         struct error *error)
{
    struct records_section *section = &records->section;
    size_t offset = records->next_section;
    int result;

    if (records->ended)
        return 0;
    *section = (struct records_section){.name = "unknown", .offset = offset};
    free(records->unpacked);
    records->unpacked = NULL;
    records->kind = NULL;
    records->at = 0;
    records->index = 0;
    records->changes = 0;
    memset(records->before, 0, sizeof(records->before));

    if (offset == records->file.size)
        return error_set(error, -EBADMSG,
                         "%s: snapshot is cut short: it ends at byte %zu, before its last section",
                         records->path, offset);
    result = read_head(records, offset, &section->head, &records->payload);
    if (result < 0)
        return error_set(error, -EBADMSG,
                         "%s: snapshot is cut short: it ends at byte %zu, within the head of a "
                         "section",
                         records->path, records->file.size);
    section->checksum_ok = result == 1 && checksum_is_good(&section->head, records->payload.data);
    if (result == 1) {
        records->next_section = offset + sizeof(section->head) + section->head.length;
        records->ended = section->head.kind == SNAPSHOT_END;
    } else {
        records->next_section = records->file.size; /* what is there of it may still be read */
    }
    if (section->head.kind < record_kind_count) {
        const struct record_kind *kind = &record_kinds[section->head.kind];

        section->name = kind->name;
        if ((section->head.encoding & ~(uint32_t)SNAPSHOT_ZSTD) == kind->encoding) {
            records->kind = kind;
            describe_fields(kind, section);
        }
    }
    *out_section = *section;
    return 1;
}

static int damaged(const struct records *records, const char *what, struct error *error)
{
    return error_set(error, -EBADMSG,
                     "%s: damaged snapshot: section %s at byte %" PRIu64 ", record %" PRIu64
                     ", byte %zu of its payload: %s",
                     records->path, records->section.name, records->section.offset, records->index,
                     records->at, what);
}

/* The string at OFFSET; NULL if there is none. */
static const char *string_at(const struct records *records, uint64_t offset)
{
    const uint8_t *text = records->strings.data + offset;

    if (offset >= records->strings.size ||
        !memchr(text, '\0', records->strings.size - (size_t)offset))
        return NULL;
    return (const char *)text;
}

static const char *to_hex(char *buffer, const uint8_t *data, size_t size)
{
    for (size_t i = 0; i < size; i++)
        sprintf(buffer + 2 * i, "%02x", data[i]);
    return buffer;
}

/* The next string of the section of strings itself; its number is its offset. */
static int next_string(struct records *records, struct records_value *values, struct error *error)
{
    const uint8_t *text = records->payload.data + records->at;
    const uint8_t *end;

    if (records->at == records->payload.size)
        return 0;
    end = memchr(text, '\0', records->payload.size - records->at);
    if (!end)
        return damaged(records, "the string does not end", error);
    values[0] = (struct records_value){.number = records->at};
    values[1] = (struct records_value){.text = (const char *)text};
    records->at += (size_t)(end - text) + 1;
    records->index++;
    return 1;
}

/* Read FIELD, the one of number I, into VALUE. */
static int next_field(struct records *records, const struct record_field *field, size_t i,
                      struct records_value *value, struct error *error)
{
    const uint8_t *data = records->payload.data + records->at;
    size_t left = records->payload.size - records->at;
    size_t size = field->size;

    *value = (struct records_value){0};
    if (records->kind->encoding == SNAPSHOT_VARINT) {
        size = varint_get(data, left, &value->number);
        if (size == 0)
            return damaged(records, "no number that ends", error);
        if (field->delta)
            value->number = varint_undelta(value->number, records->before[i]);
        if (field->type == RECORD_SIGNED)
            value->number = varint_undelta(value->number, 0);
        records->before[i] = value->number;
    } else if (size > left) {
        return damaged(records, "the record is cut short", error);
    } else if (field->type == RECORD_BYTES) {
        value->text = to_hex(records->texts[i], data, size);
    } else {
        memcpy(&value->number, data, size); /* little-endian, as we are */
    }
    if (field->type == RECORD_STRING) {
        value->text = string_at(records, value->number);
        if (!value->text) {
            snprintf(records->texts[i], sizeof(records->texts[i]), "<no string at %" PRIu64 ">",
                     value->number);
            value->text = records->texts[i];
        }
    }
    records->at += size;
    return 1;
}

/* The next point of the series, or the next change of the point that was read last. */
static int next_of_series(struct records *records, struct records_value *values,
                          struct error *error)
{
    const struct record_field *fields = records->kind->fields;
    bool is_change = records->changes > 0;
    uint64_t stack = records->before[POINT_FIELDS];

    if (!is_change && records->index == records->section.head.count)
        return 0;
    values[0] = (struct records_value){.number = records->index - is_change};
    for (size_t i = 0; i < SERIES_FIELDS; i++) {
        int result;

        values[1 + i] = (struct records_value){.missing = true};
        if (is_change != (i >= POINT_FIELDS))
            continue;
        result = next_field(records, &fields[i], i, &values[1 + i], error);
        if (result < 0)
            return result;
    }
    if (is_change) {
        records->before[POINT_FIELDS] = values[1 + POINT_FIELDS].number += stack;
        records->changes--;
    } else {
        records->before[POINT_FIELDS] = 0;
        records->changes = values[POINT_FIELDS].number;
        records->index++;
    }
    return 1;
}

int records_next(struct records *records, struct records_value *out_values, struct error *error)
{
    const struct record_kind *kind = records->kind;
    size_t count = 0;

    if (!kind || !kind->fields[0].name)
        return 0;
    if (records->section.head.encoding & SNAPSHOT_ZSTD && !records->unpacked) {
        records->unpacked = unpack(&records->section.head, &records->payload);
        if (!records->unpacked)
            return damaged(records, "it can't be unpacked", error);
    }
    if (kind == &record_kinds[SNAPSHOT_STRINGS])
        return next_string(records, out_values, error);
    if (kind == &record_kinds[SNAPSHOT_SERIES])
        return next_of_series(records, out_values, error);
    if (records->index == records->section.head.count)
        return 0;
    out_values[count++] = (struct records_value){.number = kind->first + records->index};
    for (size_t i = 0; kind->fields[i].name; i++) {
        struct records_value value;
        int result = next_field(records, &kind->fields[i], i, &value, error);

        if (result < 0)
            return result;
        if (kind->fields[i].type != RECORD_PADDING)
            out_values[count++] = value;
    }
    records->index++;
    return 1;
}

bool records_knows(const char *name)
{
    for (size_t i = 0; i < record_kind_count; i++) {
        if (strcmp(name, record_kinds[i].name) == 0)
            return true;
    }
    return false;
}
