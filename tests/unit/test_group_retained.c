/* What groups of blocks retain, against brute force on random graphs: take each block of a group
 * away by itself, and see what can be reached no more. */
#include "random_graph.h"

#include "model/group_retained.h"

#include <string.h>

#define GROUPS 4

/* Mark in GONE what can't be reached without the node WITHOUT, which is among that. */
static void add_gone(const struct random_graph *random, const struct graph *graph, size_t without,
                     bool *gone)
{
    bool reached[RANDOM_NODES_MAX] = {false};

    for (size_t i = 0; i < random->nodes; i++)
        reached[i] = i != without && (i < random->roots || graph->classes[i - random->roots] ==
                                                               GRAPH_DEFINITELY_LOST);
    naive_reach(random, 1, without, reached);
    for (size_t i = random->roots; i < random->nodes; i++)
        gone[i] |= !reached[i];
}

/* What goes with the blocks of GROUP (GROUPS: of any), one by one; all blocks have 256 bytes. */
static uint64_t naive_retained(const struct random_graph *random, const struct graph *graph,
                               const uint32_t *of_block, size_t group)
{
    bool gone[RANDOM_NODES_MAX] = {false};
    uint64_t bytes = 0;

    for (size_t i = random->roots; i < random->nodes; i++) {
        uint32_t of = of_block[i - random->roots];

        if (of == group || (group == GROUPS && of != GROUP_NONE))
            add_gone(random, graph, i, gone);
    }
    for (size_t i = random->roots; i < random->nodes; i++)
        bytes += gone[i] ? 0x100 : 0;
    return bytes;
}

static void groups_retain_what_goes_with_their_blocks_one_by_one(void **state)
{
    size_t more = 0; /* groups that retain more than themselves */

    (void)state;
    for (size_t round = 0; round < 2000; round++) {
        struct group groups[GROUPS] = {0};
        uint32_t of_block[RANDOM_NODES_MAX];
        struct group_list list = {.groups = groups, .count = GROUPS, .of_block = of_block};
        uint64_t tracked = 0x10 * (round % 3); /* bytes of what is not in the graph */
        struct random_graph random;
        struct graph *graph = NULL;

        random_graph_make(&random);
        for (size_t i = 0; i < random.nodes - random.roots; i++) {
            of_block[i] = (uint32_t)random_below(GROUPS + 1);
            if (of_block[i] == GROUPS) {
                of_block[i] = GROUP_NONE;
                continue;
            }
            groups[of_block[i]].size += 0x100;
            list.size += 0x100;
        }
        groups[1].size += tracked;
        list.size += tracked;
        assert_int_equal(graph_create(random.heap, 0, &graph), 0);
        assert_int_equal(group_retained(&list, graph), 0);
        for (size_t i = 0; i < GROUPS; i++) {
            uint64_t expected = naive_retained(&random, graph, of_block, i) + (i == 1 ? tracked : 0);

            if (groups[i].retained != expected)
                fail_msg("round %zu: group %zu retains %zu bytes, not %zu", round, i,
                         (size_t)groups[i].retained, (size_t)expected);
            more += groups[i].retained > groups[i].size;
        }
        assert_int_equal(list.retained,
                         naive_retained(&random, graph, of_block, GROUPS) + tracked);
        graph_destroy(graph);
        heap_destroy(random.heap);
    }
    assert_true(more > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(groups_retain_what_goes_with_their_blocks_one_by_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
