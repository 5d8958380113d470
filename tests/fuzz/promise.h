/* promise.h - what is to be true for every input. */
#ifndef FUZZ_PROMISE_H
#define FUZZ_PROMISE_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define PROMISE(condition)                                       \
    do {                                                         \
        if (!(condition)) {                                      \
            fprintf(stderr, "promise broken: %s\n", #condition); \
            abort();                                             \
        }                                                        \
    } while (0)

/* Look at the SIZE bytes at DATA. 0: they are accepted; -1: not worth keeping. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
