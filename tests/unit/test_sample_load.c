/* A sample as a heap shows it, and each way in which its sections may be damaged. */
#include "built_heap.h"

#include "model/estimate.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const struct snapshot_sampling one_in_4k = {4096, 0, UINT64_MAX};

/* Two blocks of 100 bytes, the second in the file being that of the lower address. */
static struct snapshot_builder *describe(void)
{
    struct snapshot_builder *builder = snapshot_builder_create();

    snapshot_builder_module(builder, 0x400000, 0x402000, 0x400000, "/opt/app/app", "", 0, 1);
    snapshot_builder_stack(builder, snapshot_builder_frame(builder, 0, 0x400010, 1), 0);
    snapshot_builder_block(builder, 0x9000, 100, 0, 1);
    snapshot_builder_block(builder, 0x5000, 100, 0, 1);
    snapshot_builder_account(builder)->live_bytes = 3000 + 4000;
    snapshot_builder_account(builder)->live_blocks = 30 + 40;
    snapshot_builder_account(builder)->allocations = 70;
    snapshot_builder_counters(builder, 0, (uint64_t[]){70, 7000, 0, 0, 0});
    return builder;
}

/* Put both sections behind BUILDER's: COUNT samplings of SAMPLING, WEIGHTS of so many BYTES. */
static void add_sections(struct snapshot_builder *builder, const struct snapshot_sampling *sampling,
                         size_t count, const uint8_t *weights, size_t weight_count, size_t bytes)
{
    struct snapshot_sampling two[2] = {*sampling, *sampling};

    if (count > 0)
        snapshot_builder_section(builder, SNAPSHOT_SAMPLING, SNAPSHOT_FIXED, count, two,
                                 count * sizeof(*two), count * sizeof(*two));
    if (weights)
        snapshot_builder_section(builder, SNAPSHOT_WEIGHTS, SNAPSHOT_VARINT, weight_count, weights,
                                 bytes, bytes);
}

static void blocks_stand_for_as_many_as_they_weigh(void **state)
{
    struct snapshot_builder *builder = describe();
    struct error error = {0};
    struct heap *heap = NULL;

    (void)state;
    add_sections(builder, &one_in_4k, 1, (uint8_t[]){30, 40}, 2, 2);
    if (built_heap_parse(builder, false, &heap, &error) != 0)
        fail_msg("%s", error.text);
    assert_true(estimate_is(heap));
    assert_int_equal(heap->blocks[0].address, 0x5000);
    assert_int_equal(estimate_weight(heap, &heap->blocks[0]), 40);
    assert_int_equal(estimate_weight(heap, &heap->blocks[1]), 30);
    assert_int_equal(heap->stacks[0].live_bytes, 7000);
    assert_int_equal(heap->stacks[0].live_blocks, 70);
    /* S^2 W (W - 1), of both. */
    assert_true(fabs(heap->stacks[0].live_variance - 1e4 * (30 * 29 + 40 * 39)) < 1);
    heap_destroy(heap);

    /* Bounds alone: each block stands for itself. */
    builder = describe();
    add_sections(builder, &(struct snapshot_sampling){0, 64, 128}, 1, NULL, 0, 0);
    *snapshot_builder_account(builder) = (struct snapshot_account){0};
    snapshot_builder_counters(builder, 0, (uint64_t[]){2, 200, 0, 0, 0});
    if (built_heap_parse(builder, false, &heap, &error) != 0)
        fail_msg("%s", error.text);
    assert_non_null(heap->sampling);
    assert_false(estimate_is(heap));
    assert_int_equal(heap->stacks[0].live_bytes, 200);
    heap_destroy(heap);
}

static void expect_damage(const char *words, const struct snapshot_sampling *sampling, size_t count,
                          const uint8_t *weights, size_t weight_count, size_t bytes)
{
    struct snapshot_builder *builder = describe();
    struct error error = {0};
    struct heap *heap = NULL;

    add_sections(builder, sampling, count, weights, weight_count, bytes);
    assert_int_equal(built_heap_parse(builder, false, &heap, &error), -EBADMSG);
    assert_null(heap);
    if (!strstr(error.text, words))
        fail_msg("\"%s\" is not in: %s", words, error.text);
}

#define EXPECT_DAMAGE(words, sampling, count, weight_count, ...)                              \
    expect_damage(words, sampling, count, (uint8_t[]){__VA_ARGS__}, weight_count,             \
                  sizeof((uint8_t[]){__VA_ARGS__}))

static void damage_is_met(void **state)
{
    const struct snapshot_sampling exact = {0, 64, 128};

    (void)state;
    EXPECT_DAMAGE("2 of them, not one", &one_in_4k, 2, 2, 30, 40);
    /* Weights where each block stands for itself, none where it does not, and others than there are
     * blocks. */
    EXPECT_DAMAGE("2 weights, for which there are no blocks", &exact, 1, 2, 30, 40);
    EXPECT_DAMAGE("2 weights, for which there are no blocks", &exact, 0, 2, 30, 40);
    expect_damage("0 weights, for which there are no blocks", &one_in_4k, 1, NULL, 0, 0);
    EXPECT_DAMAGE("1 weights, for which there are no blocks", &one_in_4k, 1, 1, 30);
    EXPECT_DAMAGE("3 weights, for which there are no blocks", &one_in_4k, 1, 3, 30, 40, 50);
    /* What a block can't stand for. */
    EXPECT_DAMAGE("a block stands for 0", &one_in_4k, 1, 2, 30, 0);
    EXPECT_DAMAGE("a block stands for 4294967296", &one_in_4k, 1, 2, 30, 0x80, 0x80, 0x80, 0x80, 0x10);
    /* Sums that are others than the account has. */
    EXPECT_DAMAGE("the account", &one_in_4k, 1, 2, 30, 41);
    /* Varints that end too late or too early. */
    EXPECT_DAMAGE("bytes behind its last record", &one_in_4k, 1, 2, 30, 40, 50);
    EXPECT_DAMAGE("does not end", &one_in_4k, 1, 2, 30, 0x80);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_stand_for_as_many_as_they_weigh),
        cmocka_unit_test(damage_is_met),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
