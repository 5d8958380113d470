/* mutate.h - changes a snapshot as a hostile writer might.
 *
 * Knows the sections, so that a changed file is damaged in one place and whole in all
 * others: lengths and, mostly, checksums and sums are made right again afterwards.
 * The same state of the random numbers makes the same change.
 */
#ifndef FUZZ_MUTATE_H
#define FUZZ_MUTATE_H

#include <stddef.h>
#include <stdint.h>

/* The next of a sequence of random numbers. */
uint64_t mutate_random(uint64_t *state);

/* Make a valid snapshot, different for each KIND below MUTATE_KINDS. To be freed with
 * free(). */
enum { MUTATE_KINDS = 11 };
uint8_t *mutate_begin(unsigned kind, size_t *out_size);

/* A changed copy of the SIZE bytes at DATA, at most MAX_SIZE long, to be freed with
 * free(). */
uint8_t *mutate(const uint8_t *data, size_t size, size_t max_size, uint64_t *random,
                size_t *out_size);

#endif
