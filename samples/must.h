/* must.h - the samples' way out when there is no memory: they say so and end. */
#ifndef SAMPLES_MUST_H
#define SAMPLES_MUST_H

#include <stdio.h>
#include <stdlib.h>

/* MEMORY, which is not NULL. */
static inline void *must(void *memory)
{
    if (!memory) {
        fputs("out of memory\n", stderr);
        exit(EXIT_FAILURE);
    }
    return memory;
}

/* ERROR, a result of a function that can only lack memory, is 0. */
static inline void must_succeed(int error)
{
    if (error != 0)
        must(NULL);
}

#endif
