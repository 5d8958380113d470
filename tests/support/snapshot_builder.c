#include "snapshot_builder.h"

#include "format/checksum.h"
#include "format/varint.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

/* Bytes that grow at the end. */
struct bytes {
    uint8_t *data;
    size_t size, capacity;
};

struct counters {
    bool set;
    uint64_t values[SNAPSHOT_COUNTERS_PER_STACK];
};

struct extra {
    struct snapshot_section section;
    struct bytes payload;
};

struct snapshot_builder {
    uint32_t version;
    bool compressed;
    uint32_t omitted; /* a bit per kind */
    struct snapshot_process process;
    struct snapshot_account account;
    bool epochs_set;
    /* Arrays of the records. */
    struct bytes strings, modules, segments, epochs, threads;
    struct bytes frames;   /* uint64_t[3] */
    struct bytes stacks;   /* uint64_t[2] */
    struct bytes counters; /* struct counters */
    struct bytes blocks;   /* uint64_t[4] */
    struct bytes samples;  /* uint64_t[4] */
    struct bytes extras;   /* struct extra */
};

static void *check(void *memory)
{
    if (!memory)
        abort();
    return memory;
}

static void bytes_add(struct bytes *bytes, const void *data, size_t size)
{
    if (bytes->size + size > bytes->capacity) {
        bytes->capacity = (bytes->size + size) * 2;
        bytes->data = check(realloc(bytes->data, bytes->capacity));
    }
    if (size > 0)
        memcpy(bytes->data + bytes->size, data, size);
    bytes->size += size;
}

static void bytes_add_varint(struct bytes *bytes, uint64_t value)
{
    uint8_t buffer[VARINT_MAX_SIZE];

    bytes_add(bytes, buffer, varint_put(buffer, value));
}

uint32_t snapshot_builder_string(struct snapshot_builder *builder, const char *text)
{
    struct bytes *strings = &builder->strings;
    size_t offset = 0;

    while (offset < strings->size) {
        const char *known = (const char *)strings->data + offset;

        if (strcmp(known, text) == 0)
            return (uint32_t)offset;
        offset += strlen(known) + 1;
    }
    bytes_add(strings, text, strlen(text) + 1);
    return (uint32_t)offset;
}

struct snapshot_builder *snapshot_builder_create(void)
{
    struct snapshot_builder *builder = check(calloc(1, sizeof(*builder)));

    snapshot_builder_string(builder, "");
    builder->version = SNAPSHOT_VERSION;
    builder->process = (struct snapshot_process){
        .run = {1, 2},
        .start_time = 1700000000000000000u,
        .time = 1700000001000000000u,
        .elapsed = 1000000000u,
        .pid = 1000,
        .parent_pid = 999,
        .sequence = 1,
        .epoch = 1,
        .program = snapshot_builder_string(builder, "/opt/app/app"),
        .command = snapshot_builder_string(builder, "app"),
        .label = snapshot_builder_string(builder, "exit"),
        .trigger = SNAPSHOT_AT_EXIT,
        .page_size = 4096,
    };
    return builder;
}

void snapshot_builder_destroy(struct snapshot_builder *builder)
{
    if (!builder)
        return;
    for (size_t i = 0; i < builder->extras.size / sizeof(struct extra); i++)
        free(((struct extra *)builder->extras.data)[i].payload.data);
    free(builder->strings.data);
    free(builder->modules.data);
    free(builder->segments.data);
    free(builder->epochs.data);
    free(builder->threads.data);
    free(builder->frames.data);
    free(builder->stacks.data);
    free(builder->counters.data);
    free(builder->blocks.data);
    free(builder->samples.data);
    free(builder->extras.data);
    free(builder);
}

struct snapshot_process *snapshot_builder_process(struct snapshot_builder *builder)
{
    return &builder->process;
}

struct snapshot_account *snapshot_builder_account(struct snapshot_builder *builder)
{
    return &builder->account;
}

