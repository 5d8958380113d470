/* What grows from round to round. */
#include "model/rounds.h"

#include "unit.h"

#include "format/snapshot.h"

#include <string.h>

/* Judge COUNT levels of blocks of 10 bytes, at the ends of the rounds from 5 on, each STEP behind
 * the last. */
static struct growth judge_each(const unsigned *blocks, size_t count, unsigned step)
{
    static struct growth_levels levels;
    uint64_t numbers[GROWTH_MOMENTS_MAX];
    struct growth growth;

    for (size_t i = 0; i < count; i++) {
        numbers[i] = 5 + i * step;
        levels.blocks[i] = blocks[i];
        levels.bytes[i] = 10 * (uint64_t)blocks[i];
    }
    rounds_judge_levels(numbers, &levels, count, &growth);
    return growth;
}

#define JUDGE(...)                                                                        \
    judge_each((const unsigned[]){__VA_ARGS__},                                           \
               sizeof((const unsigned[]){__VA_ARGS__}) / sizeof(unsigned), 1)

static void what_rises_in_each_round_grows(void **state)
{
    struct growth growth = JUDGE(3, 5, 7, 9);

    (void)state;
    assert_int_equal(growth.course, GROWTH_GROWING);
    assert_int_equal(growth.grew, 3);
    assert_int_equal(growth.parts, 3);
    assert_int_equal(growth.blocks, 6);
    assert_int_equal(growth.bytes, 60);
    assert_true(growth.bytes_per_work == 20 && growth.blocks_per_work == 2);
    assert_int_equal(JUDGE(0, 1, 2, 3).course, GROWTH_GROWING);
}

static void blocks_without_bytes_are_judged_by_their_number(void **state)
{
    static struct growth_levels levels;
    uint64_t numbers[12];
    struct growth growth;

    (void)state;
    for (size_t i = 0; i < 12; i++) {
        numbers[i] = i;
        levels.blocks[i] = 3 * i;
        levels.bytes[i] = 700; /* of others at the same place */
    }
    rounds_judge_levels(numbers, &levels, 12, &growth);
    assert_int_equal(growth.course, GROWTH_GROWING);
    assert_int_equal(growth.blocks, 33);
    assert_true(growth.bytes == 0 && growth.bytes_per_work == 0 && growth.blocks_per_work == 3);
    /* More of them which are smaller is no growth: they have a size to be judged by. */
    for (size_t i = 0; i < 12; i++)
        levels.bytes[i] = 700 - i;
    rounds_judge_levels(numbers, &levels, 12, &growth);
    assert_int_not_equal(growth.course, GROWTH_GROWING);
}

static void three_rounds_are_needed(void **state)
{
    (void)state;
    assert_int_equal(JUDGE(0, 1, 2).course, GROWTH_UNKNOWN);
    assert_int_equal(JUDGE(0).course, GROWTH_UNKNOWN);
    assert_int_equal(judge_each(NULL, 0, 1).course, GROWTH_UNKNOWN);
}

static void what_comes_and_goes_does_not(void **state)
{
    (void)state;
    assert_int_not_equal(JUDGE(5, 5, 5, 5, 5).course, GROWTH_GROWING);
    assert_int_not_equal(JUDGE(0, 1, 2, 3, 0).course, GROWTH_GROWING);
    assert_int_not_equal(JUDGE(0, 1, 0, 1, 0, 1).course, GROWTH_GROWING);
    assert_int_not_equal(JUDGE(9, 8, 7, 6).course, GROWTH_GROWING);
    /* A cache that is full after a while. */
    assert_int_not_equal(JUDGE(0, 1, 2, 3, 3, 3, 3, 3, 3, 3, 3).course, GROWTH_GROWING);
    /* An array that doubles. */
    assert_int_not_equal(JUDGE(1, 2, 4, 4, 8, 8, 8, 8, 16, 16, 16, 16).course, GROWTH_GROWING);
}

