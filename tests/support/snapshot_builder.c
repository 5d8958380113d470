#include "snapshot_builder.h"

#include "format/varint.h"
#include "model/snapshot_build.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct counters {
    bool set;
    uint64_t values[SNAPSHOT_COUNTERS_PER_STACK];
};

struct extra {
    struct snapshot_section section;
    struct snapshot_bytes payload;
};

/* A word that points into a block or a module. */
struct pointer {
    bool in_root;
    uint64_t node; /* root by number, block by rank */
    uint64_t offset, value;
    unsigned inside;
};

struct snapshot_builder {
    uint32_t version;
    bool compressed;
    uint32_t omitted; /* a bit per kind */
    struct snapshot_process process;
    struct snapshot_account account;
    bool epochs_set;
    /* Arrays of the records. */
    struct snapshot_bytes strings, modules, segments, epochs, threads;
    struct snapshot_bytes frames;   /* uint64_t[3] */
    struct snapshot_bytes stacks;   /* uint64_t[2] */
    struct snapshot_bytes counters; /* struct counters */
    struct snapshot_bytes blocks;   /* uint64_t[4] */
    struct snapshot_bytes samples;  /* uint64_t[4] */
    struct snapshot_bytes points;   /* uint64_t[2]: time and changes */
    struct snapshot_bytes changes;  /* uint64_t[3]: of the points in turn, what a stack holds */
    struct snapshot_bytes parts;
    struct snapshot_bytes origins;  /* uint64_t per stack */
    struct snapshot_bytes owners;   /* uint64_t[2] per stack; empty: no section */
    struct snapshot_bytes more_counters; /* uint64_t[3] per stack; the same */
    struct snapshot_bytes names;    /* struct snapshot_name */
    struct snapshot_bytes extras;   /* struct extra */
    bool has_graph;
    struct snapshot_graph graph;
    struct snapshot_bytes roots;       /* struct snapshot_root */
    struct snapshot_bytes root_frames; /* uint64_t[4] */
    struct snapshot_bytes pointers;    /* struct pointer; node: address, unless offset is known */
};

static void *check(void *memory)
{
    if (!memory)
        abort();
    return memory;
}

static void bytes_add(struct snapshot_bytes *bytes, const void *data, size_t size)
{
    if (!snapshot_bytes_add(bytes, data, size))
        abort();
}

static void bytes_add_varint(struct snapshot_bytes *bytes, uint64_t value)
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

