/* clock.h - the time that a wait is measured by. Any thread. */
#ifndef MODEL_CLOCK_H
#define MODEL_CLOCK_H

#include <stdint.h>
#include <time.h>

/* Nanoseconds of a clock that nobody sets; the traced programs' clock is the same one. */
static inline uint64_t clock_now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

#endif