static void noise_above_what_is_kept_does_not_hide_it(void **state)
{
    struct growth growth = JUDGE(10, 19, 12, 18, 14, 15, 16, 25, 18);

    (void)state;
    /* Kept: 10 12 12 14 14 15 16 18 18: three of eight without a rise. */
    assert_int_not_equal(growth.course, GROWTH_GROWING);
    growth = JUDGE(10, 15, 20, 38, 30, 35, 40);
    assert_int_not_equal(growth.course, GROWTH_GROWING); /* one of six is without: 30 30 */
    growth = JUDGE(10, 15, 20, 25, 38, 30, 35, 40, 45, 50, 55);
    assert_int_equal(growth.course, GROWTH_GROWING); /* one of ten */
    assert_int_equal(growth.grew, 9);
    assert_true(growth.blocks_per_work > 4 && growth.blocks_per_work <= 5);
}

static void gaps_count_as_the_rounds_that_they_are(void **state)
{
    const unsigned blocks[] = {0, 10, 20, 30};

    (void)state;
    assert_true(judge_each(blocks, 4, 10).blocks_per_work == 1);
}

/* Number snapshots of these SEQUENCES; a round ends with those whose TRIGGERS are m, a mark, or r,
 * a request. */
static void number_each(const char *triggers, const unsigned *sequences, uint64_t *numbers)
{
    static struct snapshot_process processes[8];
    static struct heap heaps[8];
    const struct heap *list[8];
    size_t count = strlen(triggers);

    for (size_t i = 0; i < count; i++) {
        processes[i] = (struct snapshot_process){
            .sequence = sequences[i],
            .trigger = triggers[i] == 'm'   ? SNAPSHOT_AT_MARK
                       : triggers[i] == 'a' ? SNAPSHOT_BY_API
                                            : SNAPSHOT_BY_REQUEST,
        };
        heaps[i] = (struct heap){.process = &processes[i],
                                 .label = triggers[i] == 'r' ? "round" : "mine"};
        list[i] = &heaps[i];
    }
    rounds_number(list, count, numbers);
}

#define ASSERT_NUMBERS(triggers, sequences, ...)                                             \
    do {                                                                                     \
        uint64_t numbers[8] = {0}, expected[8] = {__VA_ARGS__};                              \
        number_each(triggers, sequences, numbers);                                           \
        assert_memory_equal(numbers, expected, sizeof(numbers));                             \
    } while (0)

static void snapshots_of_others_are_no_rounds(void **state)
{
    const unsigned all[] = {1, 2, 3, 4, 5}, some[] = {1, 3, 4, 7, 9};

    (void)state;
    ASSERT_NUMBERS("mmmmm", all, 1, 2, 3, 4, 5);
    ASSERT_NUMBERS("amqmm", all, 0, 1, 0, 2, 3); /* by the program, and by somebody */
    ASSERT_NUMBERS("rqrar", all, 1, 0, 2, 0, 3);
    ASSERT_NUMBERS("mmmmm", some, 1, 3, 4, 7, 9);
    ASSERT_NUMBERS("mammm", some, 1, 0, 3, 6, 8); /* 2 was a mark, 3 is none */
    ASSERT_NUMBERS("rrrrr", some, 1, 2, 3, 4, 5); /* what is missing was put elsewhere */
}

static void many_rounds_tell_what_grows_now_and_then(void **state)
{
    unsigned blocks[100], kept = 0;

    (void)state;
    for (size_t i = 0; i < 100; i++) {
        kept += i % 3 == 0;
        blocks[i] = kept;
    }
    assert_int_equal(judge_each(blocks, 100, 1).course, GROWTH_GROWING);
    assert_int_equal(judge_each(blocks, 100, 1).grew, 33);
    assert_int_equal(judge_each(blocks, 100, 1).parts, 99);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_rises_in_each_round_grows),
        cmocka_unit_test(three_rounds_are_needed),
        cmocka_unit_test(blocks_without_bytes_are_judged_by_their_number),
        cmocka_unit_test(what_comes_and_goes_does_not),
        cmocka_unit_test(noise_above_what_is_kept_does_not_hide_it),
        cmocka_unit_test(gaps_count_as_the_rounds_that_they_are),
        cmocka_unit_test(snapshots_of_others_are_no_rounds),
        cmocka_unit_test(many_rounds_tell_what_grows_now_and_then),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
