/* The classes, against a naive reading of their definition on random graphs; pointers that are
 * inside a block on purpose; and what would go with some blocks. */
#include "random_graph.h"

#include <string.h>

/* The class of BLOCK by definition: from the closure of all edges, and that of those to starts. */
static enum graph_class naive_class(const struct random_graph *random, size_t block,
                                    bool reach[][RANDOM_NODES_MAX])
{
    bool starts[RANDOM_NODES_MAX] = {0}, all[RANDOM_NODES_MAX] = {0};
    size_t node = random->roots + block;

    memset(starts, true, random->roots);
    memset(all, true, random->roots);
    naive_reach(random, 2, SIZE_MAX, starts);
    naive_reach(random, 1, SIZE_MAX, all);
    if (starts[node])
        return GRAPH_STILL_REACHABLE;
    if (all[node])
        return GRAPH_POSSIBLY_LOST;
    for (size_t other = random->roots; other < random->nodes; other++) {
        if (other == node || all[other] || !reach[other][node])
            continue;
        /* Another lost block leads here: from outside, or from a lower address of the circle. */
        if (!reach[node][other] || other < node)
            return GRAPH_INDIRECTLY_LOST;
    }
    return GRAPH_DEFINITELY_LOST;
}

static void the_classes_are_as_defined(void **state)
{
    size_t seen[GRAPH_CLASS_COUNT] = {0};

    (void)state;
    for (size_t round = 0; round < 3000; round++) {
        bool reach[RANDOM_NODES_MAX][RANDOM_NODES_MAX] = {0};
        struct random_graph random;
        struct graph *graph = NULL;

        random_graph_make(&random);
        for (size_t i = 0; i < random.nodes; i++) {
            reach[i][i] = true;
            naive_reach(&random, 1, SIZE_MAX, reach[i]);
        }
        assert_int_equal(graph_create(random.heap, GRAPH_STRICT, &graph), 0);
        for (size_t i = 0; i < random.heap->block_count; i++) {
            enum graph_class expected = naive_class(&random, i, reach);

            if (graph->classes[i] != expected)
                fail_msg("round %zu: block %zu is %d, not %d", round, i, graph->classes[i],
                         expected);
            seen[expected]++;
        }
        graph_destroy(graph);
        heap_destroy(random.heap);
    }
    for (size_t i = 0; i < GRAPH_CLASS_COUNT; i++)
        assert_true(seen[i] > 1000);
}

static void a_circle_is_lost_once(void **state)
{
    struct snapshot_builder *builder = describe_nodes(1, 4);
    struct graph *graph = NULL;
    struct heap *heap;

    (void)state;
    snapshot_builder_pointer(builder, 0x100100, 0x100200, 0);
    snapshot_builder_pointer(builder, 0x100200, 0x100100, 0);
    snapshot_builder_pointer(builder, 0x100200 + 8, 0x100300, 0);
    snapshot_builder_pointer(builder, 0x100000, 0x100000, 0); /* at itself */
    heap = built_heap(builder);
    assert_int_equal(graph_create(heap, 0, &graph), 0);
    assert_int_equal(graph->classes[0], GRAPH_DEFINITELY_LOST);
    assert_int_equal(graph->classes[1], GRAPH_DEFINITELY_LOST);
    assert_int_equal(graph->classes[2], GRAPH_INDIRECTLY_LOST);
    assert_int_equal(graph->classes[3], GRAPH_INDIRECTLY_LOST);
    graph_destroy(graph);
    heap_destroy(heap);
}

/* The class of a block that a root points INSIDE bytes into, where SEEN was seen. */
static enum graph_class class_of_inside(uint64_t inside, unsigned seen, unsigned flags)
{
    struct snapshot_builder *builder = describe_nodes(1, 1);
    struct graph *graph = NULL;
    enum graph_class class;
    struct heap *heap;

    snapshot_builder_pointer(builder, 0x100, 0x100000 + inside, seen);
    heap = built_heap(builder);
    assert_int_equal(graph_create(heap, flags, &graph), 0);
    class = graph->classes[0];
    graph_destroy(graph);
    heap_destroy(heap);
    return class;
}

static void what_the_process_saw_counts_unless_strict(void **state)
{
    (void)state;
    assert_int_equal(class_of_inside(0, 0, 0), GRAPH_STILL_REACHABLE);
    assert_int_equal(class_of_inside(0, 0, GRAPH_STRICT), GRAPH_STILL_REACHABLE);
    assert_int_equal(class_of_inside(8, 0, 0), GRAPH_POSSIBLY_LOST);
    for (unsigned seen = SNAPSHOT_INSIDE_STDSTRING; seen <= SNAPSHOT_INSIDE_MULTIPLE_INHERITANCE;
         seen++) {
        assert_int_equal(class_of_inside(8, seen, 0), GRAPH_STILL_REACHABLE);
        assert_int_equal(class_of_inside(8, seen, GRAPH_STRICT), GRAPH_POSSIBLY_LOST);
    }
}

/* COUNT blocks of one stack in a chain, each pointed at 64 bytes from its start, all but the last also
 * STARTS times at that; and STRAYS more, each pointed at somewhere else. The class of the last in the
 * chain. */
