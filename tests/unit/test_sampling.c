/* What is recorded of blocks, what these stand for, and whether the true size is where the
 * analyzer says: the shim's own sampling, and the analyzer's own arithmetic, over seeds that are
 * the same each time. The oracle is libm, and a sum over all blocks. */
#include "unit.h"

#include "format/snapshot.h"
#include "model/estimate.h"
#include "preload/sampling.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>

static void chances_are_as_the_exponential_function_has_them(void **state)
{
    static const uint64_t means[] = {1, 2, 3, 100, 4096, 100003, 524288, (uint64_t)1 << 30};

    (void)state;
    for (size_t i = 0; i < sizeof(means) / sizeof(*means); i++) {
        for (double size = 1; size < 1e12; size = size * 1.03 + 1) {
            uint64_t whole = (uint64_t)size;
            double is = (double)sampling_inverse(means[i], whole) / 4294967296.0;
            double ought = -1 / expm1(-(double)whole / (double)means[i]);

            if (fabs(is / ought - 1) > 2e-6)
                fail_msg("1/p(%ju) with mean %ju is %.9g, not %.9g", (uintmax_t)whole,
                         (uintmax_t)means[i], is, ought);
        }
        assert_int_equal(sampling_inverse(means[i], 0), sampling_inverse(means[i], 1));
    }
}

static void weights_are_right_on_average_and_the_same_each_time(void **state)
{
    const double mean = 4096;

    (void)state;
    sampling_init(4096, 0, 0, 42);
    for (size_t size = 1; size < 40000; size = size * 3 + 1) {
        double ought = -1 / expm1(-(double)size / mean), sum = 0;

        for (uintptr_t i = 0; i < 100000; i++) {
            uintptr_t address = 0x7f0000001010 + 48 * i;
            uint64_t weight = sampling_weight(address, size);

            assert_int_equal(weight, sampling_weight(address, size));
            assert_true(weight == (uint64_t)ought || weight == (uint64_t)ought + 1);
            sum += (double)weight;
        }
        if (fabs(sum / 100000 - ought) > 0.006) /* 4 of its deviations, at most */
            fail_msg("blocks of %zu stand for %.4f, not %.4f", size, sum / 100000, ought);
    }
}

static void blocks_are_hit_as_often_as_they_should(void **state)
{
    (void)state;
    for (size_t size = 16; size < 40000; size *= 4) {
        double ought = -expm1(-(double)size / 4096), hits = 0;
        const double count = 400000;

        sampling_init(4096, 0, 0, size);
        for (int i = 0; i < (int)count; i++)
            hits += sampling_takes(size);
        if (fabs(hits / count - ought) > 4 * sqrt(ought * (1 - ought) / count))
            fail_msg("%.5f of the blocks of %zu were hit, not %.5f", hits / count, size, ought);
    }
}

static void without_sampling_all_blocks_count_as_one(void **state)
{
    (void)state;
    sampling_init(0, 0, 0, 1);
    assert_false(sampling_on);
    for (size_t size = 0; size < 100000; size += 999) {
        assert_true(sampling_takes(size));
        assert_int_equal(sampling_weight(size, size), 1);
    }
}

static void bounds_leave_out_what_is_outside(void **state)
{
    (void)state;
    sampling_init(0, 10, 20, 1);
    assert_true(sampling_on);
    for (size_t size = 0; size < 40; size++)
        assert_int_equal(sampling_takes(size), size >= 10 && size <= 20);
    assert_int_equal(sampling_weight(0x1000, 10), 1);
    sampling_init(1, 10, 0, 1); /* of 1 in each byte, larger ones are hit certainly */
    assert_false(sampling_takes(9));
    assert_true(sampling_takes(100));
}

static void a_forked_process_has_a_sample_of_its_own(void **state)
{
    bool parent[1000];
    size_t same = 0, hits = 0;

    (void)state;
    for (int process = 0; process < 2; process++) {
        sampling_init(1000, 0, 0, 7);
        sampling_takes(1);
        if (process)
            sampling_forked(4711);
        for (size_t i = 0; i < 1000; i++) {
            bool hit = sampling_takes(100);

            if (process) {
                same += hit && parent[i];
                hits += hit;
            }
            parent[i] = hit;
        }
    }
    assert_in_range(hits, 50, 150);
    assert_in_range(same, 0, 30);
}

/* ---- estimates ------------------------------------------------------------------ */

#define RUNS 1000

struct kind {
    size_t size, count;
};

