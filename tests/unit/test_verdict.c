/* Verdicts on heaps that were made for it: by the series, by snapshots, by the graph. */
#include "built_heap.h"

#include "model/graph.h"
#include "model/symbols.h"
#include "model/verdict.h"

#include <stdlib.h>
#include <string.h>

#define POINTS 40

/* What stack NUMBER holds at POINT, in blocks of 100 bytes. */
typedef uint64_t level(uint32_t number, unsigned point);

/* Describe COUNT stacks which hold what HOLDS says, at 40 points of a series and at the end. */
static struct snapshot_builder *describe(uint32_t count, level *holds)
{
    struct snapshot_builder *builder = snapshot_builder_create();
    uint64_t address = 0x100000;

    snapshot_builder_process(builder)->elapsed = (POINTS + 1) * 1000;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t last = holds(i, POINTS);

        snapshot_builder_stack(builder, snapshot_builder_frame(builder, 0, 0x9000 + i, 0), 0);
        for (uint64_t j = 0; j < last; j++, address += 0x100)
            snapshot_builder_block(builder, address, 100, i, 1);
    }
    for (unsigned point = 0; point < POINTS; point++) {
        snapshot_builder_point(builder, (point + 1) * 1000);
        for (uint32_t i = 0; i < count; i++)
            snapshot_builder_change(builder, i, holds(i, point) * 100, holds(i, point));
    }
    return builder;
}

static struct verdicts *judge(const struct heap *const *heaps, size_t count)
{
    struct verdict_input input = {.heaps = heaps, .heap_count = count};
    struct verdicts *verdicts;

    assert_int_equal(verdicts_create(&input, &verdicts), 0);
    return verdicts;
}

/* What the blocks of STACK are called; VERDICT_COUNT if there are none. */
static enum verdict_kind kind_of(const struct verdicts *verdicts, uint32_t stack)
{
    for (size_t i = 0; i < verdicts->count; i++)
        if (verdicts->list[i].stack == stack)
            return verdicts->list[i].kind;
    return VERDICT_COUNT;
}

static void an_empty_heap_has_no_verdict(void **state)
{
    struct heap *heap = built_heap(snapshot_builder_create());
    struct verdicts *verdicts = judge((const struct heap *const[]){heap}, 1);

    (void)state;
    assert_int_equal(verdicts->count, 0);
    assert_int_equal(verdicts->head_count, 0);
    assert_int_equal(verdicts->lost_once.count, 0);
    verdicts_destroy(verdicts);
    verdicts_destroy(NULL);
    heap_destroy(heap);
}

static uint64_t twenty(uint32_t number, unsigned point)
{
    (void)number;
    (void)point;
    return 20;
}

static void without_a_series_nothing_grows(void **state)
{
    struct snapshot_builder *builder = describe(1, twenty);
    struct verdicts *verdicts;
    struct heap *heap;

    (void)state;
    snapshot_builder_omit(builder, SNAPSHOT_SERIES);
    heap = built_heap(builder);
    verdicts = judge((const struct heap *const[]){heap}, 1);
    assert_int_equal(kind_of(verdicts, 0), VERDICT_GREW_ONCE);
    assert_int_equal(verdicts->list[0].growth.confidence, GROWTH_LOW);
    assert_int_equal(verdicts->head_count, 0);
    verdicts_destroy(verdicts);
    heap_destroy(heap);
}

/* 0: slow, 1: fast, 2: grew once, 3: has stopped. */
static uint64_t four(uint32_t number, unsigned point)
{
    static const unsigned late = POINTS * 3 / 5;

    switch (number) {
    case 0:
        return point;
    case 1:
        return 9 * point;
    case 2:
        return 50;
    default:
        return 5 * (point < late ? point : late);
    }
}

