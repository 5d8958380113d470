#include "model/snapshot_build.h"

#include "format/checksum.h"
#include "format/varint.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#define COMPRESSION_LEVEL 3

bool snapshot_bytes_add(struct snapshot_bytes *bytes, const void *data, size_t size)
{
    if (size > bytes->capacity - bytes->size) {
        size_t capacity = (bytes->size + size) * 2;
        uint8_t *larger = realloc(bytes->data, capacity);

        if (!larger)
            return false;
        bytes->data = larger;
        bytes->capacity = capacity;
    }
    if (size > 0)
        memcpy(bytes->data + bytes->size, data, size);
    bytes->size += size;
    return true;
}

bool snapshot_bytes_add_varint(struct snapshot_bytes *bytes, uint64_t value)
{
    uint8_t buffer[VARINT_MAX_SIZE];

    return snapshot_bytes_add(bytes, buffer, varint_put(buffer, value));
}

uint64_t snapshot_build_checksum(const struct snapshot_section *section, const void *payload)
{
    struct checksum sum;

    checksum_init(&sum);
    checksum_add(&sum, payload, section->length);
    checksum_add(&sum, section, offsetof(struct snapshot_section, checksum));
    return checksum_value(&sum);
}

void snapshot_build_begin(struct snapshot_build *build, uint32_t version)
{
    struct snapshot_header header = {.version = version, .header_size = sizeof(header)};

    *build = (struct snapshot_build){0};
    memcpy(header.magic, SNAPSHOT_MAGIC, sizeof(header.magic));
    build->failed = !snapshot_bytes_add(&build->file, &header, sizeof(header));
}

void snapshot_build_raw(struct snapshot_build *build, const struct snapshot_section *section,
                        const void *payload)
{
    struct snapshot_section head = *section;

    head.checksum = snapshot_build_checksum(section, payload);
    if (!snapshot_bytes_add(&build->file, &head, sizeof(head)) ||
        !snapshot_bytes_add(&build->file, payload, head.length))
        build->failed = true;
}

void snapshot_build_section(struct snapshot_build *build, uint32_t kind, uint32_t encoding,
                            uint64_t count, const void *payload, size_t size)
{
    struct snapshot_section section = {
        .kind = kind,
        .encoding = encoding,
        .count = count,
        .length = size,
        .raw_length = size,
    };
    void *packed = NULL;

    if (build->compressed) {
        size_t bound = ZSTD_compressBound(size);

        packed = malloc(bound);
        section.encoding |= SNAPSHOT_ZSTD;
        if (packed)
            section.length =
                ZSTD_compress(packed, bound, size > 0 ? payload : "", size, COMPRESSION_LEVEL);
        if (!packed || ZSTD_isError(section.length)) {
            build->failed = true;
            free(packed);
            return;
        }
        payload = packed;
    }
    snapshot_build_raw(build, &section, payload);
    free(packed);
}

void snapshot_build_fixed(struct snapshot_build *build, uint32_t kind, const void *records,
                          size_t size, size_t count)
{
    snapshot_build_section(build, kind, SNAPSHOT_FIXED, count, records, size * count);
}

void snapshot_build_varints(struct snapshot_build *build, uint32_t kind, const uint64_t *rows,
                            size_t width, size_t delta, size_t count)
{
    struct snapshot_bytes payload = {0};
    uint64_t before = 0;

    for (size_t i = 0; i < count * width; i++) {
        bool is_delta = i % width == delta;

        if (!snapshot_bytes_add_varint(&payload,
                                       is_delta ? varint_delta(rows[i], before) : rows[i]))
            build->failed = true;
        if (is_delta)
            before = rows[i];
    }
    snapshot_build_section(build, kind, SNAPSHOT_VARINT, count, payload.data, payload.size);
    free(payload.data);
}

int snapshot_build_finish(struct snapshot_build *build, void **out_data, size_t *out_size)
{
    struct snapshot_section end = {
        .kind = SNAPSHOT_END,
        .encoding = SNAPSHOT_BYTES,
        .count = build->file.size + sizeof(end),
    };

    snapshot_build_raw(build, &end, NULL);
    if (build->failed) {
        free(build->file.data);
        return -ENOMEM;
    }
    *out_data = build->file.data;
    *out_size = build->file.size;
    return 0;
}
