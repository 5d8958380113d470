/* All ways by which blocks are held, on random graphs: whoever can reach a block is at the beginning
 * of a way to it and nobody else is, and each way is one that pointers take. */
#include "random_graph.h"

#include "model/all_paths.h"

#include <string.h>

#define SITES 4

static uint32_t site_of_block(size_t block)
{
    return (uint32_t)block % SITES;
}

/* Does a chain from ROOT lead to each block of the graph? */
static void reach_from(const struct random_graph *random, size_t root, bool *reached)
{
    memset(reached, 0, RANDOM_NODES_MAX);
    reached[root] = true;
    naive_reach(random, 1, SIZE_MAX, reached);
}

/* The places of PATH differ, and if none repeats, blocks of each point at blocks of the next. */
static void check_steps(const struct random_graph *random, const struct all_path *path)
{
    for (size_t i = 0; i < path->length; i++) {
        assert_true(path->steps[i].count > 0);
        for (size_t j = 0; j < path->steps[i].count; j++)
            assert_int_equal(site_of_block(path->steps[i].blocks[j]), path->steps[i].site);
        for (size_t j = 0; j < i; j++)
            assert_int_not_equal(path->steps[i].site, path->steps[j].site);
    }
    for (size_t i = 0; i < path->length; i++) {
        if (path->steps[i].repeats) /* what lies between its blocks is left out */
            return;
    }
    for (size_t i = 0; i + 1 < path->length; i++) {
        bool points = false;

        for (size_t j = 0; j < path->steps[i].count; j++) {
            for (size_t k = 0; k < path->steps[i + 1].count; k++)
                points |= random->matrix[random->roots + path->steps[i].blocks[j]]
                                        [random->roots + path->steps[i + 1].blocks[k]] != 0;
        }
        assert_true(points);
    }
}

static bool has(const uint32_t *numbers, size_t count, uint32_t number)
{
    for (size_t i = 0; i < count; i++) {
        if (numbers[i] == number)
            return true;
    }
    return false;
}

static void who_reaches_a_block_begins_a_way_to_it(void **state)
{
    size_t found = 0, none = 0;

    (void)state;
    for (size_t round = 0; round < 3000; round++) {
        struct random_graph random;
        struct graph *graph = NULL;
        struct all_paths *all = NULL;
        struct symbols *symbols;
        struct root_names *names;
        uint32_t of_stack[SITES] = {0, 1, 2, 3};
        struct sites sites = {.count = SITES, .of_stack = of_stack};
        uint8_t members[RANDOM_NODES_MAX] = {0};
        size_t blocks, modulus = 1 + random_below(4);

        random_graph_make(&random);
        blocks = random.nodes - random.roots;
        assert_int_equal(graph_create(random.heap, 0, &graph), 0);
        symbols = symbols_create(random.heap);
        names = root_names_create(random.heap, symbols);
        for (size_t i = 0; i < blocks; i++) {
            random.heap->blocks[i].stack = site_of_block(i);
            members[i] = i % modulus == 0;
        }
        assert_int_equal(all_paths_create(graph, &sites, names, members, 0, &all), 0);
        assert_false(all->is_cut || all->gave_up);
        for (size_t i = 0; i < all->count; i++) {
            check_steps(&random, &all->paths[i]);
            for (size_t j = 0; j < all->paths[i].count; j++)
                assert_true(members[all->paths[i].blocks[j]]);
        }
        for (size_t root = 0; root < random.roots; root++) {
            bool reached[RANDOM_NODES_MAX];

            reach_from(&random, root, reached);
            for (uint32_t block = 0; block < blocks; block++) {
                bool is_held = false;

                for (size_t i = 0; i < all->count; i++)
                    is_held |= all->paths[i].name != ROOT_NAMES_NONE &&
                               root_names_get(names, all->paths[i].name)->root == root &&
                               has(all->paths[i].blocks, all->paths[i].count, block);
                if (is_held != (members[block] && reached[random.roots + block]))
                    fail_msg("round %zu: block %u is %sheld by root %zu", round, block,
                             is_held ? "" : "not ", root);
                found += is_held;
                none += !is_held;
            }
        }
        for (uint32_t block = 0; block < blocks; block++) {
            bool is_nobodys = false;

            for (size_t i = 0; i < all->count; i++)
                is_nobodys |= all->paths[i].name == ROOT_NAMES_NONE &&
                              has(all->paths[i].blocks, all->paths[i].count, block);
            assert_int_equal(is_nobodys, members[block] && graph_is_lost(graph, block));
        }
        all_paths_destroy(all);
        root_names_destroy(names);
        symbols_destroy(symbols);
        for (size_t i = 0; i < blocks; i++)
            random.heap->blocks[i].stack = 0;
        graph_destroy(graph);
        heap_destroy(random.heap);
    }
    assert_true(found > 5000 && none > 5000);
}

