#include "builder_parts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *builder_check(void *memory)
{
    if (!memory)
        abort();
    return memory;
}

void builder_bytes_add(struct snapshot_bytes *bytes, const void *data, size_t size)
{
    if (!snapshot_bytes_add(bytes, data, size))
        abort();
}

void builder_bytes_add_varint(struct snapshot_bytes *bytes, uint64_t value)
{
    if (!snapshot_bytes_add_varint(bytes, value))
        abort();
}

uint32_t snapshot_builder_string(struct snapshot_builder *builder, const char *text)
{
    struct snapshot_bytes *strings = &builder->strings;
    size_t offset = 0;

    while (offset < strings->size) {
        const char *known = (const char *)strings->data + offset;

        if (strcmp(known, text) == 0)
            return (uint32_t)offset;
        offset += strlen(known) + 1;
    }
    builder_bytes_add(strings, text, strlen(text) + 1);
    return (uint32_t)offset;
}

struct snapshot_builder *snapshot_builder_create(void)
{
    struct snapshot_builder *builder = builder_check(calloc(1, sizeof(*builder)));

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
    for (size_t i = 0; i < builder->extras.size / sizeof(struct builder_extra); i++)
        free(((struct builder_extra *)builder->extras.data)[i].payload.data);
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
    free(builder->points.data);
    free(builder->changes.data);
    free(builder->parts.data);
    free(builder->origins.data);
    free(builder->owners.data);
    free(builder->more_counters.data);
    free(builder->names.data);
    free(builder->roots.data);
    free(builder->root_frames.data);
    free(builder->pointers.data);
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
    builder_bytes_add(&builder->modules, &module, sizeof(module));
    builder_bytes_add(&builder->segments, &segment, sizeof(segment));
    return (uint32_t)(builder->modules.size / sizeof(module));
}

uint32_t snapshot_builder_frame(struct snapshot_builder *builder, uint32_t parent, uint64_t address,
                                uint32_t module)
{
    uint64_t frame[3] = {parent, address, module};

    builder_bytes_add(&builder->frames, frame, sizeof(frame));
    return (uint32_t)(builder->frames.size / sizeof(frame));
}

uint32_t snapshot_builder_stack(struct snapshot_builder *builder, uint32_t frame, uint32_t flags)
{
    uint64_t stack[2] = {frame, flags};
    struct builder_counters none = {0};

    builder_bytes_add(&builder->stacks, stack, sizeof(stack));
    builder_bytes_add(&builder->counters, &none, sizeof(none));
    return (uint32_t)(builder->stacks.size / sizeof(stack)) - 1;
}

void snapshot_builder_counters(struct snapshot_builder *builder, uint32_t stack,
                               const uint64_t counters[SNAPSHOT_COUNTERS_PER_STACK])
{
    struct builder_counters *own = (struct builder_counters *)builder->counters.data + stack;

    if (stack >= builder->counters.size / sizeof(*own))
        abort();
    own->set = true;
    memcpy(own->values, counters, sizeof(own->values));
}

void snapshot_builder_more_counters(struct snapshot_builder *builder, uint32_t stack,
                                    const uint64_t counters[3])
{
    const uint64_t none[3] = {0};

    while (builder->more_counters.size <= stack * sizeof(none))
        builder_bytes_add(&builder->more_counters, none, sizeof(none));
    memcpy(builder->more_counters.data + stack * sizeof(none), counters, sizeof(none));
}

void snapshot_builder_block(struct snapshot_builder *builder, uint64_t address, uint64_t size,
                            uint32_t stack, uint32_t epoch)
{
    uint64_t block[4] = {address, size, stack, epoch};

    builder_bytes_add(&builder->blocks, block, sizeof(block));
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
    builder_bytes_add(&builder->epochs, &epoch, sizeof(epoch));
}

void snapshot_builder_thread(struct snapshot_builder *builder, uint32_t tid, const char *name)
{
    struct snapshot_thread thread = {
        .tid = tid,
        .name = snapshot_builder_string(builder, name),
    };

    builder_bytes_add(&builder->threads, &thread, sizeof(thread));
}

