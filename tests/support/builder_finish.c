/* snapshot_builder_finish(): what was described becomes the bytes of a file. */
#include "builder_parts.h"

#include <stdlib.h>
#include <string.h>

void builder_put_section(const struct snapshot_builder *builder, struct snapshot_build *build,
                         uint32_t kind, uint32_t encoding, uint64_t count,
                         const struct snapshot_bytes *payload)
{
    if (!(builder->omitted & 1u << kind))
        snapshot_build_section(build, kind, encoding, count, payload->data, payload->size);
}

void builder_put_fixed(const struct snapshot_builder *builder, struct snapshot_build *build,
                       uint32_t kind, const struct snapshot_bytes *records, size_t size)
{
    builder_put_section(builder, build, kind, SNAPSHOT_FIXED, records->size / size, records);
}

/* Add a section of varints: the rows of WIDTH numbers in ROWS, column DELTA as
 * differences (WIDTH: none). */
static void builder_put_varints(const struct snapshot_builder *builder,
                                struct snapshot_build *build, uint32_t kind,
                                const struct snapshot_bytes *rows, size_t width, size_t delta)
{
    const uint64_t *values = (const uint64_t *)rows->data;

    if (!(builder->omitted & 1u << kind))
        snapshot_build_varints(build, kind, values, width, delta,
                               rows->size / (width * sizeof(*values)));
}

/* The counters of each stack as rows: as set, or what its blocks say. */
static struct snapshot_bytes counter_rows(const struct snapshot_builder *builder)
{
    const struct builder_counters *counters =
        (const struct builder_counters *)builder->counters.data;
    size_t count = builder->counters.size / sizeof(*counters);
    const uint64_t *blocks = (const uint64_t *)builder->blocks.data;
    struct snapshot_bytes rows = {0};
    uint64_t *values;

    for (size_t i = 0; i < count; i++)
        builder_bytes_add(&rows, counters[i].values, sizeof(counters[i].values));
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

/* What is SET of some stacks, WIDTH numbers each, as rows of all stacks; none if nothing is. */
static struct snapshot_bytes rows_of(const struct snapshot_builder *builder,
                                     const struct snapshot_bytes *set, size_t width)
{
    const uint64_t zero = 0;
    size_t size = builder->stacks.size / 2 * width;
    struct snapshot_bytes rows = {0};

    if (set->size == 0)
        return rows;
    builder_bytes_add(&rows, set->data, set->size < size ? set->size : size);
    while (rows.size < size)
        builder_bytes_add(&rows, &zero, sizeof(zero));
    return rows;
}

struct snapshot_bytes builder_block_rows(const struct snapshot_builder *builder, bool tracked)
{
    const uint64_t *blocks = (const uint64_t *)builder->blocks.data;
    const uint64_t *owners = (const uint64_t *)builder->owners.data;
    size_t owner_count = builder->owners.size / (2 * sizeof(*owners));
    struct snapshot_bytes rows = {0};