#define LADDER_SITES  60u
#define LADDER_BLOCKS 8u /* of each site */
#define LADDER_ROOTS  400u
#define LADDER_SIZE   0x10000u

static uint64_t ladder_address(uint32_t site, uint32_t block)
{
    return 0x10000000 + (uint64_t)LADDER_SIZE * (site * LADDER_BLOCKS + block);
}

/* Sites in a row, each held by the next one, and the last one by all roots; and whoever is held so
 * points back at all blocks further out. */
static struct heap *make_ladder(void)
{
    struct snapshot_builder *builder = snapshot_builder_create();

    snapshot_builder_graph(builder);
    for (uint32_t i = 0; i < LADDER_ROOTS; i++)
        snapshot_builder_root(builder, &(struct snapshot_root){.kind = SNAPSHOT_ROOT_MAPPING,
                                                               .start = 0x1000 * (i + 1),
                                                               .size = 0x1000});
    for (uint32_t site = 0; site < LADDER_SITES; site++) {
        snapshot_builder_stack(builder, snapshot_builder_frame(builder, 0, 0x90000 + site, 0), 0);
        for (uint32_t i = 0; i < LADDER_BLOCKS; i++)
            snapshot_builder_block(builder, ladder_address(site, i), LADDER_SIZE, site, 1);
    }
    for (uint32_t i = 0; i < LADDER_ROOTS; i++)
        snapshot_builder_root_pointer(builder, i, 0, ladder_address(LADDER_SITES - 1, 0), 0);
    for (uint32_t from = 0; from < LADDER_SITES * LADDER_BLOCKS; from++) {
        uint64_t at = ladder_address(0, from);

        for (uint32_t to = 0; to < LADDER_SITES * LADDER_BLOCKS; to++) {
            uint32_t site = from / LADDER_BLOCKS, other = to / LADDER_BLOCKS;

            if (other > site || other + 1 == site)
                snapshot_builder_pointer(builder, at += 8, ladder_address(0, to), 0);
        }
    }
    return built_heap(builder);
}

/* There are 400 ways, over no more places than may be; but on each a block can be at up to 60 of
 * them, which makes seven million steps of each way. */
static void it_is_given_up_in_time(void **state)
{
    struct heap *heap = make_ladder();
    struct graph *graph = NULL;
    struct all_paths *all = NULL;
    struct symbols *symbols = symbols_create(heap);
    struct root_names *names = root_names_create(heap, symbols);
    uint32_t of_stack[LADDER_SITES];
    struct sites sites = {.count = LADDER_SITES, .of_stack = of_stack};
    uint8_t members[LADDER_SITES * LADDER_BLOCKS] = {1};

    (void)state;
    for (uint32_t i = 0; i < LADDER_SITES; i++)
        of_stack[i] = i;
    assert_int_equal(graph_create(heap, 0, &graph), 0);
    assert_int_equal(all_paths_create(graph, &sites, names, members, 0, &all), 0);
    assert_true(all->gave_up);
    assert_in_range(all->count, 1, LADDER_ROOTS - 1);
    for (size_t i = 0; i < all->count; i++) {
        assert_int_equal(all->paths[i].length, LADDER_SITES);
        assert_int_equal(all->paths[i].count, 1);
    }
    all_paths_destroy(all);
    root_names_destroy(names);
    symbols_destroy(symbols);
    graph_destroy(graph);
    heap_destroy(heap);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_reaches_a_block_begins_a_way_to_it),
        cmocka_unit_test(it_is_given_up_in_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