static void the_series_tells_what_grows(void **state)
{
    struct heap *heap = built_heap(describe(4, four));
    struct verdicts *verdicts = judge((const struct heap *const[]){heap}, 1);

    (void)state;
    assert_int_equal(kind_of(verdicts, 0), VERDICT_HELD_GROWING);
    assert_int_equal(kind_of(verdicts, 1), VERDICT_HELD_GROWING);
    assert_int_equal(kind_of(verdicts, 2), VERDICT_GREW_ONCE);
    assert_int_equal(kind_of(verdicts, 3), VERDICT_HELD_STEADY);
    /* The fast one first. */
    assert_int_equal(verdicts->leak_count, 2);
    assert_int_equal(verdicts->head_count, 2);
    assert_int_equal(verdicts->list[0].stack, 1);
    assert_int_equal(verdicts->list[1].stack, 0);
    assert_int_equal(verdicts->leaked.count, 400);
    assert_int_equal(verdicts->totals[GRAPH_STILL_REACHABLE].count, 570);
    verdicts_destroy(verdicts);
    heap_destroy(heap);
}

/* What a program says that it has allocated from a pool of its own. */
static void what_is_tracked_grows_too(void **state)
{
    struct snapshot_builder *builder = describe(2, four);
    struct verdicts *verdicts;
    struct heap *heap;

    (void)state;
    snapshot_builder_owner(builder, 0, 0, 0);
    snapshot_builder_owner(builder, 1, 7, 0);
    heap = built_heap(builder);
    assert_int_equal(heap->tracked_count, 360);
    verdicts = judge((const struct heap *const[]){heap}, 1);
    assert_int_equal(verdicts->list[0].stack, 1);
    assert_int_equal(verdicts->list[0].kind, VERDICT_HELD_GROWING);
    assert_int_equal(verdicts->list[0].count, 360);
    assert_int_equal(verdicts->head_count, 2);
    verdicts_destroy(verdicts);
    heap_destroy(heap);
}

/* From eight on the snapshots are the moments, and whoever is new in the last one held nothing. */
static void snapshots_are_moments_from_eight_on(void **state)
{
    struct heap *heaps[24];

    (void)state;
    for (unsigned i = 0; i < 24; i++) {
        struct snapshot_builder *builder = snapshot_builder_create();

        snapshot_builder_process(builder)->sequence = i + 1;
        snapshot_builder_process(builder)->elapsed = (i + 1) * 1000;
        snapshot_builder_account(builder)->allocations = (i + 1) * 100;
        snapshot_builder_stack(builder, snapshot_builder_frame(builder, 0, 0x9000, 0), 0);
        for (unsigned j = 0; j < 10 * i; j++)
            snapshot_builder_block(builder, 0x100000 + 0x100 * j, 100, 0, 1);
        if (i == 23) {
            snapshot_builder_stack(builder, snapshot_builder_frame(builder, 0, 0x9001, 0), 0);
            for (unsigned j = 0; j < 40; j++)
                snapshot_builder_block(builder, 0x200000 + 0x100 * j, 100, 1, 1);
        }
        heaps[i] = built_heap(builder);
    }
    for (size_t count = 1; count <= 24; count++) {
        struct verdicts *verdicts =
            judge((const struct heap *const *)&heaps[24 - count], count);

        assert_int_equal(verdicts->moments.count, count < VERDICT_SNAPSHOTS_MIN ? 1 : count);
        if (count >= 16)
            assert_int_equal(kind_of(verdicts, 0), VERDICT_HELD_GROWING);
        assert_int_equal(kind_of(verdicts, 1), VERDICT_GREW_ONCE);
        verdicts_destroy(verdicts);
    }
    for (unsigned i = 0; i < 24; i++)
        heap_destroy(heaps[i]);
}

static struct snapshot_builder *list_of(uint64_t count);

/* How many leaks COUNT blocks of a list are that is lost, and how many blocks lost once. */
static void assert_list(uint64_t count, size_t leaks, uint64_t once)
{
    struct heap *heap = built_heap(list_of(count));
    const struct heap *heaps[] = {heap};
    struct symbols *symbols = symbols_create(heap);
    struct holder_paths *paths;
    struct verdicts *verdicts;
    struct graph *graph;

    assert_int_equal(graph_create(heap, 0, &graph), 0);
    assert_int_equal(holder_paths_create(graph, symbols, &paths), 0);
    assert_int_equal(verdicts_create(&(struct verdict_input){.heaps = heaps,
                                                             .heap_count = 1,
                                                             .graph = graph,
                                                             .paths = paths},
                                     &verdicts),
                     0);
    assert_int_equal(kind_of(verdicts, 0), VERDICT_LOST);
    assert_int_equal(verdicts->totals[GRAPH_DEFINITELY_LOST].count, 1);
    assert_int_equal(verdicts->totals[GRAPH_INDIRECTLY_LOST].count, count - 1);
    assert_int_equal(verdicts->head_count, leaks);
    assert_int_equal(verdicts->lost_once.count, once);
    assert_int_equal(verdicts->leaked.count, count - once);
    verdicts_destroy(verdicts);
    holder_paths_destroy(paths);
    graph_destroy(graph);
    symbols_destroy(symbols);
    heap_destroy(heap);
}