    for (size_t i = 0; i < builder->blocks.size / (4 * sizeof(*blocks)); i++) {
        uint64_t stack = blocks[4 * i + 2];

        if ((stack < owner_count && owners[2 * stack] != 0) == tracked)
            builder_bytes_add(&rows, &blocks[4 * i], 4 * sizeof(*blocks));
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
                                            const struct snapshot_bytes *counters)
{
    struct snapshot_account account = builder->account;
    const uint64_t *blocks = (const uint64_t *)builder->blocks.data;
    const uint64_t *stacks = (const uint64_t *)builder->stacks.data;
    const uint64_t *values = (const uint64_t *)counters->data;
    size_t block_count = builder->blocks.size / (4 * sizeof(*blocks));
    size_t stack_count = builder->stacks.size / (2 * sizeof(*stacks));
    uint64_t bytes = 0, allocations = 0, frees = 0, truncated = 0, held = 0;

    for (size_t i = 0; i < block_count; i++)
        bytes += blocks[4 * i + 1];
    for (size_t i = 0; i < stack_count; i++) {
        allocations += values[i * SNAPSHOT_COUNTERS_PER_STACK + SNAPSHOT_ALLOCATIONS];
        frees += values[i * SNAPSHOT_COUNTERS_PER_STACK + SNAPSHOT_FREES];
        held += values[i * SNAPSHOT_COUNTERS_PER_STACK + SNAPSHOT_ALLOCATED_BYTES] -
                values[i * SNAPSHOT_COUNTERS_PER_STACK + SNAPSHOT_FREED_BYTES];
        truncated += stacks[2 * i + 1] & SNAPSHOT_STACK_TRUNCATED;
    }
    if (builder->process.flags & SNAPSHOT_COUNTERS_ONLY) {
        bytes = held;
        block_count = allocations - frees;
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
    struct snapshot_epoch first_epoch = {.number = 1};
    struct snapshot_bytes counters = counter_rows(builder);
    struct snapshot_account account = full_account(builder, &counters);
    struct snapshot_process process = builder->process;
    struct snapshot_bytes epochs = builder->epochs;
    struct snapshot_bytes blocks = builder_block_rows(builder, false);
    struct snapshot_bytes tracked = builder_block_rows(builder, true);
    struct snapshot_bytes owners = rows_of(builder, &builder->owners, 2);
    struct snapshot_bytes more = rows_of(builder, &builder->more_counters, 3);
    struct snapshot_build build;
    void *data;

    if (!builder->epochs_set)
        epochs =
            (struct snapshot_bytes){.data = (uint8_t *)&first_epoch, .size = sizeof(first_epoch)};

    snapshot_build_begin(&build, builder->version);
    build.compressed = builder->compressed;
    builder_put_section(builder, &build, SNAPSHOT_STRINGS, SNAPSHOT_BYTES, builder->strings.size,
                        &builder->strings);
    builder_put_section(builder, &build, SNAPSHOT_PROCESS, SNAPSHOT_FIXED, 1,
                        &(struct snapshot_bytes){(uint8_t *)&process, sizeof(process), 0});
    builder_put_fixed(builder, &build, SNAPSHOT_MODULES, &builder->modules,
                      sizeof(struct snapshot_module));
    builder_put_fixed(builder, &build, SNAPSHOT_SEGMENTS, &builder->segments,
                      sizeof(struct snapshot_segment));
    builder_put_varints(builder, &build, SNAPSHOT_FRAMES, &builder->frames, 3, 1);
    builder_put_varints(builder, &build, SNAPSHOT_STACKS, &builder->stacks, 2, 2);
    builder_put_varints(builder, &build, SNAPSHOT_COUNTERS, &counters, SNAPSHOT_COUNTERS_PER_STACK,
                        SNAPSHOT_COUNTERS_PER_STACK);
    if (!(process.flags & SNAPSHOT_COUNTERS_ONLY))
        builder_put_varints(builder, &build, SNAPSHOT_BLOCKS, &blocks, 4, 0);
    if (tracked.size > 0 && !(process.flags & SNAPSHOT_COUNTERS_ONLY))
        builder_put_varints(builder, &build, SNAPSHOT_TRACKED, &tracked, 4, 0);
    if (owners.size > 0)
        builder_put_varints(builder, &build, SNAPSHOT_OWNERS, &owners, 2, 2);
    if (more.size > 0)
        builder_put_varints(builder, &build, SNAPSHOT_MORE_COUNTERS, &more, 3, 3);
    if (builder->names.size > 0)
        builder_put_fixed(builder, &build, SNAPSHOT_NAMES, &builder->names,
                          sizeof(struct snapshot_name));
    builder_put_fixed(builder, &build, SNAPSHOT_EPOCHS, &epochs, sizeof(struct snapshot_epoch));
    builder_put_fixed(builder, &build, SNAPSHOT_THREADS, &builder->threads,
                      sizeof(struct snapshot_thread));
    builder_put_varints(builder, &build, SNAPSHOT_TIMELINE, &builder->samples, 4, 0);
    builder_put_section(builder, &build, SNAPSHOT_ACCOUNT, SNAPSHOT_FIXED, 1,
                        &(struct snapshot_bytes){(uint8_t *)&account, sizeof(account), 0});
    if (builder->points.size > 0)
        builder_put_series(builder, &build);
    if (builder->parts.size > 0)
        builder_put_fixed(builder, &build, SNAPSHOT_PARTS, &builder->parts,
                          sizeof(struct snapshot_process));
    if (builder->origins.size > 0)
        builder_put_varints(builder, &build, SNAPSHOT_ORIGINS, &builder->origins, 1, 1);

    if (builder->has_graph)
        builder_put_graph(builder, &build);

    for (size_t i = 0; i < builder->extras.size / sizeof(struct builder_extra); i++) {
        const struct builder_extra *extra = (const struct builder_extra *)builder->extras.data + i;

        snapshot_build_raw(&build, &extra->section, extra->payload.data);
    }
    free(counters.data);
    free(blocks.data);
    free(tracked.data);
    free(owners.data);
    free(more.data);
    if (builder->omitted & 1u << SNAPSHOT_END) {
        *out_size = build.file.size;
        return builder_check(build.failed ? NULL : build.file.data);
    }
    return snapshot_build_finish(&build, &data, out_size) == 0 ? data : builder_check(NULL);
}