void snapshot_builder_sample(struct snapshot_builder *builder, uint64_t time, uint64_t bytes,
                             uint64_t blocks, uint64_t rss)
{
    uint64_t sample[4] = {time, bytes, blocks, rss};

    builder_bytes_add(&builder->samples, sample, sizeof(sample));
}

void snapshot_builder_point(struct snapshot_builder *builder, uint64_t time)
{
    uint64_t point[2] = {time, 0};

    builder_bytes_add(&builder->points, point, sizeof(point));
}

void snapshot_builder_change(struct snapshot_builder *builder, uint32_t stack, uint64_t bytes,
                             uint64_t blocks)
{
    uint64_t change[3] = {stack, bytes, blocks};

    builder_bytes_add(&builder->changes, change, sizeof(change));
    ((uint64_t *)(builder->points.data + builder->points.size))[-1]++;
}

void snapshot_builder_part(struct snapshot_builder *builder, const struct snapshot_process *part)
{
    builder_bytes_add(&builder->parts, part, sizeof(*part));
}

void snapshot_builder_origin(struct snapshot_builder *builder, uint64_t part)
{
    builder_bytes_add(&builder->origins, &part, sizeof(part));
}

void snapshot_builder_owner(struct snapshot_builder *builder, uint32_t stack, uint64_t domain,
                            uint64_t thread)
{
    uint64_t nobody[2] = {0}, owner[2] = {domain, thread};

    while (builder->owners.size <= stack * sizeof(owner))
        builder_bytes_add(&builder->owners, nobody, sizeof(nobody));
    memcpy(builder->owners.data + stack * sizeof(owner), owner, sizeof(owner));
}

void snapshot_builder_called(struct snapshot_builder *builder, const char *called)
{
    struct snapshot_name name = {snapshot_builder_string(builder, called)};

    builder_bytes_add(&builder->names, &name, sizeof(name));
}

struct snapshot_graph *snapshot_builder_graph(struct snapshot_builder *builder)
{
    builder->has_graph = true;
    return &builder->graph;
}

uint32_t snapshot_builder_root(struct snapshot_builder *builder, const struct snapshot_root *root)
{
    builder_bytes_add(&builder->roots, root, sizeof(*root));
    return (uint32_t)(builder->roots.size / sizeof(*root)) - 1;
}

void snapshot_builder_root_frame(struct snapshot_builder *builder, uint32_t root, uint64_t end,
                                 uint64_t address, uint32_t module)
{
    uint64_t frame[4] = {root, end, address, module};

    builder_bytes_add(&builder->root_frames, frame, sizeof(frame));
}

void snapshot_builder_pointer(struct snapshot_builder *builder, uint64_t address, uint64_t value,
                              unsigned inside)
{
    const struct snapshot_root *roots = (const struct snapshot_root *)builder->roots.data;
    struct builder_pointer pointer = {.node = address, .value = value, .inside = inside};

    for (uint32_t i = 0; i < builder->roots.size / sizeof(*roots); i++) {
        if (roots[i].start != 0 && address - roots[i].start < roots[i].size) {
            snapshot_builder_root_pointer(builder, i, address - roots[i].start, value, inside);
            return;
        }
    }
    builder_bytes_add(&builder->pointers, &pointer, sizeof(pointer));
}

void snapshot_builder_root_pointer(struct snapshot_builder *builder, uint32_t root, uint64_t offset,
                                   uint64_t value, unsigned inside)
{
    struct builder_pointer pointer = {
        .in_root = true, .node = root, .offset = offset, .value = value, .inside = inside};

    builder_bytes_add(&builder->pointers, &pointer, sizeof(pointer));
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
    struct builder_extra extra = {
        .section = {
            .kind = kind,
            .encoding = encoding,
            .count = count,
            .length = length,
            .raw_length = raw_length,
        },
    };

    builder_bytes_add(&extra.payload, payload, length);
    builder_bytes_add(&builder->extras, &extra, sizeof(extra));
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
        section.checksum = snapshot_build_checksum(&section, bytes + offset + sizeof(section));
        memcpy(bytes + offset, &section, sizeof(section));
        offset += sizeof(section) + section.length;
    }
}