static enum graph_class class_in_chain(size_t count, size_t starts, size_t strays, unsigned flags)
{
    struct snapshot_builder *builder = describe_nodes(1, 2 * (count + strays));
    struct graph *graph = NULL;
    enum graph_class class;
    struct heap *heap;

    snapshot_builder_pointer(builder, 0x100, 0x100000 + 64, 0);
    for (size_t i = 0; i + 1 < count; i++)
        snapshot_builder_pointer(builder, 0x100000 + 0x200 * i + 64,
                                 0x100000 + 0x200 * (i + 1) + 64, 0);
    for (size_t i = 0; i < strays; i++)
        snapshot_builder_pointer(builder, 0x100 + 8 + 8 * i,
                                 0x100000 + 0x200 * (count + i) + 8 * i + 72, 0);
    for (size_t i = 0; i < starts * (count - 1); i++)
        snapshot_builder_pointer(builder, 0x100 + 8 + 8 * (strays + i),
                                 0x100000 + 0x200 * (i % (count - 1)), 0);
    heap = built_heap(builder);
    assert_int_equal(graph_create(heap, flags, &graph), 0);
    class = graph->classes[2 * (count - 1)];
    graph_destroy(graph);
    heap_destroy(heap);
    return class;
}

static void memory_that_was_aligned_by_hand_counts_unless_strict(void **state)
{
    struct snapshot_builder *builder = describe_nodes(1, 3);
    struct graph *graph = NULL;
    struct heap *heap;

    (void)state;
    for (uint64_t i = 0; i < 3; i++)
        snapshot_builder_pointer(builder, 0x100 + 8 * i, 0x100000 + 0x100 * i + 24, 0);
    snapshot_builder_pointer(builder, 0x100000 + 16, 0x100000, 0);
    snapshot_builder_pointer(builder, 0x100100 + 32, 0x100100, 0);
    snapshot_builder_pointer(builder, 0x100200 + 24, 0x100200, 0); /* elsewhere */
    heap = built_heap(builder);
    assert_int_equal(graph_create(heap, 0, &graph), 0);
    assert_int_equal(graph->classes[0], GRAPH_STILL_REACHABLE);
    assert_int_equal(graph->classes[1], GRAPH_STILL_REACHABLE);
    assert_int_equal(graph->classes[2], GRAPH_POSSIBLY_LOST);
    graph_destroy(graph);
    assert_int_equal(graph_create(heap, GRAPH_STRICT, &graph), 0);
    assert_int_equal(graph->classes[0], GRAPH_POSSIBLY_LOST);
    graph_destroy(graph);
    heap_destroy(heap);
}

static void a_habit_of_a_stack_counts_unless_strict(void **state)
{
    (void)state;
    assert_int_equal(class_in_chain(GRAPH_HABIT_BLOCKS, 0, 0, 0), GRAPH_STILL_REACHABLE);
    assert_int_equal(class_in_chain(GRAPH_HABIT_BLOCKS, 0, 0, GRAPH_STRICT), GRAPH_POSSIBLY_LOST);
    assert_int_equal(class_in_chain(GRAPH_HABIT_BLOCKS - 1, 0, 0, 0), GRAPH_POSSIBLY_LOST);
    assert_int_equal(class_in_chain(6, 0, 5, 0), GRAPH_STILL_REACHABLE);
    assert_int_equal(class_in_chain(6, 0, 6, 0), GRAPH_POSSIBLY_LOST); /* no more than half */
    assert_int_equal(class_in_chain(6, 3, 5, 0), GRAPH_STILL_REACHABLE); /* how many pointers … */
    assert_int_equal(class_in_chain(6, 3, 6, 0), GRAPH_POSSIBLY_LOST);   /* … is no matter */
}

static void what_goes_is_what_nobody_else_reaches(void **state)
{
    (void)state;
    for (size_t round = 0; round < 3000; round++) {
        uint8_t members[RANDOM_NODES_MAX] = {0}, goes[RANDOM_NODES_MAX] = {0};
        bool reached[RANDOM_NODES_MAX] = {0};
        struct random_graph random;
        struct graph *graph = NULL;

        random_graph_make(&random);
        assert_int_equal(graph_create(random.heap, 0, &graph), 0);
        for (size_t i = random_below(4); i < random.heap->block_count; i += 1 + random_below(9)) {
            members[i] = 1;
            /* What may not be passed has no edges. */
            memset(random.matrix[random.roots + i], 0, sizeof(random.matrix[0]));
        }
        for (size_t i = 0; i < random.nodes; i++)
            reached[i] = i < random.roots ||
                         graph->classes[i - random.roots] == GRAPH_DEFINITELY_LOST;
        naive_reach(&random, 1, SIZE_MAX, reached);
        assert_int_equal(graph_retained(graph, members, goes), 0);
        for (size_t i = 0; i < random.heap->block_count; i++)
            assert_int_equal(goes[i], members[i] || !reached[random.roots + i]);
        graph_destroy(graph);
        heap_destroy(random.heap);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_classes_are_as_defined),
        cmocka_unit_test(a_circle_is_lost_once),
        cmocka_unit_test(what_the_process_saw_counts_unless_strict),
        cmocka_unit_test(memory_that_was_aligned_by_hand_counts_unless_strict),
        cmocka_unit_test(a_habit_of_a_stack_counts_unless_strict),
        cmocka_unit_test(what_goes_is_what_nobody_else_reaches),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