static uint64_t lost_count;

static uint64_t lost_at_once(uint32_t number, unsigned point)
{
    (void)point;
    return number == 0 ? lost_count : 2000;
}

/* A list of COUNT blocks, to whose first nobody points, beside others that are held. */
static struct snapshot_builder *list_of(uint64_t count)
{
    struct snapshot_builder *builder;
    uint32_t root;

    lost_count = count;
    builder = describe(2, lost_at_once);
    snapshot_builder_graph(builder);
    root = snapshot_builder_root(
        builder, &(struct snapshot_root){
                     .kind = SNAPSHOT_ROOT_MAPPING, .start = 0x1000, .size = 0x10000});
    for (uint64_t i = 0; i + 1 < count; i++)
        snapshot_builder_pointer(builder, 0x100000 + 0x100 * i, 0x100000 + 0x100 * (i + 1), 0);
    for (uint64_t i = 0; i < 2000; i++)
        snapshot_builder_root_pointer(builder, root, 8 * i, 0x100000 + 0x100 * (count + i), 0);
    return builder;
}

/* A list is one thing: what is lost once is few blocks, with all that goes with them. */
static void a_long_list_is_not_lost_once(void **state)
{
    (void)state;
    assert_list(1, 0, 1);
    assert_list(15, 0, 15);
    assert_list(16, 1, 0);
    assert_list(500, 1, 0);
}

/* What a class has of what grows. */
struct shared {
    enum verdict_kind kind;
    bool is_leak, is_once;
    uint64_t count, growth;
};

static uint64_t five_each(uint32_t number, unsigned point)
{
    return number == 0 ? 5 * point : 10;
}

/* Judge a stack that grows to 200 blocks, of which the first LOST are lost and the others held. */
static void share(uint64_t lost, struct shared *out_lost, struct shared *out_held,
                  size_t *out_leaks)
{
    struct snapshot_builder *builder = describe(2, five_each);
    struct symbols *symbols;
    struct holder_paths *paths;
    struct verdicts *verdicts;
    struct graph *graph;
    struct heap *heap;
    uint32_t root;

    snapshot_builder_graph(builder);
    root = snapshot_builder_root(
        builder, &(struct snapshot_root){
                     .kind = SNAPSHOT_ROOT_MAPPING, .start = 0x1000, .size = 0x10000});
    for (uint64_t i = lost; i < 210; i++)
        snapshot_builder_root_pointer(builder, root, 8 * i, 0x100000 + 0x100 * i, 0);
    heap = built_heap(builder);
    symbols = symbols_create(heap);
    assert_int_equal(graph_create(heap, 0, &graph), 0);
    assert_int_equal(holder_paths_create(graph, symbols, &paths), 0);
    assert_int_equal(verdicts_create(&(struct verdict_input){.heaps = (const struct heap *[]){heap},
                                                             .heap_count = 1,
                                                             .graph = graph,
                                                             .paths = paths},
                                     &verdicts),
                     0);
    *out_lost = *out_held = (struct shared){.kind = VERDICT_COUNT};
    for (size_t i = 0; i < verdicts->count; i++) {
        const struct verdict *verdict = &verdicts->list[i];

        if (verdict->stack == 0)
            *(verdict->class == GRAPH_DEFINITELY_LOST ? out_lost : out_held) = (struct shared){
                .kind = verdict->kind,
                .is_leak = verdict->is_leak,
                .is_once = verdict->is_once,
                .count = verdict->count,
                .growth = verdict->growth.course == GROWTH_GROWING ? verdict->growth.blocks : 0,
            };
    }
    *out_leaks = verdicts->head_count;
    verdicts_destroy(verdicts);
    holder_paths_destroy(paths);
    graph_destroy(graph);
    symbols_destroy(symbols);
    heap_destroy(heap);
}