/* What is estimated of some blocks, as the shim and the analyzer do it. */
struct estimate {
    uint64_t size, blocks;
    double variance;
};

static void add_kind(const struct kind *kind, uintptr_t *address, struct estimate *estimate)
{
    for (size_t i = 0; i < kind->count; i++, *address += (kind->size + 31) / 16 * 16) {
        uint64_t weight;

        if (!sampling_takes(kind->size))
            continue;
        weight = sampling_weight(*address, kind->size);
        estimate->size += weight * kind->size;
        estimate->blocks += weight;
        estimate->variance += estimate_variance(kind->size, weight);
    }
}

struct tally {
    double size, blocks; /* sums over all runs */
    size_t covered, covered_at_most;
};

static void estimate_often(uint64_t mean, const struct kind *kinds, size_t kind_count,
                           struct tally *out_tally)
{
    const struct snapshot_sampling sampling_record = {.mean = mean, .max = UINT64_MAX};
    const struct heap heap = {.sampling = &sampling_record};
    uint64_t truth = 0;

    for (size_t i = 0; i < kind_count; i++)
        truth += kinds[i].size * kinds[i].count;
    *out_tally = (struct tally){0};
    for (uint64_t run = 0; run < RUNS; run++) {
        struct estimate estimate = {0};
        uintptr_t address = 0x555555559010;
        uint64_t off;

        sampling_init(mean, 0, 0, 0x1234567 * run);
        for (size_t i = 0; i < kind_count; i++)
            add_kind(&kinds[i], &address, &estimate);
        off = estimate.size > truth ? estimate.size - truth : truth - estimate.size;
        out_tally->size += (double)estimate.size;
        out_tally->blocks += (double)estimate.blocks;
        out_tally->covered += off <= estimate_error(estimate.size, estimate.variance);
        out_tally->covered_at_most +=
            off <= estimate_error(estimate.size, estimate_variance_at_most(&heap, estimate.size));
    }
}

/* The bias is below 1 %, and 93 to 97 % of the intervals cover the truth. */
static void expect_good(const char *name, uint64_t mean, const struct kind *kinds,
                        size_t kind_count)
{
    double size = 0, blocks = 0;
    struct tally tally;

    for (size_t i = 0; i < kind_count; i++) {
        size += (double)(kinds[i].size * kinds[i].count);
        blocks += (double)kinds[i].count;
    }
    estimate_often(mean, kinds, kind_count, &tally);
    print_message("# %s: bias of bytes %+.2f %%, of blocks %+.2f %%; the truth is within in %.1f %%, "
                  "without the list of blocks in %.1f %%\n",
                  name, 100 * (tally.size / RUNS / size - 1),
                  100 * (tally.blocks / RUNS / blocks - 1), (double)tally.covered * 100 / RUNS,
                  (double)tally.covered_at_most * 100 / RUNS);
    assert_true(fabs(tally.size / RUNS / size - 1) < 0.01);
    assert_in_range(tally.covered, RUNS * 93 / 100, RUNS * 97 / 100);
    assert_in_range(tally.covered_at_most, RUNS * 93 / 100, RUNS);
}

#define EXPECT_GOOD(name, mean, ...)                          \
    expect_good(name, mean, (const struct kind[]){__VA_ARGS__}, \
                sizeof((const struct kind[]){__VA_ARGS__}) / sizeof(struct kind))

static void estimates_are_unbiased_and_their_intervals_right(void **state)
{
    (void)state;
    EXPECT_GOOD("many small blocks", 4096, {48, 40000});
    EXPECT_GOOD("all sizes", 16384, {16, 3000}, {40, 3000}, {100, 2000}, {500, 1000}, {2000, 600},
                {9000, 200}, {20000, 100}, {70000, 20});
    EXPECT_GOOD("sizes about the mean", 4096, {2000, 900}, {4096, 900}, {9000, 900});
    EXPECT_GOOD("some thirty hits", 65536, {100, 20000});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chances_are_as_the_exponential_function_has_them),
        cmocka_unit_test(weights_are_right_on_average_and_the_same_each_time),
        cmocka_unit_test(blocks_are_hit_as_often_as_they_should),
        cmocka_unit_test(without_sampling_all_blocks_count_as_one),
        cmocka_unit_test(bounds_leave_out_what_is_outside),
        cmocka_unit_test(a_forked_process_has_a_sample_of_its_own),
        cmocka_unit_test(estimates_are_unbiased_and_their_intervals_right),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
