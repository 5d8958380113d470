#include "mutate.h"

#include "format/snapshot.h"
#include "format/varint.h"
#include "snapshot_builder.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#define SECTIONS_MAX 40

struct section {
    struct snapshot_section header;
    uint8_t *payload; /* header.length bytes */
};

/* A snapshot taken apart. */
struct file {
    uint8_t header[sizeof(struct snapshot_header)];
    struct section sections[SECTIONS_MAX];
    size_t count;
};

static const uint64_t interesting[] = {0,          1,          2,           3,
                                       4,          7,          8,           0x7f,
                                       0x80,       0xff,       0x100,       0x3fff,
                                       0x4000,     0xffff,     0x7fffffff,  0x80000000,
                                       0xfffffffe, 0xffffffff, 0x100000000, 0x7fffffffffffffff,
                                       1ul << 63,  UINT64_MAX};

uint64_t mutate_random(uint64_t *state)
{
    uint64_t value = *state += 0x9e3779b97f4a7c15u; /* splitmix64 */

    value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9u;
    value = (value ^ value >> 27) * 0x94d049bb133111ebu;
    return value ^ value >> 31;
}

static size_t below(uint64_t *random, size_t limit)
{
    return limit > 0 ? mutate_random(random) % limit : 0;
}

static uint64_t interesting_value(uint64_t *random)
{
    return interesting[below(random, sizeof(interesting) / sizeof(*interesting))];
}

static void *copy_of(const void *data, size_t size)
{
    void *copy = malloc(size + 1);

    if (!copy)
        abort();
    if (size > 0)
        memcpy(copy, data, size);
    return copy;
}

/* Give the snapshot, which has BLOCKS blocks 48 bytes apart, a graph. */
static void describe_graph(struct snapshot_builder *builder, size_t blocks, uint64_t *random)
{
    const uint64_t top = blocks * 48;
    struct snapshot_root root = {.start = 0x400000, .size = 0x800, .module = 1};
    uint32_t first = UINT32_MAX;

    snapshot_builder_graph(builder)->threads = 2;
    for (root.kind = SNAPSHOT_ROOT_MODULE; root.kind <= SNAPSHOT_ROOT_LIBC; root.kind++) {
        uint32_t number = snapshot_builder_root(builder, &root);

        if (root.kind == SNAPSHOT_ROOT_STACK)
            first = number;
        for (uint64_t offset = below(random, 32); offset < root.size;
             offset += 8 * below(random, 40) + 8)
            snapshot_builder_root_pointer(builder, number, offset, 0x1000 + below(random, blocks) * 48,
                                          0);
        root.start += 0x1000;
        root.thread = 1000 + root.kind;
        root.module = root.kind % 2;
    }
    for (uint64_t i = 1; i < 8; i++)
        snapshot_builder_root_frame(builder, first, 0x401000 + i * 0x80, 0x400000 + i * 77, i % 2);
    for (uint64_t at = 0; at < top; at += 8 + 8 * below(random, 6))
        snapshot_builder_pointer(builder, 0x1000 + at, 0x1000 + below(random, top) / 8 * 8,
                                 at % 48 < 16 ? 0 : (unsigned)below(random, 5));
    for (uint64_t i = 0; i < blocks; i += 3)
        snapshot_builder_pointer(builder, 0x1000 + i * 48 + 4, 0x400008 + i, 0);
}

