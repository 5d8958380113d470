/* By whom blocks are reached: which root is chosen, and which paths are one. */
#include "random_graph.h"

#include "format/snapshot.h"
#include "model/holders.h"

#include <string.h>

struct case_of {
    struct heap *heap;
    struct symbols *symbols;
    struct sites *sites;
    struct root_names *names;
    struct graph *graph;
    struct holders *holders;
};

static void begin(struct case_of *of, struct snapshot_builder *builder)
{
    struct filter *filter = filter_create();

    of->heap = built_heap(builder);
    of->symbols = symbols_create(of->heap);
    of->names = root_names_create(of->heap, of->symbols);
    assert_int_equal(sites_create(of->heap, of->symbols, filter, &of->sites), 0);
    assert_int_equal(graph_create(of->heap, 0, &of->graph), 0);
    assert_int_equal(holders_create(of->graph, of->sites, of->names, &of->holders), 0);
    filter_destroy(filter);
}

static void end(struct case_of *of)
{
    holders_destroy(of->holders);
    graph_destroy(of->graph);
    root_names_destroy(of->names);
    sites_destroy(of->sites);
    symbols_destroy(of->symbols);
    heap_destroy(of->heap);
}

static const struct holders_step *step_of(const struct case_of *of, size_t block)
{
    return &of->holders->steps[of->holders->step_of[block]];
}

static size_t path_length(const struct case_of *of, size_t block)
{
    size_t length = 1;

    for (uint32_t at = of->holders->step_of[block]; of->holders->steps[at].above != HOLDERS_NONE;
         at = of->holders->steps[at].above)
        length++;
    return length;
}

/* The kind of root that a block has which roots of both KINDS point at. */
static uint32_t preferred(uint32_t first, uint32_t second)
{
    struct snapshot_builder *builder = describe_nodes(0, 3);
    const uint32_t kinds[] = {first, second};
    struct case_of of;
    uint32_t kind;

    for (uint32_t i = 0; i < 2; i++) {
        struct snapshot_root root = {.kind = kinds[i], .start = 0x1000 * (i + 1), .size = 0x100};

        snapshot_builder_root_pointer(builder, snapshot_builder_root(builder, &root), 8, 0x100000,
                                      0);
    }
    begin(&of, builder);
    kind = of.heap->roots[root_names_get(of.names, of.holders->steps[step_of(&of, 0)->above].name)
                              ->root]
               .kind;
    end(&of);
    return kind;
}

static void the_most_telling_root_is_chosen(void **state)
{
    const uint32_t order[] = {SNAPSHOT_ROOT_MODULE, SNAPSHOT_ROOT_STACK, SNAPSHOT_ROOT_MAPPING,
                              SNAPSHOT_ROOT_REGISTERS};

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        for (size_t j = i + 1; j < 4; j++) {
            assert_int_equal(preferred(order[i], order[j]), order[i]);
            assert_int_equal(preferred(order[j], order[i]), order[i]);
        }
    }
}

static void a_start_comes_before_an_inside(void **state)
{
    struct snapshot_builder *builder = describe_nodes(2, 3);
    struct case_of of;

    (void)state;
    snapshot_builder_pointer(builder, 0x108, 0x100210, 0);
    snapshot_builder_pointer(builder, 0x208, 0x100000, 0);
    snapshot_builder_pointer(builder, 0x100000, 0x100200, 0);
    begin(&of, builder);
    assert_int_equal(of.holders->from[2], 2 + 0); /* the longer way, but to its start */
    assert_int_equal(heap_edges_inside(&of.heap->edges, of.holders->edge_to[2]), 0);
    end(&of);
}

static void equal_paths_are_one(void **state)
{
    struct snapshot_builder *builder = describe_nodes(1, 41);
    struct case_of of;

    (void)state;
    /* Block 1 is an array of the even ones. */
    snapshot_builder_pointer(builder, 0x100, 0x100100, 0);
    for (uint64_t i = 0; i < 41; i += 2)
        snapshot_builder_pointer(builder, 0x100100 + 4 * i, 0x100000 + 0x100 * i, 0);
    begin(&of, builder);
    assert_int_equal(path_length(&of, 0), 3);
    for (size_t i = 2; i < 41; i += 2)
        assert_int_equal(of.holders->step_of[i], of.holders->step_of[0]);
    assert_int_equal(step_of(&of, 0)->above, of.holders->step_of[1]);
    assert_false(step_of(&of, 0)->repeats);
    /* The odd ones but that are lost, each on its own. */
    assert_int_equal(path_length(&of, 3), 2);
    assert_int_equal(of.holders->step_of[5], of.holders->step_of[3]);
    assert_int_equal(of.holders->steps[step_of(&of, 3)->above].name, HOLDERS_NONE);
    end(&of);
}

static void what_repeats_is_one_step(void **state)
{
    struct snapshot_builder *builder = describe_nodes(1, 1000);
    struct case_of of;

    (void)state;
    /* Sites alternate: even, odd, even … */
    snapshot_builder_pointer(builder, 0x100, 0x100000, 0);
    for (uint64_t i = 0; i + 1 < 1000; i++)
        snapshot_builder_pointer(builder, 0x100000 + 0x100 * i, 0x100000 + 0x100 * (i + 1), 0);
    begin(&of, builder);
    assert_int_equal(of.holders->step_count, 3);
    assert_int_equal(of.holders->step_of[998], of.holders->step_of[0]);
    assert_int_equal(of.holders->step_of[999], of.holders->step_of[1]);
    assert_true(step_of(&of, 0)->repeats); /* and what is behind it */
    end(&of);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_most_telling_root_is_chosen),
        cmocka_unit_test(a_start_comes_before_an_inside),
        cmocka_unit_test(equal_paths_are_one),
        cmocka_unit_test(what_repeats_is_one_step),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