uint32_t snapshot_builder_module(struct snapshot_builder *builder, uint64_t start, uint64_t end,
                                 uint64_t bias, const char *path, const void *build_id,
                                 uint32_t build_id_size, uint32_t flags)
{
    struct snapshot_module module = {
        .start = start,
        .end = end,
        .bias = bias,
        .path = snapshot_builder_string(builder, path),
        .generation = 1,
        .flags = flags,
        .segment_count = 1,
        .build_id_size = build_id_size,
    };
    struct snapshot_segment segment = {
        .address = start,
        .size = end - start,
        .flags = 5, /* PF_R | PF_X */
    };

    if (build_id_size > 0)
        memcpy(module.build_id, build_id,
               build_id_size < sizeof(module.build_id) ? build_id_size : sizeof(module.build_id));
    bytes_add(&builder->modules, &module, sizeof(module));
    bytes_add(&builder->segments, &segment, sizeof(segment));
    return (uint32_t)(builder->modules.size / sizeof(module));
}

uint32_t snapshot_builder_frame(struct snapshot_builder *builder, uint32_t parent, uint64_t address,
                                uint32_t module)
{
    uint64_t frame[3] = {parent, address, module};

    bytes_add(&builder->frames, frame, sizeof(frame));
    return (uint32_t)(builder->frames.size / sizeof(frame));
}

uint32_t snapshot_builder_stack(struct snapshot_builder *builder, uint32_t frame, uint32_t flags)
{
    uint64_t stack[2] = {frame, flags};
    struct counters none = {0};

    bytes_add(&builder->stacks, stack, sizeof(stack));
    bytes_add(&builder->counters, &none, sizeof(none));
    return (uint32_t)(builder->stacks.size / sizeof(stack)) - 1;
}

void snapshot_builder_counters(struct snapshot_builder *builder, uint32_t stack,
                               const uint64_t counters[SNAPSHOT_COUNTERS_PER_STACK])
{
    struct counters *own = (struct counters *)builder->counters.data + stack;

    if (stack >= builder->counters.size / sizeof(*own))
        abort();
    own->set = true;
    memcpy(own->values, counters, sizeof(own->values));
}

void snapshot_builder_block(struct snapshot_builder *builder, uint64_t address, uint64_t size,
                            uint32_t stack, uint32_t epoch)
{
    uint64_t block[4] = {address, size, stack, epoch};

    bytes_add(&builder->blocks, block, sizeof(block));
}

void snapshot_builder_epoch(struct snapshot_builder *builder, uint32_t number, const char *label,
                            uint64_t time)
{
    struct snapshot_epoch epoch = {
        .number = number,
        .label = snapshot_builder_string(builder, label),
        .time = time,
    };

    builder->epochs_set = true;
    bytes_add(&builder->epochs, &epoch, sizeof(epoch));
}

void snapshot_builder_thread(struct snapshot_builder *builder, uint32_t tid, const char *name)
{
    struct snapshot_thread thread = {
        .tid = tid,
        .name = snapshot_builder_string(builder, name),
    };

    bytes_add(&builder->threads, &thread, sizeof(thread));
}

void snapshot_builder_sample(struct snapshot_builder *builder, uint64_t time, uint64_t bytes,
                             uint64_t blocks, uint64_t rss)
{
    uint64_t sample[4] = {time, bytes, blocks, rss};

    bytes_add(&builder->samples, sample, sizeof(sample));
}

void snapshot_builder_version(struct snapshot_builder *builder, uint32_t version)
{
    builder->version = version;
}

void snapshot_builder_compress(struct snapshot_builder *builder)
{
    builder->compressed = true;
}

void snapshot_builder_omit(struct snapshot_builder *builder, uint32_t kind)
{
    builder->omitted |= 1u << kind;
}

void snapshot_builder_section(struct snapshot_builder *builder, uint32_t kind, uint32_t encoding,
                              uint64_t count, const void *payload, size_t length,
                              uint64_t raw_length)
{
    struct extra extra = {
        .section = {
            .kind = kind,
            .encoding = encoding,
            .count = count,
            .length = length,
            .raw_length = raw_length,
        },
    };

    bytes_add(&extra.payload, payload, length);
    bytes_add(&builder->extras, &extra, sizeof(extra));
}

static uint64_t checksum_of(const struct snapshot_section *section, const void *payload)
{
    struct checksum sum;

    checksum_init(&sum);
    checksum_add(&sum, payload, section->length);
    checksum_add(&sum, section, offsetof(struct snapshot_section, checksum));
    return checksum_value(&sum);
}