uint8_t *mutate_begin(unsigned kind, size_t *out_size)
{
    struct snapshot_builder *builder = snapshot_builder_create();
    const size_t blocks =
        (const size_t[]){0, 1, 5, 200, 50, 1000, 20, 30, 40, 6, 100}[kind % MUTATE_KINDS];
    uint64_t random = kind;
    uint32_t frame = 0;
    void *data;

    snapshot_builder_process(builder)->epoch = 3;
    for (uint32_t i = 0; i < blocks / 10 + 1; i++)
        snapshot_builder_module(builder, 0x400000 + 0x1000 * i, 0x401000 + 0x1000 * i, 0x400000,
                                "/lib/libx.so.1", "\1\2\3\4\5\6\7", 7, i == 0);
    for (uint32_t i = 0; i < blocks + 1; i++) {
        frame = snapshot_builder_frame(builder, i % 7 == 0 ? 0 : frame, 0x400000 + i * 77,
                                       i % (uint32_t)(blocks / 10 + 2));
        snapshot_builder_stack(builder, frame, i % 4);
    }
    for (size_t i = 0; i < blocks; i++)
        snapshot_builder_block(builder, (kind % 2 && kind < 9 ? i * 7919 % 1009 : i) * 48 + 0x1000,
                               kind < 9 ? below(&random, 300) : 48, (uint32_t)below(&random, blocks),
                               1 + (uint32_t)below(&random, 3));
    for (uint32_t i = 1; i <= 3; i++)
        snapshot_builder_epoch(builder, i, i == 2 ? "middle" : "", i * 1000);
    for (uint32_t i = 0; i < kind; i++)
        snapshot_builder_thread(builder, 1000 + i, "worker");
    for (uint32_t i = 0; i < blocks; i++)
        snapshot_builder_sample(builder, i * 12345, i * 100, i, i * 4096);
    if (kind == 3)
        snapshot_builder_section(builder, 77, 1, 1, "unknown", 7, 7);
    if (kind == 4 || kind == 5)
        snapshot_builder_compress(builder);
    for (uint32_t i = 0; kind >= 6 && i < 10; i++) {
        snapshot_builder_point(builder, i * 1000);
        for (uint32_t j = i; j < blocks; j += 3)
            snapshot_builder_change(builder, j, i * 100, i);
    }
    if (kind == 7)
        snapshot_builder_process(builder)->flags = SNAPSHOT_COUNTERS_ONLY;
    if (kind == 6)
        snapshot_builder_more_counters(builder, 0, (const uint64_t[]){1, 1000, 3});
    for (uint32_t i = 0; kind == 8 && i < 3; i++) {
        struct snapshot_process part = *snapshot_builder_process(builder);

        part.run[0] = i + 1;
        snapshot_builder_part(builder, &part);
    }
    for (uint32_t i = 0; kind == 8 && i < blocks + 1; i++)
        snapshot_builder_origin(builder, i % 3);
    for (uint32_t i = 0; (kind == 3 || kind == 8) && i < blocks + 1; i++)
        snapshot_builder_owner(builder, i, i % 3, i % (kind + 1));
    for (uint32_t i = 0; i < (kind == 3 ? 1 : kind == 8 ? 4 : 0); i++)
        snapshot_builder_called(builder, "server");
    if (kind >= 9)
        describe_graph(builder, blocks, &random);
    data = snapshot_builder_finish(builder, out_size);
    snapshot_builder_destroy(builder);
    return data;
}

/* Take DATA apart as far as it can be followed. */
static void take_apart(const uint8_t *data, size_t size, struct file *file)
{
    size_t at = sizeof(file->header);

    memset(file, 0, sizeof(*file));
    if (size < at)
        return;
    memcpy(file->header, data, at);
    while (file->count < SECTIONS_MAX && size - at >= sizeof(struct snapshot_section)) {
        struct section *section = &file->sections[file->count];

        memcpy(&section->header, data + at, sizeof(section->header));
        at += sizeof(section->header);
        if (section->header.length > size - at)
            section->header.length = size - at;
        section->payload = copy_of(data + at, section->header.length);
        at += section->header.length;
        file->count++;
    }
}

