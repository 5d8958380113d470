/* Whether something grows, where it is clear, where chance decides, and where there is nothing. */
#include "model/growth.h"

#include "unit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MOMENTS 40
#define ROUNDS  400

static uint64_t random_state;

/* A random number from 0 up to below 1 (splitmix64). */
static double draw(void)
{
    uint64_t value = random_state += 0x9e3779b97f4a7c15;

    value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9;
    value = (value ^ value >> 27) * 0x94d049bb133111eb;
    return (double)((value ^ value >> 31) >> 11) * 0x1p-53;
}

/* COUNT moments, a thousand allocations and a millisecond apart. */
static struct growth_moments evenly(size_t count)
{
    struct growth_moments moments = {.count = count};

    for (size_t i = 0; i < count; i++) {
        moments.work[i] = 1000.0 * (double)(i + 1);
        moments.time[i] = 1e6 * (double)(i + 1);
    }
    growth_set_warm_up(&moments, 0);
    return moments;
}

static struct growth judge(const struct growth_moments *moments, const struct growth_levels *levels)
{
    struct growth growth;

    memset(&growth, 0xff, sizeof(growth));
    growth_judge(moments, levels, &growth);
    return growth;
}

/* The course of a stack that holds LEVEL(i / COUNT) blocks of 100 bytes at each of COUNT moments. */
static struct growth judge_course(size_t count, double (*level)(double share))
{
    struct growth_moments moments = evenly(count);
    struct growth_levels levels = {0};

    for (size_t i = 0; i < count; i++) {
        levels.blocks[i] = (uint64_t)level((double)(i + 1) / (double)count);
        levels.bytes[i] = levels.blocks[i] * 100;
    }
    return judge(&moments, &levels);
}

static double nothing(double share)
{
    (void)share;
    return 0;
}

static double constant(double share)
{
    (void)share;
    return 1000;
}

static double line(double share)
{
    return 1000 * share;
}

static double root(double share)
{
    return 1000 * sqrt(share);
}

static double square(double share)
{
    return 1000 * share * share;
}

static double logarithm(double share)
{
    return 200 * log(1 + 100 * share);
}

static double filled(double share)
{
    return share < 0.6 ? 1000 * share : 600;
}

static double late_line(double share)
{
    return share < 0.5 ? 0 : 1000 * (share - 0.5);
}

static double too_late_line(double share)
{
    return share < 0.85 ? 0 : 1000 * (share - 0.85);
}

static double late_step(double share)
{
    return share < 0.7 ? 3 : 500;
}

static double few(double share)
{
    return floor(9 * share);
}

static double let_go(double share)
{
    return share < 1 ? 1000 * share : 10;
}

static double higher_before(double share)
{
    return share < 0.15 ? 5000 : 1000 * share;
}

static double saw(double share)
{
    return 100 * fmod(share * 12.3, 1);
}

static double rising_saw(double share)
{
    return 100 * fmod(share * 12.3, 1) + 400 * share;
}

static void nothing_is_told_without_moments(void **state)
{
    struct growth_moments moments = {0};
    struct growth_levels levels = {0};
    struct growth growth;

    (void)state;
    growth_set_warm_up(&moments, 0);
    growth = judge(&moments, &levels);
    assert_int_equal(growth.course, GROWTH_UNKNOWN);
    assert_int_equal(growth.confidence, GROWTH_LOW);
    assert_int_equal(growth.bytes, 0);
}

static void few_moments_are_too_few(void **state)
{
    (void)state;
    for (size_t count = 1; count < GROWTH_MOMENTS_MIN; count++) {
        struct growth growth = judge_course(count, line);

        assert_int_equal(growth.course, GROWTH_UNKNOWN);
        assert_int_equal(growth.confidence, GROWTH_LOW);
        assert_int_equal(growth.highest, count > 0 ? 100000 : 0);
    }
}

