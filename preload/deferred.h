/* deferred.h - what a signal handler did to the heap while its thread was inside us.
 *
 * The thread may have been interrupted anywhere, with our locks in its hands, so the
 * handler's events are put aside, with their stacks, and taken when the thread comes
 * out again: first in, first out. A thread's own ring; memory from the arena. Only
 * the owner touches it, the handlers that run on it included: deferred_put() may
 * interrupt anything, even deferred_first() and deferred_drop().
 */
#ifndef PRELOAD_DEFERRED_H
#define PRELOAD_DEFERRED_H

#include "preload/live.h"
#include "preload/stack.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define DEFERRED_EVENTS 32u

enum deferred_kind {
    DEFERRED_NEW,     /* a block to put into the table, allocated by `stack` */
    DEFERRED_BACK,    /* a block to put back as it was: its realloc failed */
    DEFERRED_GONE,    /* a block, already out of the table, to be counted as freed */
    DEFERRED_HELD,    /* the same, but its realloc is under way: it will be GONE, or BACK */
    DEFERRED_DONE,    /* the same, but counted by now */
    DEFERRED_FREE,    /* the address of a block to be freed */
};

struct deferred_event {
    _Atomic enum deferred_kind kind;
    bool reallocation;
    bool listed;  /* its block counts as alive in the snapshot that is being taken */
    uint32_t era; /* the tracker's: void if everything was forgotten since */
    struct live_block block;
    size_t usable;
    struct stack stack;
};

/* Zeroed memory is an empty ring. */
struct deferred {
    _Atomic uint32_t taken, put; /* events so far */
    _Atomic bool busy;           /* a handler is putting one: not to be interrupted by another */
    struct deferred_event events[DEFERRED_EVENTS];
};

/* Begin to put an event: returns where to write it, NULL if there is no room or this
 * handler interrupted another at it. */
struct deferred_event *deferred_begin(struct deferred *ring);

/* The event that deferred_begin() returned is complete, or there is none after all. */
void deferred_put(struct deferred *ring);
void deferred_cancel(struct deferred *ring);

/* Whether a block at ADDRESS is waiting to be put into the table. */
bool deferred_expects(const struct deferred *ring, uintptr_t address);

/* The oldest event, NULL if there is none; it stays until deferred_drop(). */
struct deferred_event *deferred_first(struct deferred *ring);
void deferred_drop(struct deferred *ring);

/* The event NUMBER, counted from the oldest; NULL if there are not so many. For other threads,
 * too, with the gate closed (guard.h). */
struct deferred_event *deferred_get(struct deferred *ring, uint32_t number);

#endif