/* Append one described section to OUT. */
static void put_section(const struct snapshot_builder *builder, struct bytes *out, uint32_t kind,
                        uint32_t encoding, uint64_t count, const void *payload, size_t size)
{
    struct snapshot_section section = {
        .kind = kind,
        .encoding = encoding,
        .count = count,
        .length = size,
        .raw_length = size,
    };
    void *packed = NULL;

    if (builder->omitted & 1u << kind)
        return;
    if (builder->compressed && kind != SNAPSHOT_END) {
        size_t bound = ZSTD_compressBound(size);

        packed = check(malloc(bound));
        section.encoding |= SNAPSHOT_ZSTD;
        section.length = ZSTD_compress(packed, bound, size > 0 ? payload : "", size, 3);
        if (ZSTD_isError(section.length))
            abort();
        payload = packed;
    }
    section.checksum = checksum_of(&section, payload);
    bytes_add(out, &section, sizeof(section));
    bytes_add(out, payload, section.length);
    free(packed);
}

/* Append a section of varints to OUT: the rows of WIDTH numbers in ROWS, column
 * DELTA as differences (WIDTH: none). */
static void put_varints(const struct snapshot_builder *builder, struct bytes *out, uint32_t kind,
                        const struct bytes *rows, size_t width, size_t delta)
{
    const uint64_t *values = (const uint64_t *)rows->data;
    size_t count = rows->size / (width * sizeof(*values));
    struct bytes payload = {0};
    uint64_t before = 0;

    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < width; j++) {
            uint64_t value = values[i * width + j];

            if (j == delta) {
                bytes_add_varint(&payload, varint_delta(value, before));
                before = value;
            } else {
                bytes_add_varint(&payload, value);
            }
        }
    }
    put_section(builder, out, kind, SNAPSHOT_VARINT, count, payload.data, payload.size);
    free(payload.data);
}

/* The counters of each stack as rows: as set, or what its blocks say. */
static struct bytes counter_rows(const struct snapshot_builder *builder)
{
    const struct counters *counters = (const struct counters *)builder->counters.data;
    size_t count = builder->counters.size / sizeof(*counters);
    const uint64_t *blocks = (const uint64_t *)builder->blocks.data;
    struct bytes rows = {0};
    uint64_t *values;

    for (size_t i = 0; i < count; i++)
        bytes_add(&rows, counters[i].values, sizeof(counters[i].values));
    values = (uint64_t *)rows.data;
    for (size_t i = 0; i < builder->blocks.size / (4 * sizeof(*blocks)); i++) {
        uint64_t stack = blocks[4 * i + 2];

        if (stack >= count || counters[stack].set)
            continue;
        values[stack * SNAPSHOT_COUNTERS_PER_STACK + SNAPSHOT_ALLOCATIONS]++;
        values[stack * SNAPSHOT_COUNTERS_PER_STACK + SNAPSHOT_ALLOCATED_BYTES] += blocks[4 * i + 1];
    }
    return rows;
}

static void set_if_zero(uint64_t *field, uint64_t value)
{
    if (*field == 0)
        *field = value;
}

/* The account with what must add up filled in. */
static struct snapshot_account full_account(const struct snapshot_builder *builder,
                                            const struct bytes *counters)
{
    struct snapshot_account account = builder->account;
    const uint64_t *blocks = (const uint64_t *)builder->blocks.data;
    const uint64_t *stacks = (const uint64_t *)builder->stacks.data;
    const uint64_t *values = (const uint64_t *)counters->data;
    size_t block_count = builder->blocks.size / (4 * sizeof(*blocks));
    size_t stack_count = builder->stacks.size / (2 * sizeof(*stacks));
    uint64_t bytes = 0, allocations = 0, frees = 0, truncated = 0;

    for (size_t i = 0; i < block_count; i++)
        bytes += blocks[4 * i + 1];
    for (size_t i = 0; i < stack_count; i++) {
        allocations += values[i * SNAPSHOT_COUNTERS_PER_STACK + SNAPSHOT_ALLOCATIONS];
        frees += values[i * SNAPSHOT_COUNTERS_PER_STACK + SNAPSHOT_FREES];
        truncated += stacks[2 * i + 1] & SNAPSHOT_STACK_TRUNCATED;
    }
    set_if_zero(&account.live_bytes, bytes);
    set_if_zero(&account.live_blocks, block_count);
    set_if_zero(&account.peak_bytes, bytes);
    set_if_zero(&account.allocations, allocations);
    set_if_zero(&account.frees, frees);
    set_if_zero(&account.truncated_stacks, truncated);
    return account;
}