static void what_does_not_change_was_there_at_once(void **state)
{
    (void)state;
    assert_int_equal(judge_course(MOMENTS, constant).course, GROWTH_ONCE);
    assert_int_not_equal(judge_course(MOMENTS, nothing).course, GROWTH_GROWING);
}

/* All moments at the same work: nothing was allocated between them. */
static void without_work_nothing_grows(void **state)
{
    struct growth_moments moments = {.count = MOMENTS};
    struct growth_levels levels = {0};

    (void)state;
    for (size_t i = 0; i < MOMENTS; i++)
        levels.bytes[i] = i * 1000;
    growth_set_warm_up(&moments, 0);
    assert_int_not_equal(judge(&moments, &levels).course, GROWTH_GROWING);
}

static void courses_are_told_apart(void **state)
{
    static const struct {
        double (*level)(double share);
        enum growth_course course;
    } cases[] = {
        {line, GROWTH_GROWING},    {root, GROWTH_GROWING},       {square, GROWTH_GROWING},
        {logarithm, GROWTH_SLOWING}, {filled, GROWTH_STOPPED},   {late_line, GROWTH_GROWING},
        {late_step, GROWTH_ONCE},  {rising_saw, GROWTH_GROWING},
    };

    (void)state;
    for (size_t count = 30; count <= 64; count++)
        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
            assert_int_equal(judge_course(count, cases[i].level).course, cases[i].course);
}

static void no_leak_is_called_one(void **state)
{
    double (*const cases[])(double) = {few, let_go, higher_before, too_late_line};

    (void)state;
    for (size_t count = GROWTH_MOMENTS_MIN; count <= 64; count++)
        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
            if (judge_course(count, cases[i]).course == GROWTH_GROWING)
                fail_msg("case %zu of %zu moments grows", i, count);
    for (size_t count = 30; count <= 64; count++)
        assert_int_not_equal(judge_course(count, saw).course, GROWTH_GROWING);
}

static void how_fast_is_told(void **state)
{
    struct growth growth = judge_course(MOMENTS, line);

    (void)state;
    assert_int_equal(growth.confidence, GROWTH_HIGH);
    /* 100000 bytes for 40000 allocations, in 40 ms. */
    assert_true(fabs(growth.bytes_per_work - 2.5) < 1e-6);
    assert_true(fabs(growth.blocks_per_work - 0.025) < 1e-6);
    assert_true(fabs(growth.bytes_per_hour - 100000 / 0.04 * 3600) < 1);
}

/* A single block that is made longer at each moment, of as many as snapshots may be. */
static void a_block_that_grows_is_enough(void **state)
{
    (void)state;
    for (size_t count = 11; count <= GROWTH_MOMENTS_MAX; count += 7) {
        struct growth_moments moments = evenly(count);
        struct growth_levels levels = {0};

        for (size_t i = 0; i < count; i++) {
            levels.blocks[i] = 1;
            levels.bytes[i] = 64 * (i + 1);
        }
        assert_int_equal(judge(&moments, &levels).course, GROWTH_GROWING);
    }
}

/* The highest sizes there are: no sum and no conversion overflows. */
static void sizes_have_no_limit(void **state)
{
    struct growth_moments moments = evenly(MOMENTS);
    struct growth_levels levels = {0};
    struct growth growth;

    (void)state;
    for (size_t i = 0; i < MOMENTS; i++) {
        levels.bytes[i] = UINT64_MAX / (MOMENTS - 1) * i;
        levels.blocks[i] = levels.bytes[i];
    }
    levels.bytes[MOMENTS - 1] = levels.blocks[MOMENTS - 1] = UINT64_MAX;
    growth = judge(&moments, &levels);
    assert_int_equal(growth.course, GROWTH_GROWING);
    assert_true(growth.bytes > UINT64_MAX / 2);
    /* … from nothing, in parts of one moment each. */
    moments = evenly(12);
    for (size_t i = 0; i < 12; i++)
        levels.bytes[i] = i < 3 ? 0 : i < 11 ? UINT64_MAX / 9 * (i - 2) : UINT64_MAX;
    assert_true(judge(&moments, &levels).bytes > UINT64_MAX / 2);
    moments = evenly(MOMENTS);
    for (size_t i = 0; i < MOMENTS; i++)
        levels.bytes[i] = i < MOMENTS / 2 ? 0 : UINT64_MAX;
    assert_int_not_equal(judge(&moments, &levels).course, GROWTH_GROWING);
    for (size_t i = 0; i < MOMENTS; i++)
        levels.bytes[i] = i % 2 ? 0 : UINT64_MAX;
    assert_int_not_equal(judge(&moments, &levels).course, GROWTH_GROWING);
}