static uint8_t *put_together(struct file *file, size_t *out_size)
{
    size_t size = sizeof(file->header), at = size;
    uint8_t *data;

    for (size_t i = 0; i < file->count; i++)
        size += sizeof(struct snapshot_section) + file->sections[i].header.length;
    data = copy_of(file->header, sizeof(file->header));
    data = realloc(data, size);
    if (!data)
        abort();
    for (size_t i = 0; i < file->count; i++) {
        struct section *section = &file->sections[i];

        memcpy(data + at, &section->header, sizeof(section->header));
        at += sizeof(section->header);
        memcpy(data + at, section->payload, section->header.length);
        at += section->header.length;
        free(section->payload);
    }
    *out_size = size;
    return data;
}

/* Give SECTION the payload DATA, which it takes over. */
static void set_payload(struct section *section, uint8_t *data, size_t size)
{
    free(section->payload);
    section->payload = data;
    section->header.length = size;
    if (!(section->header.encoding & SNAPSHOT_ZSTD))
        section->header.raw_length = size;
}

/* Unpack SECTION if it is compressed, and not for gigabytes. */
static void unpack(struct section *section)
{
    uint64_t raw = section->header.raw_length;
    uint8_t *data;
    size_t size;

    if (!(section->header.encoding & SNAPSHOT_ZSTD) || raw > 1 << 20)
        return;
    data = malloc(raw + 1);
    if (!data)
        abort();
    size = ZSTD_decompress(data, raw, section->payload, section->header.length);
    if (ZSTD_isError(size)) {
        free(data);
        return;
    }
    section->header.encoding &= ~(uint32_t)SNAPSHOT_ZSTD;
    set_payload(section, data, size);
}

static void pack(struct section *section)
{
    size_t bound = ZSTD_compressBound(section->header.length), size;
    uint8_t *data;

    if (section->header.encoding & SNAPSHOT_ZSTD || section->header.kind == SNAPSHOT_END)
        return;
    data = malloc(bound);
    if (!data)
        abort();
    size = ZSTD_compress(data, bound, section->payload, section->header.length, 1);
    section->header.encoding |= SNAPSHOT_ZSTD;
    set_payload(section, data, size);
}

/* Replace CUT bytes at AT of SECTION's payload by the SIZE bytes at DATA. */
static void replace(struct section *section, size_t at, size_t cut, const void *data, size_t size)
{
    size_t length = section->header.length;
    uint8_t *payload;

    if (at > length)
        at = length;
    if (cut > length - at)
        cut = length - at;
    payload = malloc(length - cut + size + 1);
    if (!payload)
        abort();
    memcpy(payload, section->payload, at);
    if (size > 0)
        memcpy(payload + at, data, size);
    memcpy(payload + at + size, section->payload + at + cut, length - at - cut);
    set_payload(section, payload, length - cut + size);
}

static void change_header(struct section *section, uint64_t *random)
{
    uint64_t value = interesting_value(random);

    switch (below(random, 6)) {
    case 0:
        section->header.kind = (uint32_t)below(random, SNAPSHOT_MODULE_WORDS + 3);
        break;
    case 1:
        section->header.encoding = (uint32_t)(below(random, 5) | (below(random, 2) << 8));
        break;
    case 2:
        section->header.count = value;
        break;
    case 3:
        section->header.raw_length = value;
        break;
    case 4:
        section->header.count += below(random, 3) - 1;
        break;
    default:
        section->header.raw_length += below(random, 3) - 1;
        break;
    }
}

static void change_payload(struct section *section, uint64_t *random)
{
    size_t length = section->header.length, at = below(random, length + 1);
    uint64_t value = interesting_value(random);
    uint8_t bytes[VARINT_MAX_SIZE];

    switch (below(random, 7)) {
    case 0:
        for (size_t i = 0, count = 1 + below(random, 4); i < count && length > 0; i++)
            section->payload[below(random, length)] ^= (uint8_t)(1 << below(random, 8));
        break;
    case 1:
        if (length > 0)
            section->payload[below(random, length)] = (uint8_t)mutate_random(random);
        break;
    case 2: /* a number in place of another */
        replace(section, at, 1, bytes, varint_put(bytes, value));
        break;
    case 3:
        memcpy(bytes, &value, 8);
        replace(section, at & ~(size_t)7, 8, bytes, 8);
        break;
    case 4:
        memcpy(bytes, &value, 4);
        replace(section, at & ~(size_t)3, 4, bytes, 4);
        break;
    case 5:
        replace(section, at, 1 + below(random, 20), NULL, 0);
        break;
    default: { /* a piece of it once more */
        size_t from = below(random, length + 1), size = below(random, 50);
        uint8_t *piece;

        if (size > length - from)
            size = length - from;
        piece = copy_of(section->payload + from, size);
        replace(section, at, 0, piece, size);
        free(piece);
        break;
    }
    }
}