/* The series is the stack's: what grows is what has, or must have, so many blocks. */
static void growth_is_of_the_class_that_can_have_grown(void **state)
{
    struct shared lost, held;
    uint64_t all;
    size_t leaks;

    (void)state;
    share(0, &lost, &held, &leaks);
    all = held.growth;
    assert_in_range(all, 100, 200);
    assert_int_equal(lost.kind, VERDICT_COUNT);
    assert_int_equal(held.kind, VERDICT_HELD_GROWING);
    assert_int_equal(leaks, 1);

    /* One is lost beside a list that grows, */
    share(1, &lost, &held, &leaks);
    assert_int_equal(lost.count, 1);
    assert_int_equal(lost.growth, 0);
    assert_true(lost.is_leak && lost.is_once);
    assert_int_equal(held.kind, VERDICT_HELD_GROWING);
    assert_int_equal(held.growth, all);
    assert_int_equal(leaks, 1);

    /* … or one is held still of those that are lost. */
    share(199, &lost, &held, &leaks);
    assert_false(lost.is_once);
    assert_int_equal(lost.growth, all);
    assert_int_equal(held.kind, VERDICT_HELD_STEADY);
    assert_int_equal(held.growth, 0);
    assert_int_equal(leaks, 1);

    /* Of many of both, each has its part. */
    share(100, &lost, &held, &leaks);
    assert_int_equal(lost.growth, all / 2);
    assert_int_equal(held.growth, all / 2);
    assert_int_equal(held.kind, VERDICT_HELD_GROWING);
    assert_int_equal(leaks, 2);

    share(200, &lost, &held, &leaks);
    assert_int_equal(lost.growth, all);
    assert_int_equal(held.kind, VERDICT_COUNT);
    assert_int_equal(leaks, 1);
}

static uint64_t drained(uint32_t number, unsigned point)
{
    (void)number;
    return point < 10 ? 0 : point < 20 ? 100000 : 20;
}

/* 10 MB were freed; RESIDENT bytes are the allocator's still. */
static enum verdict_kind kind_of_drained(uint64_t resident)
{
    struct snapshot_memory memory[SNAPSHOT_MEMORY_KINDS] = {
        [SNAPSHOT_MEMORY_HEAP] = {.kind = SNAPSHOT_MEMORY_HEAP, .resident = resident}};
    struct snapshot_builder *builder = describe(1, drained);
    const struct snapshot_memory *own;
    enum verdict_kind kind;
    struct verdicts *verdicts;
    struct heap *heap;

    snapshot_builder_account(builder)->peak_bytes = 10000000;
    snapshot_builder_account(builder)->usable_bytes = 3000;
    snapshot_builder_process(builder)->flags |= SNAPSHOT_HAS_USABLE;
    heap = built_heap(builder);
    own = heap->memory;
    heap->memory = memory;
    verdicts = judge((const struct heap *const[]){heap}, 1);
    kind = kind_of(verdicts, 0);
    heap->memory = own;
    verdicts_destroy(verdicts);
    heap_destroy(heap);
    return kind;
}

static void what_the_allocator_keeps_is_told(void **state)
{
    (void)state;
    assert_int_equal(kind_of_drained(9000000), VERDICT_NOT_RETURNED);
    assert_int_not_equal(kind_of_drained(2000000), VERDICT_NOT_RETURNED);
    assert_int_not_equal(kind_of_drained(0), VERDICT_NOT_RETURNED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_heap_has_no_verdict),
        cmocka_unit_test(without_a_series_nothing_grows),
        cmocka_unit_test(the_series_tells_what_grows),
        cmocka_unit_test(what_is_tracked_grows_too),
        cmocka_unit_test(snapshots_are_moments_from_eight_on),
        cmocka_unit_test(a_long_list_is_not_lost_once),
        cmocka_unit_test(growth_is_of_the_class_that_can_have_grown),
        cmocka_unit_test(what_the_allocator_keeps_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
