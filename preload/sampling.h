/* sampling.h - which blocks are recorded, where not all are: a sample by bytes, bounds of size.
 *
 * Every byte that is allocated has the same chance of being hit: the bytes between two hits are
 * of an exponential distribution with the mean that was asked for. A block that is hit, be it
 * several times, is recorded: one of S bytes with probability p(S) = 1 - exp(-S / mean). The
 * others are not, and cost next to nothing. An empty block counts as one byte here.
 *
 * A recorded block stands for 1 / p(S) blocks of its size, and counts as so many wherever blocks
 * and bytes are added up; so all sums are unbiased estimates. To have whole numbers, and the same
 * one when the block is freed, it counts as the whole part of that, or as one more: which one is
 * left to a hash of its address, so that the fraction is right on average.
 *
 * No floating point: hooks are called where its registers must not be touched. A leaf; any
 * thread may call anything once sampling_init() has returned.
 */
#ifndef PRELOAD_SAMPLING_H
#define PRELOAD_SAMPLING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SAMPLING_MEAN_MAX ((uint64_t)1 << 30) /* so that what follows fits into 64 bits */

struct sampling {
    uint64_t mean;     /* bytes from hit to hit; 0: every block is recorded */
    uint64_t min, max; /* blocks of other sizes are not recorded */
    uint64_t seed;     /* of the hash */
};

extern struct sampling sampling __attribute__((visibility("hidden")));
extern bool sampling_on __attribute__((visibility("hidden"))); /* false: all blocks are recorded */

/* What a thread knows. All zero is a new one. */
struct sampling_thread {
    uint64_t left;   /* bytes until the next hit */
    uint64_t random; /* 0: not begun */
};

extern __thread struct sampling_thread sampling_thread
    __attribute__((tls_model("initial-exec"), visibility("hidden")));

/* Record blocks of MIN to MAX (0: any number of) bytes only, and of these, if MEAN is not 0, a
 * sample; SEED is random. Call before the first block. */
void sampling_init(uint64_t mean, uint64_t min, uint64_t max, uint64_t seed);

/* The calling thread is another one than its copy in the process that forked, by PID. */
void sampling_forked(uint64_t pid);

bool sampling_hit(struct sampling_thread *thread, uint64_t size); /* of sampling_takes() */

/* Whether a new block of SIZE bytes is recorded. It is asked once of each. */
static inline bool sampling_takes(size_t size)
{
    struct sampling_thread *thread = &sampling_thread;

    if (size < sampling.min || size > sampling.max)
        return false;
    if (__builtin_expect(size != 0 && thread->left >= size, true)) {
        thread->left -= size;
        return false;
    }
    return sampling_hit(thread, size ? size : 1);
}

/* 2^32 / p(SIZE) with MEAN, not 0. */
uint64_t sampling_inverse(uint64_t mean, uint64_t size);

/* How many blocks the recorded one of SIZE bytes at ADDRESS stands for. */
uint64_t sampling_weigh(uintptr_t address, size_t size);

static inline uint64_t sampling_weight(uintptr_t address, size_t size)
{
    return __builtin_expect(sampling_on, false) ? sampling_weigh(address, size) : 1;
}

#endif
