/* live_copy.h - the live table at one moment, copied as fast as memory goes.
 *
 *   pages    address | which of its 512 slots have a block, a bit each
 *   words    those slots, one after the other
 *   others   blocks of the hash, and those that are added
 *
 * live_copy_prepare() has memory for about that many, so that the copying, with the gate
 * closed, causes few page faults; what the words mean is looked at later, in the writer's
 * task for instance. Zeroed memory is an empty copy.
 */
#ifndef PRELOAD_LIVE_COPY_H
#define PRELOAD_LIVE_COPY_H

#include "preload/buffer.h"
#include "preload/live_block.h"

#include <stdbool.h>
#include <stdint.h>

struct live_copy {
    struct buffer pages, words, others;
};

/* Make room for about BLOCKS blocks. Any thread, any time. False on lack of memory. */
bool live_copy_prepare(struct live_copy *copy, uint64_t blocks);

/* Copy the table. Call with the gate closed, once. */
void live_copy_take(struct live_copy *copy);

/* Add BLOCK, which is not in the table. */
void live_copy_add(struct live_copy *copy, const struct live_block *block);

/* Call EACH for every block, in the order of addresses. Returns false, and calls nothing,
 * if memory had run out. Any time, once the gate is open too. */
bool live_copy_each(struct live_copy *copy,
                    void (*each)(void *context, const struct live_block *block), void *context);

void live_copy_finish(struct live_copy *copy);

#endif