static void change_sections(struct file *file, uint64_t *random)
{
    size_t i = below(random, file->count), j = below(random, file->count);
    struct section swap = file->sections[i];

    switch (below(random, 4)) {
    case 0:
        file->sections[i] = file->sections[j];
        file->sections[j] = swap;
        break;
    case 1:
        free(swap.payload);
        memmove(&file->sections[i], &file->sections[i + 1], (file->count - i - 1) * sizeof(swap));
        file->count--;
        break;
    case 2:
        if (file->count == SECTIONS_MAX)
            break;
        memmove(&file->sections[i + 1], &file->sections[i], (file->count - i) * sizeof(swap));
        file->sections[i].payload = copy_of(swap.payload, swap.header.length);
        file->count++;
        break;
    default:
        pack(&file->sections[i]);
        break;
    }
}

/* Make the account say what the blocks are, so that the comparison is passed. */
static void settle(struct file *file)
{
    struct section *blocks = NULL, *account = NULL;
    struct snapshot_account values;
    uint64_t number, bytes = 0;
    size_t at = 0;

    for (size_t i = 0; i < file->count; i++) {
        if (file->sections[i].header.kind == SNAPSHOT_BLOCKS)
            blocks = &file->sections[i];
        if (file->sections[i].header.kind == SNAPSHOT_ACCOUNT)
            account = &file->sections[i];
    }
    if (!blocks || !account || blocks->header.encoding & SNAPSHOT_ZSTD ||
        account->header.length != sizeof(values))
        return;
    for (size_t i = 0; at < blocks->header.length; i++) {
        size_t size = varint_get(blocks->payload + at, blocks->header.length - at, &number);

        if (size == 0)
            break;
        at += size;
        if (i % 4 == 1)
            bytes += number;
    }
    memcpy(&values, account->payload, sizeof(values));
    values.live_bytes = bytes;
    values.live_blocks = blocks->header.count;
    memcpy(account->payload, &values, sizeof(values));
}

uint8_t *mutate(const uint8_t *data, size_t size, size_t max_size, uint64_t *random,
                size_t *out_size)
{
    struct file file;
    uint8_t *changed;

    take_apart(data, size, &file);
    for (size_t i = 0, count = 1 + below(random, 4); i < count && file.count > 0; i++) {
        struct section *section = &file.sections[below(random, file.count)];
        size_t choice = below(random, 20);

        if (choice == 0)
            file.header[below(random, sizeof(file.header))] ^= (uint8_t)(1 << below(random, 8));
        else if (choice < 3)
            change_sections(&file, random);
        else if (choice < 5)
            change_header(section, random);
        else if (below(random, 8) == 0)
            change_payload(section, random); /* perhaps within a zstd frame */
        else {
            bool packed = section->header.encoding & SNAPSHOT_ZSTD;

            unpack(section);
            change_payload(section, random);
            if (packed)
                pack(section);
        }
    }
    if (below(random, 4) != 0)
        settle(&file);
    changed = put_together(&file, &size);
    if (below(random, 20) != 0)
        snapshot_builder_repair(changed, size);
    if (below(random, 50) == 0)
        size = below(random, size + 1);
    *out_size = size < max_size ? size : max_size;
    return changed;
}
