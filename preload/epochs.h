/* epochs.h - the time between two snapshots or marks, numbered from 1.
 *
 * A block carries the epoch it was allocated in; with its address that is its
 * identity, also when the address is used again. Epochs begin with the gate closed;
 * any thread that records may ask for the current one.
 */
#ifndef PRELOAD_EPOCHS_H
#define PRELOAD_EPOCHS_H

#include "preload/ours.h"

#include <stdatomic.h>
#include <stdint.h>

#define EPOCHS_LABEL_SIZE 65 /* 64 bytes and the NUL */

struct epoch {
    uint32_t number;
    uint64_t time; /* ns since tracing began */
    char label[EPOCHS_LABEL_SIZE];
};

extern OURS _Atomic uint32_t epochs_now;

/* The number of the current epoch. */
static inline uint32_t epochs_current(void)
{
    return atomic_load_explicit(&epochs_now, memory_order_relaxed);
}

/* Forget all epochs and begin number 1 at TIME. */
void epochs_reset(uint64_t time);

/* Begin the next epoch, named LABEL, at TIME. On lack of memory the epoch begins,
 * but is not in the list. */
void epochs_begin(const char *label, uint64_t time);

/* How many are in the list; number INDEX of it, from 0, oldest first. */
uint32_t epochs_count(void);
const struct epoch *epochs_get(uint32_t index);

#endif
