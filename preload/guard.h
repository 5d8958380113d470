/* guard.h - "this thread is inside us", and the gate that a snapshot closes.
 *
 * Two flags per thread:
 *
 *   inside     from guard_enter() to guard_leave(). What the thread allocates in
 *              between (a signal handler that interrupts us, libc on our behalf)
 *              is not recorded, so no code of ours is entered twice by one thread.
 *   recording  from guard_record() to guard_pause(): it touches the tables. Never
 *              across a call of the real allocator.
 *
 * Closing the gate waits until nobody records, and holds those who want to. Then
 * the tables stand still: an exact cut, because each table change of an event
 * lies within one recording.
 *
 *   recorder: recording = 1;     closer: closed = 1;
 *             if (closed) wait           membarrier (or fences on both sides)
 *                                        wait for each recording == 0
 *
 * One of the two always sees the other: the membarrier makes each running thread
 * pass a full fence between the closer's store and its loads, so a recorder's
 * store of `recording` is either visible to the closer, or its load of `closed`
 * comes after the closer's store. Recorders themselves pay no fence.
 *
 * A thread's state is found again for the next thread when it ends; what is
 * summed up in it stays.
 */
#ifndef PRELOAD_GUARD_H
#define PRELOAD_GUARD_H

#include "preload/ours.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct thread {
    struct thread *next;        /* all states ever made; never changes once listed */
    struct thread *next_spare;  /* states whose thread has ended */
    _Atomic uint32_t recording;
    _Atomic bool inside;
    bool alive;                 /* belongs to a thread, changed under guard's lock */
    bool shared;                /* by all departed threads in turn */
    union {
        struct {
            bool fresh;         /* belongs to another thread than before; for its user to reset */
            bool noted;         /* for its user to set: it has something to do on leaving */
            bool detour;        /* for its user to set: it does not go in plainly */
            bool unused;
        };
        uint32_t special;       /* any of these */
    };
    uint32_t tid;
    uint32_t number;            /* for its user to set; 0 when it belongs to another thread */
};

/* Before any other call: a state takes SIZE bytes, of which struct thread is the first. */
void guard_init(size_t size);

/* Once libc is ready: from now on states of threads that end are reused. Returns
 * false if that is not to be had; then each thread keeps its own. */
bool guard_watch_threads(void);

/* If set: told of each thread that ends, in that thread, while the state is still its own. */
extern void (*guard_thread_ends)(struct thread *state);

/* Called, if set, when guard_fences has become true: the kernel refuses membarrier by now. */
extern void (*guard_fenced)(void);

/* The program has put itself under seccomp: we make no system call any more, since each may
 * kill it. What is ours stays as it is. */
extern _Atomic bool guard_silent;

/* What the calling thread has: a state, or one of these. */
#define GUARD_NOBODY ((struct thread *)0)   /* no event yet */
#define GUARD_BUSY ((struct thread *)1)     /* between two of these: its allocations are ours */
#define GUARD_DEPARTED ((struct thread *)2) /* it has given its state up, but may still free */

extern OURS __thread struct thread *guard_current __attribute__((tls_model("initial-exec")));

static inline bool guard_is_state(const struct thread *thread)
{
    return (uintptr_t)thread > (uintptr_t)GUARD_DEPARTED;
}

struct thread *guard_enter_first(void); /* of guard_enter(): the thread has no state */
void guard_leave_shared(void);          /* of guard_leave() */

/* The calling thread goes inside. NULL if it is already, or if there is no memory
 * for its state: then do nothing. */
static inline struct thread *guard_enter(void)
{
    struct thread *state = guard_current;

    if (__builtin_expect(!guard_is_state(state), false))
        return guard_enter_first();
    if (__builtin_expect(atomic_load_explicit(&state->inside, memory_order_relaxed), false))
        return NULL;
    atomic_store_explicit(&state->inside, true, memory_order_relaxed);
    atomic_signal_fence(memory_order_seq_cst);
    return state;
}

/* The same where nothing is special about it. NULL: guard_enter() is needed. */
static inline __attribute__((always_inline)) struct thread *guard_enter_plainly(void)
{
    struct thread *state = guard_current;

    if (__builtin_expect(!guard_is_state(state) || state->special ||
                         atomic_load_explicit(&state->inside, memory_order_relaxed), false))
        return NULL;
    atomic_store_explicit(&state->inside, true, memory_order_relaxed);
    atomic_signal_fence(memory_order_seq_cst);
    return state;
}

/* The calling thread's state, also when it is inside; NULL while it has none. */
struct thread *guard_self(void);

/* Whether the calling thread is inside: a handler that asks has interrupted us. */
bool guard_inside(void);

/* SELF comes out again. */
static inline void guard_leave(struct thread *self)
{
    atomic_signal_fence(memory_order_seq_cst);
    atomic_store_explicit(&self->inside, false, memory_order_relaxed);
    if (__builtin_expect(self->shared, false))
        guard_leave_shared();
}

void guard_wait(struct thread *self); /* of guard_record() */
extern OURS _Atomic uint32_t guard_closed;
extern OURS bool guard_fences;

/* SELF, inside, is about to touch the tables; waits while the gate is closed. */
static inline void guard_record(struct thread *self)
{
    atomic_store_explicit(&self->recording, 1, memory_order_relaxed);
    atomic_signal_fence(memory_order_seq_cst);
    if (__builtin_expect(guard_fences, false))
        atomic_thread_fence(memory_order_seq_cst);
    if (__builtin_expect(atomic_load_explicit(&guard_closed, memory_order_acquire), 0))
        guard_wait(self);
}

/* The same, where guard_fences is known to be false. False: guard_record() is needed. */
static inline __attribute__((always_inline)) bool guard_record_plainly(struct thread *self)
{
    atomic_store_explicit(&self->recording, 1, memory_order_relaxed);
    atomic_signal_fence(memory_order_seq_cst);
    return __builtin_expect(!atomic_load_explicit(&guard_closed, memory_order_acquire), 1);
}

/* SELF no longer touches the tables. */
static inline void guard_pause(struct thread *self)
{
    atomic_store_explicit(&self->recording, 0, memory_order_release);
}

/* Close the gate: on success (0) no thread records until guard_open(), which the
 * same thread calls; its signals are blocked until then. The calling thread must not
 * record; it may call guard_record() itself while it holds the gate. -ETIMEDOUT
 * after a second: then the gate is open. -EBUSY if this thread has closed it already: it
 * forks, and is in a fork handler of the program. */
int guard_close(void);

/* The same before a fork that leads to a traced child. fork takes locks of libc, whose
 * holders may be waiting at the gate: after half a second they are let through, and the child
 * finds that guard_is_whole() is false. */
int guard_close_to_fork(void);

/* In the child: whether nobody can have been inside when it was forked. */
bool guard_is_whole(void);

/* Open the gate that this thread closed. */
void guard_open(void);

/* In the child of a fork: what other threads held, which it does not have, is open; their
 * states are for others. If this thread HELD the gate, its signals are as they were. */
void guard_forked(bool held);

/* Wait, but not for long, until no other thread is inside. Who goes in at that moment has seen
 * what it did by then. */
void guard_wait_for_others(void);

/* The first of all states, linked by `next`; also those of finished threads. */
struct thread *guard_threads(void);

/* How many threads have had a state. */
uint64_t guard_threads_seen(void);

#endif
