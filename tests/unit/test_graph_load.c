/* The sections of the heap graph as a heap shows them, and each way in which they may be damaged. */
#include "built_heap.h"

#include "format/varint.h"
#include "model/heap.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Two blocks of 32 bytes, one stack and one module as roots. */
static struct snapshot_builder *describe(void)
{
    struct snapshot_builder *builder = snapshot_builder_create();
    struct snapshot_root root = {
        .kind = SNAPSHOT_ROOT_MODULE, .start = 0x401000, .size = 0x100, .module = 1};

    snapshot_builder_module(builder, 0x400000, 0x402000, 0x400000, "/opt/app/app", "", 0, 1);
    snapshot_builder_stack(builder, snapshot_builder_frame(builder, 0, 0x400010, 1), 0);
    snapshot_builder_block(builder, 0x9000, 32, 0, 1);
    snapshot_builder_block(builder, 0x5000, 32, 0, 1);
    snapshot_builder_graph(builder)->flags = SNAPSHOT_GRAPH_REGISTERS;
    snapshot_builder_root(builder, &root);
    root = (struct snapshot_root){
        .kind = SNAPSHOT_ROOT_STACK, .start = 0x7000, .size = 0x100, .thread = 7,
        .name = snapshot_builder_string(builder, "[stack]")};
    snapshot_builder_root(builder, &root);
    return builder;
}

static void the_graph_is_as_described(void **state)
{
    struct snapshot_builder *builder = describe();
    struct error error = {0};
    struct heap *heap = NULL;

    (void)state;
    snapshot_builder_root_frame(builder, 1, 0x7080, 0x400033, 1);
    snapshot_builder_root_frame(builder, 1, 0x7100, 0x1, 0);
    snapshot_builder_pointer(builder, 0x9008, 0x5018, SNAPSHOT_INSIDE_NEWARRAY);
    snapshot_builder_pointer(builder, 0x9000, 0x400100, 0);
    snapshot_builder_pointer(builder, 0x7010, 0x9000, 0);
    snapshot_builder_pointer(builder, 0x401020, 0x9000, 0);
    snapshot_builder_pointer(builder, 0x401018, 0x5000, 0);
    if (built_heap_parse(builder, true, &heap, &error) != 0)
        fail_msg("%s", error.text);

    assert_int_equal(heap->graph->flags, SNAPSHOT_GRAPH_REGISTERS);
    assert_int_equal(heap->graph->scanned_blocks, 2);
    assert_int_equal(heap->root_count, 2);
    assert_int_equal(heap->roots[0].module, 1);
    assert_int_equal(heap->roots[1].thread, 7);
    assert_string_equal(heap->roots[1].name, "[stack]");
    assert_int_equal(heap->root_frame_count, 2);
    assert_int_equal(heap->root_frames[0].end, 0x7080);
    assert_int_equal(heap->root_frames[1].address, 1);
    assert_true(heap->has_edges);
    assert_int_equal(heap->edges.count, 4);
    assert_memory_equal(heap->edges.first, ((uint32_t[]){0, 2, 3, 3, 4}), 20);
    assert_memory_equal(heap->edges.target, ((uint32_t[]){0, 1, 1, 0}), 16);
    assert_memory_equal(heap->edges.offset, ((uint32_t[]){0x18, 0x20, 0x10, 8}), 16);
    assert_memory_equal(heap->edges.inside,
                        ((uint32_t[]){0, 0, 0, 0x18 << 3 | SNAPSHOT_INSIDE_NEWARRAY}), 16);
    assert_int_equal(heap->edges.wide_count, 0);
    assert_int_equal(heap->module_word_count, 1);
    assert_int_equal(heap->module_words[0].block, 1);
    assert_int_equal(heap->module_words[0].address, 0x400100);
    heap_destroy(heap);

    builder = describe();
    snapshot_builder_pointer(builder, 0x401020, 0x9000, 0);
    assert_int_equal(built_heap_parse(builder, false, &heap, &error), 0);
    assert_non_null(heap->graph);
    assert_false(heap->has_edges);
    heap_destroy(heap);

    builder = describe();
    for (uint32_t kind = SNAPSHOT_GRAPH; kind <= SNAPSHOT_MODULE_WORDS; kind++)
        snapshot_builder_omit(builder, kind);
    assert_int_equal(built_heap_parse(builder, true, &heap, &error), 0);
    assert_null(heap->graph);
    assert_false(heap->has_edges);
    heap_destroy(heap);
}

#define GIGA (UINT64_C(1) << 30)

/* Blocks of gigabytes, with pointers that lie far in, and lead far in. */
static void numbers_may_be_large(void **state)
{
    static const struct {
        uint64_t from, to;
    } edges[] = {
        {0, 0}, {UINT32_MAX, 8}, {UINT64_C(1) << 32, 0}, {8 * GIGA, GIGA / 2}, {9 * GIGA, 9 * GIGA},
    };
    struct snapshot_builder *builder = describe();
    struct error error = {0};
    struct heap *heap = NULL;

    (void)state;
    snapshot_builder_block(builder, 64 * GIGA, 10 * GIGA, 0, 1);
    for (size_t i = 0; i < 5; i++)
        snapshot_builder_pointer(builder, 64 * GIGA + edges[i].from, 64 * GIGA + edges[i].to, 0);
    if (built_heap_parse(builder, true, &heap, &error) != 0)
        fail_msg("%s", error.text);
    assert_int_equal(heap->edges.count, 5);
    assert_int_equal(heap->edges.wide_count, 4);
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(heap_edges_offset(&heap->edges, i), edges[i].from);
        assert_int_equal(heap_edges_inside(&heap->edges, i) >> SNAPSHOT_INSIDE_SHIFT, edges[i].to);
    }
    heap_destroy(heap);
}