void snapshot_builder_more_counters(struct snapshot_builder *builder, uint32_t stack,
                                    const uint64_t counters[3])
{
    const uint64_t none[3] = {0};

    while (builder->more_counters.size <= stack * sizeof(none))
        bytes_add(&builder->more_counters, none, sizeof(none));
    memcpy(builder->more_counters.data + stack * sizeof(none), counters, sizeof(none));
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

void snapshot_builder_point(struct snapshot_builder *builder, uint64_t time)
{
    uint64_t point[2] = {time, 0};

    bytes_add(&builder->points, point, sizeof(point));
}

void snapshot_builder_change(struct snapshot_builder *builder, uint32_t stack, uint64_t bytes,
                             uint64_t blocks)
{
    uint64_t change[3] = {stack, bytes, blocks};

    bytes_add(&builder->changes, change, sizeof(change));
    ((uint64_t *)(builder->points.data + builder->points.size))[-1]++;
}

void snapshot_builder_part(struct snapshot_builder *builder, const struct snapshot_process *part)
{
    bytes_add(&builder->parts, part, sizeof(*part));
}

void snapshot_builder_origin(struct snapshot_builder *builder, uint64_t part)
{
    bytes_add(&builder->origins, &part, sizeof(part));
}

void snapshot_builder_owner(struct snapshot_builder *builder, uint32_t stack, uint64_t domain,
                            uint64_t thread)
{
    uint64_t nobody[2] = {0}, owner[2] = {domain, thread};

    while (builder->owners.size <= stack * sizeof(owner))
        bytes_add(&builder->owners, nobody, sizeof(nobody));
    memcpy(builder->owners.data + stack * sizeof(owner), owner, sizeof(owner));
}

void snapshot_builder_called(struct snapshot_builder *builder, const char *called)
{
    struct snapshot_name name = {snapshot_builder_string(builder, called)};

    bytes_add(&builder->names, &name, sizeof(name));
}

struct snapshot_graph *snapshot_builder_graph(struct snapshot_builder *builder)
{
    builder->has_graph = true;
    return &builder->graph;
}

uint32_t snapshot_builder_root(struct snapshot_builder *builder, const struct snapshot_root *root)
{
    bytes_add(&builder->roots, root, sizeof(*root));
    return (uint32_t)(builder->roots.size / sizeof(*root)) - 1;
}

void snapshot_builder_root_frame(struct snapshot_builder *builder, uint32_t root, uint64_t end,
                                 uint64_t address, uint32_t module)
{
    uint64_t frame[4] = {root, end, address, module};

    bytes_add(&builder->root_frames, frame, sizeof(frame));
}

void snapshot_builder_pointer(struct snapshot_builder *builder, uint64_t address, uint64_t value,
                              unsigned inside)
{
    const struct snapshot_root *roots = (const struct snapshot_root *)builder->roots.data;
    struct pointer pointer = {.node = address, .value = value, .inside = inside};

    for (uint32_t i = 0; i < builder->roots.size / sizeof(*roots); i++) {
        if (roots[i].start != 0 && address - roots[i].start < roots[i].size) {
            snapshot_builder_root_pointer(builder, i, address - roots[i].start, value, inside);
            return;
        }
    }
    bytes_add(&builder->pointers, &pointer, sizeof(pointer));
}

void snapshot_builder_root_pointer(struct snapshot_builder *builder, uint32_t root, uint64_t offset,
                                   uint64_t value, unsigned inside)
{
    struct pointer pointer = {
        .in_root = true, .node = root, .offset = offset, .value = value, .inside = inside};

    bytes_add(&builder->pointers, &pointer, sizeof(pointer));
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

/* Add one described section. */
static void put_section(const struct snapshot_builder *builder, struct snapshot_build *build,
                        uint32_t kind, uint32_t encoding, uint64_t count,
                        const struct snapshot_bytes *payload)
{
    if (!(builder->omitted & 1u << kind))
        snapshot_build_section(build, kind, encoding, count, payload->data, payload->size);
}

/* Add a section of the records of SIZE bytes in RECORDS. */
static void put_fixed(const struct snapshot_builder *builder, struct snapshot_build *build,
                      uint32_t kind, const struct snapshot_bytes *records, size_t size)
{
    put_section(builder, build, kind, SNAPSHOT_FIXED, records->size / size, records);
}

/* Add a section of varints: the rows of WIDTH numbers in ROWS, column DELTA as
 * differences (WIDTH: none). */
static void put_varints(const struct snapshot_builder *builder, struct snapshot_build *build,
                        uint32_t kind, const struct snapshot_bytes *rows, size_t width,
                        size_t delta)
{
    const uint64_t *values = (const uint64_t *)rows->data;

    if (!(builder->omitted & 1u << kind))
        snapshot_build_varints(build, kind, values, width, delta,
                               rows->size / (width * sizeof(*values)));
}

/* What a stack held at the point before. */
struct held {
    uint64_t stack, bytes, blocks;
};

/* Find STACK in LIST, or add it as one that holds nothing. */
static struct held *find_held(struct snapshot_bytes *list, uint64_t stack)
{
    struct held fresh = {.stack = stack};
    size_t count = list->size / sizeof(fresh);

    for (size_t i = 0; i < count; i++) {
        if (((struct held *)list->data)[i].stack == stack)
            return (struct held *)list->data + i;
    }
    bytes_add(list, &fresh, sizeof(fresh));
    return (struct held *)list->data + count;
}

static void put_series(const struct snapshot_builder *builder, struct snapshot_build *build)
{
    const uint64_t *point = (const uint64_t *)builder->points.data;
    const uint64_t *change = (const uint64_t *)builder->changes.data;
    size_t count = builder->points.size / (2 * sizeof(*point));
    struct snapshot_bytes payload = {0}, list = {0};
    uint64_t time = 0;

    for (size_t i = 0; i < count; i++, point += 2) {
        uint64_t stack = 0;

        bytes_add_varint(&payload, varint_delta(point[0], time));
        bytes_add_varint(&payload, point[1]);
        time = point[0];
        for (size_t j = 0; j < point[1]; j++, change += 3) {
            struct held *held = find_held(&list, change[0]);

            bytes_add_varint(&payload, change[0] - stack);
            bytes_add_varint(&payload, varint_delta(change[1], held->bytes));
            bytes_add_varint(&payload, varint_delta(change[2], held->blocks));
            *held = (struct held){change[0], change[1], change[2]};
            stack = change[0];
        }
    }
    put_section(builder, build, SNAPSHOT_SERIES, SNAPSHOT_VARINT, count, &payload);
    free(payload.data);
    free(list.data);
}

/* The counters of each stack as rows: as set, or what its blocks say. */
static struct snapshot_bytes counter_rows(const struct snapshot_builder *builder)
{
    const struct counters *counters = (const struct counters *)builder->counters.data;
    size_t count = builder->counters.size / sizeof(*counters);
    const uint64_t *blocks = (const uint64_t *)builder->blocks.data;
    struct snapshot_bytes rows = {0};
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

/* What is SET of some stacks, WIDTH numbers each, as rows of all stacks; none if nothing is. */
static struct snapshot_bytes rows_of(const struct snapshot_builder *builder,
                                     const struct snapshot_bytes *set, size_t width)
{
    const uint64_t zero = 0;
    size_t size = builder->stacks.size / 2 * width;
    struct snapshot_bytes rows = {0};

    if (set->size == 0)
        return rows;
    bytes_add(&rows, set->data, set->size < size ? set->size : size);
    while (rows.size < size)
        bytes_add(&rows, &zero, sizeof(zero));
    return rows;
}

/* The blocks that are, or are not, of the allocator itself. */
static struct snapshot_bytes block_rows(const struct snapshot_builder *builder, bool tracked)
{
    const uint64_t *blocks = (const uint64_t *)builder->blocks.data;
    const uint64_t *owners = (const uint64_t *)builder->owners.data;
    size_t owner_count = builder->owners.size / (2 * sizeof(*owners));
    struct snapshot_bytes rows = {0};

    for (size_t i = 0; i < builder->blocks.size / (4 * sizeof(*blocks)); i++) {
        uint64_t stack = blocks[4 * i + 2];

        if ((stack < owner_count && owners[2 * stack] != 0) == tracked)
            bytes_add(&rows, &blocks[4 * i], 4 * sizeof(*blocks));
    }
    return rows;
}

struct place {
    uint64_t address, size;
};

static int compare_places(const void *left, const void *right)
{
    const struct place *a = left, *b = right;

    return (a->address > b->address) - (a->address < b->address);
}

/* The rank of the block in PLACES that ADDRESS lies in; SIZE_MAX if it lies in none. */
static size_t find_place(const struct snapshot_bytes *places, uint64_t address)
{
    const struct place *place = (const struct place *)places->data;
    size_t low = 0, high = places->size / sizeof(*place);

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (place[middle].address <= address)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0)
        return SIZE_MAX;
    place += low - 1;
    return address - place->address < (place->size ? place->size : 1) ? low - 1 : SIZE_MAX;
}

static int compare_pointers(const void *left, const void *right)
{
    const struct pointer *a = left, *b = right;

    if (a->node != b->node)
        return a->node < b->node ? -1 : 1;
    return (a->offset > b->offset) - (a->offset < b->offset);
}

/* Add the section KIND of ROWS of WIDTH numbers, the columns whose bits are in DELTAS as
 * differences. */
static void put_rows(const struct snapshot_builder *builder, struct snapshot_build *build,
                     uint32_t kind, struct snapshot_bytes *rows, size_t width, unsigned deltas)
{
    const uint64_t *values = (const uint64_t *)rows->data;
    size_t count = rows->size / (width * sizeof(*values));
    struct snapshot_bytes payload = {0};

    for (size_t i = 0; i < count * width; i++) {
        bool is_delta = deltas & 1u << i % width;

        bytes_add_varint(&payload, is_delta ? varint_delta(values[i], i < width ? 0
                                                                                : values[i - width])
                                            : values[i]);
    }
    put_section(builder, build, kind, SNAPSHOT_VARINT, count, &payload);
    free(payload.data);
}

static void put_graph(const struct snapshot_builder *builder, struct snapshot_build *build)
{
    struct snapshot_bytes rows = block_rows(builder, false);
    const uint64_t *blocks = (const uint64_t *)rows.data;
    size_t block_count = rows.size / (4 * sizeof(*blocks));
    size_t pointer_count = builder->pointers.size / sizeof(struct pointer);
    struct snapshot_bytes places = {0}, root_edges = {0}, edges = {0}, words = {0};
    struct snapshot_bytes root_frames = builder->root_frames;
    struct snapshot_graph graph = builder->graph;
    struct pointer *pointers = check(malloc(builder->pointers.size + 1));

    for (size_t i = 0; i < block_count; i++)
        bytes_add(&places, &(struct place){blocks[4 * i], blocks[4 * i + 1]}, sizeof(struct place));
    if (block_count > 0)
        qsort(places.data, block_count, sizeof(struct place), compare_places);
    if (pointer_count > 0)
        memcpy(pointers, builder->pointers.data, builder->pointers.size);
    for (size_t i = 0; i < pointer_count; i++) {
        size_t rank;

        if (pointers[i].in_root)
            continue;
        rank = find_place(&places, pointers[i].node);
        if (rank == SIZE_MAX)
            abort();
        pointers[i].offset = pointers[i].node - ((struct place *)places.data)[rank].address;
        pointers[i].node = rank;
    }
    qsort(pointers, pointer_count, sizeof(*pointers), compare_pointers);
    for (size_t i = 0; i < pointer_count; i++) {
        const struct pointer *pointer = &pointers[i];
        size_t target = find_place(&places, pointer->value);
        uint64_t row[4] = {pointer->node, pointer->offset, target};

        if (target == SIZE_MAX) {
            row[2] = pointer->value;
            bytes_add(&words, row, 3 * sizeof(*row));
            continue;
        }
        row[3] = (pointer->value - ((struct place *)places.data)[target].address)
                     << SNAPSHOT_INSIDE_SHIFT |
                 pointer->inside;
        bytes_add(pointer->in_root ? &root_edges : &edges, row, sizeof(row));
    }
    if (graph.scanned_blocks == 0)
        graph.scanned_blocks = block_count;
    put_section(builder, build, SNAPSHOT_GRAPH, SNAPSHOT_FIXED, 1,
                &(struct snapshot_bytes){(uint8_t *)&graph, sizeof(graph), 0});
    put_fixed(builder, build, SNAPSHOT_ROOTS, &builder->roots, sizeof(struct snapshot_root));
    put_rows(builder, build, SNAPSHOT_ROOT_FRAMES, &root_frames, 4, 1u << 1 | 1u << 2);
    put_rows(builder, build, SNAPSHOT_ROOT_EDGES, &root_edges, 4, 1u << 0 | 1u << 2);
    put_rows(builder, build, SNAPSHOT_EDGES, &edges, 4, 1u << 0 | 1u << 2);
    put_rows(builder, build, SNAPSHOT_MODULE_WORDS, &words, 3, 1u << 0 | 1u << 2);
    free(pointers);
    free(rows.data);
    free(places.data);
    free(root_edges.data);
    free(edges.data);
    free(words.data);
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
    struct snapshot_bytes blocks = block_rows(builder, false);
    struct snapshot_bytes tracked = block_rows(builder, true);
    struct snapshot_bytes owners = rows_of(builder, &builder->owners, 2);
    struct snapshot_bytes more = rows_of(builder, &builder->more_counters, 3);
    struct snapshot_build build;
    void *data;

    if (!builder->epochs_set)
        epochs =
            (struct snapshot_bytes){.data = (uint8_t *)&first_epoch, .size = sizeof(first_epoch)};

    snapshot_build_begin(&build, builder->version);
    build.compressed = builder->compressed;
    put_section(builder, &build, SNAPSHOT_STRINGS, SNAPSHOT_BYTES, builder->strings.size,
                &builder->strings);
    put_section(builder, &build, SNAPSHOT_PROCESS, SNAPSHOT_FIXED, 1,
                &(struct snapshot_bytes){(uint8_t *)&process, sizeof(process), 0});
    put_fixed(builder, &build, SNAPSHOT_MODULES, &builder->modules,
              sizeof(struct snapshot_module));
    put_fixed(builder, &build, SNAPSHOT_SEGMENTS, &builder->segments,
              sizeof(struct snapshot_segment));
    put_varints(builder, &build, SNAPSHOT_FRAMES, &builder->frames, 3, 1);
    put_varints(builder, &build, SNAPSHOT_STACKS, &builder->stacks, 2, 2);
    put_varints(builder, &build, SNAPSHOT_COUNTERS, &counters, SNAPSHOT_COUNTERS_PER_STACK,
                SNAPSHOT_COUNTERS_PER_STACK);
    if (!(process.flags & SNAPSHOT_COUNTERS_ONLY))
        put_varints(builder, &build, SNAPSHOT_BLOCKS, &blocks, 4, 0);
    if (tracked.size > 0 && !(process.flags & SNAPSHOT_COUNTERS_ONLY))
        put_varints(builder, &build, SNAPSHOT_TRACKED, &tracked, 4, 0);
    if (owners.size > 0)
        put_varints(builder, &build, SNAPSHOT_OWNERS, &owners, 2, 2);
    if (more.size > 0)
        put_varints(builder, &build, SNAPSHOT_MORE_COUNTERS, &more, 3, 3);
    if (builder->names.size > 0)
        put_fixed(builder, &build, SNAPSHOT_NAMES, &builder->names, sizeof(struct snapshot_name));
    put_fixed(builder, &build, SNAPSHOT_EPOCHS, &epochs, sizeof(struct snapshot_epoch));
    put_fixed(builder, &build, SNAPSHOT_THREADS, &builder->threads,
              sizeof(struct snapshot_thread));
    put_varints(builder, &build, SNAPSHOT_TIMELINE, &builder->samples, 4, 0);
    put_section(builder, &build, SNAPSHOT_ACCOUNT, SNAPSHOT_FIXED, 1,
                &(struct snapshot_bytes){(uint8_t *)&account, sizeof(account), 0});
    if (builder->points.size > 0)
        put_series(builder, &build);
    if (builder->parts.size > 0)
        put_fixed(builder, &build, SNAPSHOT_PARTS, &builder->parts,
                  sizeof(struct snapshot_process));
    if (builder->origins.size > 0)
        put_varints(builder, &build, SNAPSHOT_ORIGINS, &builder->origins, 1, 1);

    if (builder->has_graph)
        put_graph(builder, &build);

    for (size_t i = 0; i < builder->extras.size / sizeof(struct extra); i++) {
        const struct extra *extra = (const struct extra *)builder->extras.data + i;

        snapshot_build_raw(&build, &extra->section, extra->payload.data);
    }
    free(counters.data);
    free(blocks.data);
    free(tracked.data);
    free(owners.data);
    free(more.data);
    if (builder->omitted & 1u << SNAPSHOT_END) {
        *out_size = build.file.size;
        return check(build.failed ? NULL : build.file.data);
    }
    return snapshot_build_finish(&build, &data, out_size) == 0 ? data : check(NULL);
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
