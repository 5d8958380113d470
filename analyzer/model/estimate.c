#include "model/estimate.h"

#include "format/snapshot.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define DEVIATIONS 1.96 /* to each side, between which 95 % of a normal distribution are */

uint64_t estimate_weight(const struct heap *heap, const struct heap_block *block)
{
    if (!heap->weights)
        return 1;
    if (block >= heap->blocks && block < heap->blocks + heap->block_count)
        return heap->weights[block - heap->blocks];
    return heap->tracked_weights[block - heap->tracked];
}

double estimate_variance(uint64_t size, uint64_t weight)
{
    return (double)size * (double)size * (double)weight * (double)(weight - 1);
}

/* A block of S bytes, which is recorded with probability p, adds S^2 (1 - p) / p. With
 * p = 1 - exp(-S / mean) that is less than S times mean, since exp(x) - 1 > x. */
double estimate_variance_at_most(const struct heap *heap, uint64_t bytes)
{
    return estimate_is(heap) ? (double)bytes * (double)heap->sampling->mean : 0;
}

bool estimate_is(const struct heap *heap)
{
    return heap->sampling && heap->sampling->mean > 0;
}

uint64_t estimate_error(uint64_t size, double variance)
{
    double step = size > 0 ? variance / (double)size : 0;

    return (uint64_t)(DEVIATIONS * sqrt(variance + step * step) + 0.5);
}

uint64_t estimate_total_error(const struct heap *heap)
{
    double variance = 0;

    for (size_t i = 0; i < heap->stack_count; i++)
        variance += heap->stacks[i].live_variance;
    return estimate_error(heap->account->live_bytes, variance);
}

/* "512 KiB", if BYTES are a whole number of them. */
static void name_bytes(char *buffer, size_t size, uint64_t bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB"};
    size_t unit = 0;

    while (unit + 1 < sizeof(units) / sizeof(*units) && bytes >= 1024 && bytes % 1024 == 0) {
        bytes /= 1024;
        unit++;
    }
    snprintf(buffer, size, "%" PRIu64 " %s", bytes, units[unit]);
}

void estimate_describe(const struct heap *heap, char *buffer, size_t size)
{
    const struct snapshot_sampling *sampling = heap->sampling;
    char mean[32] = "", min[32], max[32];

    *buffer = '\0';
    if (!sampling)
        return;
    if (sampling->mean)
        name_bytes(mean, sizeof(mean), sampling->mean);
    name_bytes(min, sizeof(min), sampling->min);
    name_bytes(max, sizeof(max), sampling->max);
    snprintf(buffer, size, "%s%s%s%s%s%s%s", sampling->mean ? "one block in " : "blocks", mean,
             sampling->mean && (sampling->min || sampling->max != UINT64_MAX) ? ", of those" : "",
             sampling->min ? " of at least " : "", sampling->min ? min : "",
             sampling->max == UINT64_MAX ? "" : sampling->min ? " and at most " : " of at most ",
             sampling->max == UINT64_MAX ? "" : max);
}

void estimate_append(const struct heap *heap, char *buffer, size_t size)
{
    size_t length = strlen(buffer);
    char text[160];

    if (!heap->sampling)
        return;
    estimate_describe(heap, text, sizeof(text));
    snprintf(buffer + length, size - length, ", %s %s", estimate_is(heap) ? "estimated from" : "only",
             text);
}

void estimate_mention(struct report *report, const struct heap *const *heaps, size_t count)
{
    const struct heap *sampled = NULL;
    char text[160];

    for (size_t i = 0; i < count; i++) {
        if (heaps[i]->sampling && (!sampled || !estimate_is(sampled)))
            sampled = heaps[i];
    }
    if (!sampled)
        return;
    estimate_describe(sampled, text, sizeof(text));
    if (!estimate_is(sampled))
        report_add_note(report, "Only %s were recorded.", text);
    else
        report_add_note(report,
                        "A sample, %s: sizes and counts are estimates. The true size is within ± "
                        "of what is shown 95 times out of 100%s.",
                        text, sampled->has_blocks ? "" : ", or more often");
}

void estimate_mention_unlike(struct report *report, const struct heap *old, const struct heap *new)
{
    static const struct snapshot_sampling all = {.max = UINT64_MAX};
    const struct snapshot_sampling *a = old->sampling ? old->sampling : &all;
    const struct snapshot_sampling *b = new->sampling ? new->sampling : &all;
    char of_old[160], of_new[160];

    if (estimate_is(old) == estimate_is(new) && a->min == b->min && a->max == b->max)
        return;
    estimate_describe(old, of_old, sizeof(of_old));
    estimate_describe(new, of_new, sizeof(of_new));
    report_add_note(report, "Not recorded alike: of %s %s, of %s %s.%s%s", old->path,
                    *of_old ? of_old : "all blocks", new->path, *of_new ? of_new : "all blocks",
                    estimate_is(old) != estimate_is(new)
                        ? " What a sample has none of may be there all the same: a change is certain "
                          "only beyond its ±, that of a count not at all."
                        : "",
                    a->min != b->min || a->max != b->max
                        ? " What one of them left out for its size seems to have come or gone."
                        : "");
}

void estimate_mention_total(struct report *report, const struct heap *heap)
{
    uint64_t size = heap->account->live_bytes;
    char text[160];

    if (!estimate_is(heap)) {
        estimate_mention(report, &heap, 1);
        return;
    }
    estimate_describe(heap, text, sizeof(text));
    report_add_note(report,
                    "A sample, %s: sizes and counts are estimates. All that is alive is within "
                    "± %.1f %% of the true size 95 times out of 100, parts of it less closely.",
                    text, size ? 100.0 * (double)estimate_total_error(heap) / (double)size : 0.0);
}