void *snapshot_builder_finish(const struct snapshot_builder *builder, size_t *out_size)
{
    struct snapshot_header header = {
        .version = builder->version,
        .header_size = sizeof(header),
    };
    struct snapshot_epoch first_epoch = {.number = 1};
    struct bytes counters = counter_rows(builder);
    struct snapshot_account account = full_account(builder, &counters);
    struct bytes epochs = builder->epochs;
    struct bytes out = {0};

    memcpy(header.magic, SNAPSHOT_MAGIC, sizeof(header.magic));
    if (!builder->epochs_set)
        epochs = (struct bytes){.data = (uint8_t *)&first_epoch, .size = sizeof(first_epoch)};

    bytes_add(&out, &header, sizeof(header));
    put_section(builder, &out, SNAPSHOT_STRINGS, SNAPSHOT_BYTES, builder->strings.size,
                builder->strings.data, builder->strings.size);
    put_section(builder, &out, SNAPSHOT_PROCESS, SNAPSHOT_FIXED, 1, &builder->process,
                sizeof(builder->process));
    put_section(builder, &out, SNAPSHOT_MODULES, SNAPSHOT_FIXED,
                builder->modules.size / sizeof(struct snapshot_module), builder->modules.data,
                builder->modules.size);
    put_section(builder, &out, SNAPSHOT_SEGMENTS, SNAPSHOT_FIXED,
                builder->segments.size / sizeof(struct snapshot_segment), builder->segments.data,
                builder->segments.size);
    put_varints(builder, &out, SNAPSHOT_FRAMES, &builder->frames, 3, 1);
    put_varints(builder, &out, SNAPSHOT_STACKS, &builder->stacks, 2, 2);
    put_varints(builder, &out, SNAPSHOT_COUNTERS, &counters, SNAPSHOT_COUNTERS_PER_STACK,
                SNAPSHOT_COUNTERS_PER_STACK);
    put_varints(builder, &out, SNAPSHOT_BLOCKS, &builder->blocks, 4, 0);
    put_section(builder, &out, SNAPSHOT_EPOCHS, SNAPSHOT_FIXED,
                epochs.size / sizeof(struct snapshot_epoch), epochs.data, epochs.size);
    put_section(builder, &out, SNAPSHOT_THREADS, SNAPSHOT_FIXED,
                builder->threads.size / sizeof(struct snapshot_thread), builder->threads.data,
                builder->threads.size);
    put_varints(builder, &out, SNAPSHOT_TIMELINE, &builder->samples, 4, 0);
    put_section(builder, &out, SNAPSHOT_ACCOUNT, SNAPSHOT_FIXED, 1, &account, sizeof(account));

    for (size_t i = 0; i < builder->extras.size / sizeof(struct extra); i++) {
        const struct extra *extra = (const struct extra *)builder->extras.data + i;
        struct snapshot_section section = extra->section;

        section.checksum = checksum_of(&section, extra->payload.data);
        bytes_add(&out, &section, sizeof(section));
        bytes_add(&out, extra->payload.data, extra->payload.size);
    }
    put_section(builder, &out, SNAPSHOT_END, SNAPSHOT_BYTES,
                out.size + sizeof(struct snapshot_section), NULL, 0);
    free(counters.data);
    *out_size = out.size;
    return out.data;
}

int snapshot_builder_save(const char *path, const void *data, size_t size)
{
    FILE *file = fopen(path, "wb");
    int result = 0;

    if (!file)
        return -errno;
    if (fwrite(data, 1, size, file) != size)
        result = -errno;
    if (fclose(file) != 0 && result == 0)
        result = -errno;
    return result;
}

void snapshot_builder_repair(void *data, size_t size)
{
    uint8_t *bytes = data;
    size_t offset = sizeof(struct snapshot_header);

    while (offset <= size && size - offset >= sizeof(struct snapshot_section)) {
        struct snapshot_section section;

        memcpy(&section, bytes + offset, sizeof(section));
        if (section.length > size - offset - sizeof(section))
            return;
        if (section.kind == SNAPSHOT_END)
            section.count = offset + sizeof(section) + section.length;
        section.checksum = checksum_of(&section, bytes + offset + sizeof(section));
        memcpy(bytes + offset, &section, sizeof(section));
        offset += sizeof(section) + section.length;
    }
}
