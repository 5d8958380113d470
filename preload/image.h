/* image.h - a short-lived task beside the program, and a copy of the program's memory.
 *
 * A child of a raw clone that shares the program's memory and nothing else: its own
 * stack, all signals blocked, no exit signal (the program's wait() and SIGCHLD see
 * nothing), a copy of the descriptor table in which all are closed, so that no
 * descriptor of the program is used or held open. It shares the thread-locals of
 * its creator: only code without errno, locks and libc state may run in it.
 *
 * Such a task can make a copy of itself that has all memory as it was at that moment: an
 * image of the program, in which nothing changes any more. What it costs the program is to copy
 * the pages that either writes to while the image is there.
 *
 * Who waits for a task, or for its copy, sends it on when somebody has stopped it (SIGSTOP can't
 * be blocked). Who limits the program's CPU time does that for as long as the program runs, twenty
 * times a second, and the task gets its work done all the same; who stops it again and again at
 * once keeps it from its end, and the program, which waits, would hang. What tells them apart is
 * the CPU time of the task and its copy, not the clock: a loaded machine, or one that stood still,
 * looks like either. To be stopped and sent on costs some 5 us of it. So once it was stopped for a
 * second without a second's pause, a task is killed if it got no more than 50 us for each time: it
 * did little but stop. Of what another one gets nine tenths are work, so it comes to its end, if it
 * has one; whether it has is not asked of who is never stopped either. While the gate is closed,
 * image_wait_for() has the last word, by the clock; or before that, when it has looked again and
 * again and the task got no CPU time in between.
 */
#ifndef PRELOAD_IMAGE_H
#define PRELOAD_IMAGE_H

#include <stdbool.h>
#include <stdint.h>

/* How somebody stopped a task, and then did so again within a second. */
struct stopping {
    uint64_t first, last; /* when; 0: nobody did */
    uint64_t times;
    uint64_t used; /* its CPU time at the first of them, ns */
};

/* A task that was started. */
struct image {
    void (*task)(void *context);
    void *context;
    char *stack;
    long pid;              /* 0: it ran in the calling thread */
    _Atomic uint32_t copy; /* of the task, which waits for it; 0: none */
    struct stopping stopping;
    bool stuck; /* it waited for something that would not come */
};

/* Run TASK with CONTEXT in such a task and wait for it. Where none can be had (a limit
 * on processes) it runs in the calling thread, with all signals blocked. */
void image_run(void (*task)(void *context), void *context);

/* The same without waiting. IMAGE must stay until image_reap() says so. */
void image_start(struct image *image, void (*task)(void *context), void *context);

/* The same, but false where no task can be had. */
bool image_try_start(struct image *image, void (*task)(void *context), void *context);

/* In the task of IMAGE: run TASK with CONTEXT in a copy of it, which ends with the task. Returns
 * its pid, or the error. */
long image_copy(struct image *image, void (*task)(void *context), void *context);

/* Wait for that copy. Returns its exit status; -1: it was killed. OTHER is told of other processes
 * that the caller traces. */
int image_wait(struct image *image, void (*other)(long pid, int status));

/* Wait until the task of IMAGE sets WORD. False if it ended without: somebody killed it, or
 * this did, after PATIENCE ns, or when it was stuck. It is still to be reaped. */
bool image_wait_for(struct image *image, _Atomic uint32_t *word, uint64_t patience);

/* Whether the task of IMAGE has ended; with WAIT, wait until it has. Then it is gone. */
bool image_reap(struct image *image, bool wait);

#endif
