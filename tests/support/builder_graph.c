/* The heap graph: words become edges between blocks by rank, or words that point into a module. */
#include "builder_parts.h"

#include "format/varint.h"

#include <stdlib.h>
#include <string.h>

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
    const struct builder_pointer *a = left, *b = right;

    if (a->node != b->node)
        return a->node < b->node ? -1 : 1;
    return (a->offset > b->offset) - (a->offset < b->offset);
}

/* Add the section KIND of ROWS of WIDTH numbers, the columns whose bits are in DELTAS as
 * differences. */
static void builder_put_rows(const struct snapshot_builder *builder, struct snapshot_build *build,
                             uint32_t kind, struct snapshot_bytes *rows, size_t width,
                             unsigned deltas)
{
    const uint64_t *values = (const uint64_t *)rows->data;
    size_t count = rows->size / (width * sizeof(*values));
    struct snapshot_bytes payload = {0};

    for (size_t i = 0; i < count * width; i++) {
        bool is_delta = deltas & 1u << i % width;

        builder_bytes_add_varint(
            &payload,
            is_delta ? varint_delta(values[i], i < width ? 0 : values[i - width]) : values[i]);
    }
    builder_put_section(builder, build, kind, SNAPSHOT_VARINT, count, &payload);
    free(payload.data);
}

void builder_put_graph(const struct snapshot_builder *builder, struct snapshot_build *build)
{
    struct snapshot_bytes rows = builder_block_rows(builder, false);
    const uint64_t *blocks = (const uint64_t *)rows.data;
    size_t block_count = rows.size / (4 * sizeof(*blocks));
    size_t pointer_count = builder->pointers.size / sizeof(struct builder_pointer);
    struct snapshot_bytes places = {0}, root_edges = {0}, edges = {0}, words = {0};
    struct snapshot_bytes root_frames = builder->root_frames;
    struct snapshot_graph graph = builder->graph;
    struct builder_pointer *pointers = builder_check(malloc(builder->pointers.size + 1));

    for (size_t i = 0; i < block_count; i++)
        builder_bytes_add(&places, &(struct place){blocks[4 * i], blocks[4 * i + 1]},
                          sizeof(struct place));
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
        const struct builder_pointer *pointer = &pointers[i];
        size_t target = find_place(&places, pointer->value);
        uint64_t row[4] = {pointer->node, pointer->offset, target};

        if (target == SIZE_MAX) {
            row[2] = pointer->value;
            builder_bytes_add(&words, row, 3 * sizeof(*row));
            continue;
        }
        row[3] = (pointer->value - ((struct place *)places.data)[target].address)
                     << SNAPSHOT_INSIDE_SHIFT |
                 pointer->inside;
        builder_bytes_add(pointer->in_root ? &root_edges : &edges, row, sizeof(row));
    }
    if (graph.scanned_blocks == 0)
        graph.scanned_blocks = block_count;
    builder_put_section(builder, build, SNAPSHOT_GRAPH, SNAPSHOT_FIXED, 1,
                        &(struct snapshot_bytes){(uint8_t *)&graph, sizeof(graph), 0});
    builder_put_fixed(builder, build, SNAPSHOT_ROOTS, &builder->roots,
                      sizeof(struct snapshot_root));
    builder_put_rows(builder, build, SNAPSHOT_ROOT_FRAMES, &root_frames, 4, 1u << 1 | 1u << 2);
    builder_put_rows(builder, build, SNAPSHOT_ROOT_EDGES, &root_edges, 4, 1u << 0 | 1u << 2);
    builder_put_rows(builder, build, SNAPSHOT_EDGES, &edges, 4, 1u << 0 | 1u << 2);
    builder_put_rows(builder, build, SNAPSHOT_MODULE_WORDS, &words, 3, 1u << 0 | 1u << 2);
    free(pointers);
    free(rows.data);
    free(places.data);
    free(root_edges.data);
    free(edges.data);
    free(words.data);
}
