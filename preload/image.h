/* image.h - a short-lived task beside the program, and a copy of the program's memory.
 *
 * A child of a raw clone that shares the program's memory and nothing else: its own
 * stack, all signals blocked, no exit signal (the program's wait() and SIGCHLD see
 * nothing), a copy of the descriptor table in which all are closed, so that no
 * descriptor of the program is used or held open. It shares the thread-locals of
 * its creator: only code without errno, locks and libc state may run in it.
 *
 * Who waits for a task, or for its copy, sends it on when somebody has stopped it (SIGSTOP can't
 * be blocked), and kills it if that was done again and again for a second: the program must not
 * hang.
 *
 * Such a task can make a copy of itself that has all memory as it was at that moment: an
 * image of the program, in which nothing changes any more. What it costs the program is to copy
 * the pages that either writes to while the image is there.
 */
#ifndef PRELOAD_IMAGE_H
#define PRELOAD_IMAGE_H

#include <stdbool.h>
#include <stdint.h>

/* When somebody stopped a task, first and last of those times that came close together. */
struct stopping {
    uint64_t first, last; /* 0: nobody did */
};

/* A task that was started. */
struct image {
    void (*task)(void *context);
    void *context;
    char *stack;
    long pid; /* 0: it ran in the calling thread */
    struct stopping stopping;
};

/* Run TASK with CONTEXT in such a task and wait for it. Where none can be had (a limit
 * on processes) it runs in the calling thread, with all signals blocked. */
void image_run(void (*task)(void *context), void *context);

/* The same without waiting. IMAGE must stay until image_reap() says so. */
void image_start(struct image *image, void (*task)(void *context), void *context);

/* The same, but false where no task can be had. */
bool image_try_start(struct image *image, void (*task)(void *context), void *context);

/* In a task: run TASK with CONTEXT in a copy of it, which ends with the task. Returns its
 * pid, or the error. */
long image_copy(void (*task)(void *context), void *context);

/* Wait for the copy PID, which the calling task made. Returns its exit status; -1: it was
 * killed. OTHER is told of other processes that the caller traces. */
int image_wait(long pid, void (*other)(long pid, int status));

/* Wait until the task of IMAGE sets WORD. False if it ended without: somebody killed it, or
 * this did, after PATIENCE ns. It is still to be reaped. */
bool image_wait_for(struct image *image, _Atomic uint32_t *word, uint64_t patience);

/* Whether the task of IMAGE has ended; with WAIT, wait until it has. Then it is gone. */
bool image_reap(struct image *image, bool wait);

#endif
