/* Dominators and retained sizes against brute force on random graphs: take a node away, and see
 * what can be reached no more. And a chain as long as none could recurse. */
#include "random_graph.h"

#include "model/dominators.h"

#include <string.h>

#define LONG_CHAIN 300000

/* Mark in REACHED what can be reached without the node WITHOUT. */
static void reach_without(const struct random_graph *random, const struct graph *graph,
                          size_t without, bool *reached)
{
    for (size_t i = 0; i < random->nodes; i++)
        reached[i] = i != without && (i < random->roots || graph->classes[i - random->roots] ==
                                                               GRAPH_DEFINITELY_LOST);
    naive_reach(random, 1, without, reached);
}

static void dominators_are_what_nothing_gets_around(void **state)
{
    size_t dominated = 0, whole = 0;

    (void)state;
    for (size_t round = 0; round < 5000; round++) {
        bool dominates[RANDOM_NODES_MAX][RANDOM_NODES_MAX];
        struct dominators *dominators = NULL;
        struct random_graph random;
        struct graph *graph = NULL;

        random_graph_make(&random);
        assert_int_equal(graph_create(random.heap, 0, &graph), 0);
        assert_int_equal(dominators_create(graph, &dominators), 0);
        for (size_t a = 0; a < random.nodes; a++) {
            bool reached[RANDOM_NODES_MAX];
            uint64_t blocks = 0;

            reach_without(&random, graph, a, reached);
            for (size_t b = 0; b < random.nodes; b++) {
                dominates[a][b] = !reached[b];
                blocks += b >= random.roots && !reached[b];
            }
            if (dominators->retained_blocks[a] != blocks ||
                dominators->retained_bytes[a] != blocks * 0x100)
                fail_msg("round %zu: node %zu retains %u blocks, not %zu", round, a,
                         dominators->retained_blocks[a], (size_t)blocks);
        }
        for (size_t b = 0; b < random.nodes; b++) {
            uint32_t nearest = dominators->immediate[b];

            for (size_t a = 0; a < random.nodes; a++) {
                if (a == b || !dominates[a][b])
                    continue;
                /* There is a nearest one, and all others dominate that. */
                assert_true(nearest != DOMINATORS_NONE && dominates[a][nearest]);
            }
            assert_true(nearest == DOMINATORS_NONE || dominates[nearest][b]);
            dominated += nearest != DOMINATORS_NONE;
            whole += nearest == DOMINATORS_NONE;
        }
        dominators_destroy(dominators);
        graph_destroy(graph);
        heap_destroy(random.heap);
    }
    assert_true(dominated > 10000 && whole > 10000);
}

static void a_long_chain_is_no_recursion(void **state)
{
    struct snapshot_builder *builder = describe_nodes(1, LONG_CHAIN);
    struct dominators *dominators = NULL;
    struct graph *graph = NULL;
    struct heap *heap;

    (void)state;
    snapshot_builder_pointer(builder, 0x100, 0x100000, 0);
    for (uint64_t i = 0; i + 1 < LONG_CHAIN; i++) {
        snapshot_builder_pointer(builder, 0x100000 + 0x100 * i, 0x100000 + 0x100 * (i + 1), 0);
        snapshot_builder_pointer(builder, 0x100000 + 0x100 * (i + 1) + 8, 0x100000 + 0x100 * i, 0);
    }
    heap = built_heap(builder);
    assert_int_equal(graph_create(heap, 0, &graph), 0);
    assert_int_equal(dominators_create(graph, &dominators), 0);
    for (size_t i = 0; i < LONG_CHAIN; i++) {
        assert_int_equal(dominators->immediate[1 + i], i);
        assert_int_equal(dominators->retained_blocks[1 + i], LONG_CHAIN - i);
    }
    assert_int_equal(dominators->retained_bytes[0], (uint64_t)LONG_CHAIN * 0x100);
    dominators_destroy(dominators);
    graph_destroy(graph);
    heap_destroy(heap);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dominators_are_what_nothing_gets_around),
        cmocka_unit_test(a_long_chain_is_no_recursion),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