static void expect_damage(struct snapshot_builder *builder, const char *words)
{
    struct error error = {0};
    struct heap *heap = NULL;

    assert_int_equal(built_heap_parse(builder, true, &heap, &error), -EBADMSG);
    assert_null(heap);
    if (!strstr(error.text, words))
        fail_msg("\"%s\" is not in: %s", words, error.text);
}

/* Expect WORDS if the section KIND consists of COUNT records of the small NUMBERS. */
static void expect_damaged_records(uint32_t kind, uint64_t count, const uint8_t *numbers,
                                   size_t size, const char *words)
{
    struct snapshot_builder *builder = describe();

    snapshot_builder_omit(builder, kind);
    snapshot_builder_section(builder, kind, SNAPSHOT_VARINT, count, numbers, size, size);
    expect_damage(builder, words);
}

#define EXPECT_DAMAGED(kind, count, words, ...) \
    expect_damaged_records(kind, count, (uint8_t[]){__VA_ARGS__}, \
                           sizeof((uint8_t[]){__VA_ARGS__}), words)

static void damage_is_met(void **state)
{
    struct snapshot_root root = {.kind = 0};
    struct snapshot_builder *builder;

    (void)state;
    /* Δ is folded: 2 is 1, 1 is -1. */
    EXPECT_DAMAGED(SNAPSHOT_EDGES, 1, "leads from block 2 of 2", 4, 0, 0, 0);
    EXPECT_DAMAGED(SNAPSHOT_EDGES, 1, "to block 2 of 2", 0, 0, 4, 0);
    EXPECT_DAMAGED(SNAPSHOT_EDGES, 2, "leads from block 0 of 2, behind 1", 2, 0, 0, 0, 1, 0, 0, 0);
    EXPECT_DAMAGED(SNAPSHOT_EDGES, 1, "lies 32 bytes into block 0 of 32", 0, 32, 0, 0);
    EXPECT_DAMAGED(SNAPSHOT_EDGES, 2, "or behind a later one", 0, 8, 0, 0, 0, 8, 0, 0);
    EXPECT_DAMAGED(SNAPSHOT_EDGES, 1, "points 32 bytes into block 0", 0, 0, 0, 0x80, 2);
    EXPECT_DAMAGED(SNAPSHOT_EDGES, 1, "bytes behind its last record", 0, 0, 0, 0, 0);
    EXPECT_DAMAGED(SNAPSHOT_EDGES, 1, "does not end", 0, 0, 0, 0x80);
    EXPECT_DAMAGED(SNAPSHOT_ROOT_EDGES, 1, "leads from root 2 of 2", 4, 0, 0, 0);
    EXPECT_DAMAGED(SNAPSHOT_ROOT_EDGES, 1, "lies 256 bytes into root 0", 0, 0x80, 2, 0, 0);
    EXPECT_DAMAGED(SNAPSHOT_ROOT_FRAMES, 1, "is no stack", 0, 0, 0, 0);
    EXPECT_DAMAGED(SNAPSHOT_ROOT_FRAMES, 1, "is no stack", 2, 0, 0, 0);
    EXPECT_DAMAGED(SNAPSHOT_ROOT_FRAMES, 1, "in module 2 of 1", 1, 0, 0, 2);
    EXPECT_DAMAGED(SNAPSHOT_ROOT_FRAMES, 2, "out of order", 1, 2, 0, 0, 1, 1, 0, 0);
    EXPECT_DAMAGED(SNAPSHOT_MODULE_WORDS, 1, "lies 32 bytes into block 0", 0, 32, 0);
    EXPECT_DAMAGED(SNAPSHOT_MODULE_WORDS, 1, "into block 2", 4, 0, 0);
    EXPECT_DAMAGED(SNAPSHOT_MODULE_WORDS, 2, "out of order", 0, 8, 0, 0, 8, 0);

    builder = describe();
    snapshot_builder_graph(builder)->scanned_blocks = 3;
    expect_damage(builder, "3 blocks were looked at, there are 2");
    builder = describe();
    snapshot_builder_omit(builder, SNAPSHOT_GRAPH);
    expect_damage(builder, "there is no section GRAPH");
    builder = describe();
    snapshot_builder_root(builder, &root);
    expect_damage(builder, "root 2 is of kind 0");
    builder = describe();
    root = (struct snapshot_root){.kind = SNAPSHOT_ROOT_TLS, .module = 2};
    snapshot_builder_root(builder, &root);
    expect_damage(builder, "root 2 lies in module 2 of 1");
    builder = describe();
    root = (struct snapshot_root){.kind = SNAPSHOT_ROOT_TLS, .start = UINT64_MAX, .size = 2};
    snapshot_builder_root(builder, &root);
    expect_damage(builder, "root 2 ends before it begins");
    builder = describe();
    root = (struct snapshot_root){.kind = SNAPSHOT_ROOT_TLS, .name = 9999};
    snapshot_builder_root(builder, &root);
    expect_damage(builder, "there is no string 9999");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_graph_is_as_described),
        cmocka_unit_test(numbers_may_be_large),
        cmocka_unit_test(damage_is_met),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
