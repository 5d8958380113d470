#include "preload/sampling.h"

#include <stdatomic.h>

#define ONE ((uint64_t)1 << 32) /* numbers of 32 bits before the point, and 32 behind it */
#define LN_2 2977044471u        /* … of which this one has no bits before it */

struct sampling sampling = { 0, 0, UINT64_MAX, 0 };
bool sampling_on;
__thread struct sampling_thread sampling_thread;

static _Atomic uint64_t threads; /* that have begun */

/* The finalizer of splitmix64 (Steele, Lea, Flood: Fast splittable pseudorandom number
 * generators, 2014): each bit of NUMBER matters to each bit of the result. */
static uint64_t mix(uint64_t number)
{
    number = (number ^ number >> 30) * 0xbf58476d1ce4e5b9u;
    number = (number ^ number >> 27) * 0x94d049bb133111ebu;
    return number ^ number >> 31;
}

void sampling_init(uint64_t mean, uint64_t min, uint64_t max, uint64_t seed)
{
    sampling = (struct sampling){ mean < SAMPLING_MEAN_MAX ? mean : SAMPLING_MEAN_MAX, min,
                                  max ? max : UINT64_MAX, seed };
    sampling_on = mean || min || max;
    sampling_thread = (struct sampling_thread){ 0, 0 };
    atomic_store_explicit(&threads, 0, memory_order_relaxed);
}

/* The logarithm to base 2 of NUMBER, not 0: its whole part is where the highest bit is; then
 * squaring what remains, from 1 to 2, tells whether the next bit is set. */
static uint64_t log_2(uint64_t number)
{
    unsigned highest = 63 - (unsigned)__builtin_clzll(number);
    uint64_t result = highest, rest = number << (63 - highest) >> 32; /* 2^31: 1 */

    for (int i = 0; i < 32; i++) {
        rest = rest * rest >> 31;
        result = result << 1 | rest >> 32;
        rest >>= rest >> 32;
    }
    return result;
}

/* The bytes until the next hit, whatever was hit before: mean times the negative logarithm of a
 * number from 0 to 1. */
static uint64_t draw(struct sampling_thread *thread)
{
    uint64_t uniform, length;

    thread->random += 0x9e3779b97f4a7c15u;
    uniform = mix(thread->random) | 1;
    length = ((64 * ONE - log_2(uniform)) >> 6) * LN_2 >> 26;
    return (length >> 32) * sampling.mean + ((length & (ONE - 1)) * sampling.mean >> 32);
}

bool sampling_hit(struct sampling_thread *thread, uint64_t size)
{
    if (!sampling.mean)
        return true;
    if (!thread->random) {
        uint64_t number = atomic_fetch_add_explicit(&threads, 1, memory_order_relaxed);

        thread->random = mix(sampling.seed + mix(number)) | 1;
        thread->left = draw(thread);
    }
    if (thread->left >= size) {
        thread->left -= size;
        return false;
    }
    thread->left = draw(thread);
    return true;
}

void sampling_forked(uint64_t pid)
{
    struct sampling_thread *thread = &sampling_thread;

    if (!thread->random || !sampling.mean)
        return;
    thread->random = mix(thread->random ^ mix(pid)) | 1;
    thread->left = draw(thread);
}

/* 1 / (1 - exp(-x)) by its series at 0, 1/x + 1/2 + x/12 - x^3/720 + x^5/30240 - …, which up to
 * 1 is off by less than 1e-6. For a larger x of its 2^K-th part, from which exp(-x) comes by
 * squaring K times. */
uint64_t sampling_inverse(uint64_t mean, uint64_t size)
{
    unsigned halvings = 0;
    uint64_t part = mean, x, square, cube, result, rest;

    size = size ? size : 1;
    if (size / mean >= 32)
        return ONE;
    for (; size > part; part *= 2)
        halvings++;
    if (halvings == 0) {
        result = (part << 32) / size;
        x = (size << 32) / part;
    } else { /* both are below 2^36 */
        result = (part << 27) / size << 5;
        x = (size << 27) / part << 5;
    }
    x -= x == ONE;
    square = x * x >> 32;
    cube = square * x >> 32;
    result += ONE / 2 + x / 12 - cube / 720 + (cube * square >> 32) / 30240;
    if (halvings == 0)
        return result;
    rest = ONE - UINT64_MAX / result;
    for (; halvings > 0; halvings--)
        rest = rest * rest >> 32;
    return UINT64_MAX / (ONE - rest);
}

uint64_t sampling_weigh(uintptr_t address, size_t size)
{
    uint64_t inverse;

    if (!sampling.mean)
        return 1;
    inverse = sampling_inverse(sampling.mean, size);
    return (inverse >> 32) +
           ((uint32_t)mix(sampling.seed ^ mix(address + mix(size))) < (uint32_t)inverse);
}
