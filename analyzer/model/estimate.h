/* estimate.h - what the blocks of a sampled snapshot stand for, and how far off that may be.
 *
 * Of a snapshot in which all blocks were recorded each stands for itself, and nothing is off.
 * Otherwise sizes are estimates, and have a variance. Variances of sums of different blocks add
 * up; so those of two heaps' sums do, of one run too, where that is too careful: of blocks that
 * are in both of them, both know the same.
 */
#ifndef MODEL_ESTIMATE_H
#define MODEL_ESTIMATE_H

#include "model/heap.h"
#include "model/report.h"

/* How many blocks BLOCK, which lies in the array of HEAP's blocks or of its tracked ones, stands
 * for. */
uint64_t estimate_weight(const struct heap *heap, const struct heap_block *block);

/* What a recorded block of SIZE bytes that stands for WEIGHT adds to the variance of a sum: the
 * Horvitz-Thompson estimator, for weights that are whole numbers (format/snapshot.h). */
double estimate_variance(uint64_t size, uint64_t weight);

/* The variance of BYTES in HEAP, where it is not known of which blocks: at most this. */
double estimate_variance_at_most(const struct heap *heap, uint64_t bytes);

/* Is HEAP a sample, whose sizes are estimates? */
bool estimate_is(const struct heap *heap);

/* Half of the interval in which the true size lies 95 times out of 100, if SIZE is estimated with
 * VARIANCE, in bytes. Where few blocks were recorded, for which the normal distribution would not
 * do, it is wider by what one of them stands for. */
uint64_t estimate_error(uint64_t size, double variance);

/* The same for all that is alive in HEAP. */
uint64_t estimate_total_error(const struct heap *heap);

/* Tell in REPORT that blocks of the COUNT heaps at HEAPS were not recorded, if so. */
void estimate_mention(struct report *report, const struct heap *const *heaps, size_t count);

/* Tell in REPORT what can't be compared between OLD and NEW, for not the same blocks were
 * recorded in both. */
void estimate_mention_unlike(struct report *report, const struct heap *old, const struct heap *new);

/* The same as estimate_mention() of one heap, in a report that shows no errors: how far off the
 * total may be. */
void estimate_mention_total(struct report *report, const struct heap *heap);

/* "one block in 512 KiB, of 64 B to 1024 B" into the SIZE bytes at BUFFER. */
void estimate_describe(const struct heap *heap, char *buffer, size_t size);

/* Put behind the text in BUFFER, of SIZE bytes, which names HEAP where there is no room for more,
 * that it is no more than a sample: ", estimated from one block in 512 KiB"; nothing if all blocks
 * were recorded. */
void estimate_append(const struct heap *heap, char *buffer, size_t size);

#endif