/* How many of ROUNDS random courses grow: RATE(i / MOMENTS) blocks come between two moments on
 * average, and up to NOISE are in use besides. */
static unsigned count_growing(double (*rate)(double share), double noise)
{
    struct growth_moments moments = evenly(MOMENTS);
    unsigned growing = 0;

    for (unsigned round = 0; round < ROUNDS; round++) {
        struct growth_levels levels = {0};
        uint64_t held = 0;

        for (size_t i = 0; i < MOMENTS; i++) {
            /* As many events of a hundred chances as Poisson has them, nearly. */
            for (unsigned chance = 0; chance < 100; chance++)
                held += draw() * 100 < rate((double)(i + 1) / MOMENTS);
            levels.blocks[i] = held + (uint64_t)(draw() * noise);
            levels.bytes[i] = levels.blocks[i] * 64;
        }
        growing += judge(&moments, &levels).course == GROWTH_GROWING;
    }
    return growing;
}

static double often(double share)
{
    (void)share;
    return 10;
}

static double until_late(double share)
{
    return share < 0.6 ? 10 : 0;
}

static double seldom(double share)
{
    (void)share;
    return 1;
}

static double ever_more_seldom(double share)
{
    return 6 / share;
}

static void noise_does_not_grow(void **state)
{
    (void)state;
    random_state = 1;
    assert_in_range(count_growing(nothing, 20), 0, ROUNDS / 100);
    assert_in_range(count_growing(nothing, 2000), 0, ROUNDS / 100);
}

/* What comes and goes, up to a third of what grew, does not hide that it has stopped. */
static void noise_does_not_hide_an_end(void **state)
{
    (void)state;
    random_state = 4;
    assert_in_range(count_growing(until_late, 72), 0, ROUNDS / 6);
    assert_in_range(count_growing(often, 120), ROUNDS - ROUNDS / 25, ROUNDS);
}

static void chance_does_not_hide_a_leak(void **state)
{
    (void)state;
    random_state = 2;
    assert_in_range(count_growing(often, 0), ROUNDS - ROUNDS / 50, ROUNDS);
    assert_in_range(count_growing(often, 60), ROUNDS - ROUNDS / 50, ROUNDS);
    /* 32 cases behind the warm-up. */
    assert_in_range(count_growing(seldom, 0), ROUNDS - ROUNDS / 5, ROUNDS);
}

static void a_logarithm_is_no_leak(void **state)
{
    (void)state;
    random_state = 3;
    assert_in_range(count_growing(ever_more_seldom, 0), 0, ROUNDS / 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_told_without_moments),
        cmocka_unit_test(few_moments_are_too_few),
        cmocka_unit_test(what_does_not_change_was_there_at_once),
        cmocka_unit_test(without_work_nothing_grows),
        cmocka_unit_test(courses_are_told_apart),
        cmocka_unit_test(no_leak_is_called_one),
        cmocka_unit_test(how_fast_is_told),
        cmocka_unit_test(a_block_that_grows_is_enough),
        cmocka_unit_test(sizes_have_no_limit),
        cmocka_unit_test(noise_does_not_grow),
        cmocka_unit_test(noise_does_not_hide_an_end),
        cmocka_unit_test(chance_does_not_hide_a_leak),
        cmocka_unit_test(a_logarithm_is_no_leak),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
