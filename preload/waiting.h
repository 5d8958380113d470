/* waiting.h - where a thread waits, as /proc tells, when nobody may stop it.
 *
 * A thread that waited in the same call, at the same place of its stack and without having run
 * in between, when it was asked twice, waited there all the time. Makes system calls only; for the
 * task beside the program and its copy (image.h).
 */
#ifndef PRELOAD_WAITING_H
#define PRELOAD_WAITING_H

#include <stdbool.h>
#include <stdint.h>

struct waiting {
    uint64_t sp, pc;   /* of the thread; 0: it runs, or that is not to be known */
    uint64_t switches; /* how often it has left the processor */
};

/* Ask about the thread TID of the process PID. False: it does not wait. */
bool waiting_ask(uint32_t pid, uint32_t tid, struct waiting *out_waiting);

/* Whether it still is as WAITING says, and has been since. */
bool waiting_still(uint32_t pid, uint32_t tid, const struct waiting *waiting);

#endif
