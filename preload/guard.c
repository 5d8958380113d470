#include "preload/guard.h"

#include "preload/arena.h"
#include "preload/lock.h"
#include "preload/syscall.h"

#include <errno.h>
#include <limits.h>
#include <linux/membarrier.h>
#include <pthread.h>
#include <signal.h>
#include <time.h>

#define CLOSE_TIMEOUT_NS 1000000000u

_Atomic uint32_t guard_closed;
_Atomic bool guard_silent;
void (*guard_thread_ends)(struct thread *state);
void (*guard_fenced)(void);
bool guard_fences = true; /* until the kernel agreed to membarrier */

__thread struct thread *guard_current;
static __thread unsigned farewells __attribute__((tls_model("initial-exec")));

static size_t state_size;
static struct lock states_lock;
static struct thread *_Atomic states;
static struct thread *spare_states;
static _Atomic uint64_t threads_seen;
static pthread_key_t end_key;
static bool end_key_made;

static struct lock late_lock; /* held by the departed thread that is inside */
static struct thread *_Atomic late_state; /* of all departed threads in turn */

/* How the gate is closed. */
enum { CLOSED = 1, CLOSED_TO_FORK = 2 };

static struct lock gate_lock; /* held while the gate is closed */
static _Atomic bool passed;   /* a thread went through the gate that was closed to fork */
static struct thread *_Atomic gate_owner;
static uint64_t owner_signals;            /* what it had blocked */
static _Atomic uint32_t owner_pid;        /* … and the process that it is of */

/* This thread is one of a child that had to pass the gate of its parent. */
static __thread bool strayed __attribute__((tls_model("initial-exec")));

void guard_init(size_t size)
{
    state_size = size;
    if (SYSCALL_3(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) == 0)
        guard_fences = false;
}

/* While a thread comes or goes no handler runs in it: one that forks would wait for the
 * lock that its own thread holds. Returns what was blocked before. */
static uint64_t block_signals(void)
{
    uint64_t all = ~(uint64_t)0, before = 0;

    SYSCALL_4(SYS_rt_sigprocmask, SIG_SETMASK, &all, &before, sizeof all);
    return before;
}

static void unblock_signals(uint64_t before)
{
    SYSCALL_4(SYS_rt_sigprocmask, SIG_SETMASK, &before, NULL, sizeof before);
}

static const struct timespec fork_patience = { .tv_nsec = 500000000 };

/* Take states_lock, but not while the gate is closed to fork: the child would not know what is
 * half done. */
static void take_states_lock(void)
{
    long result = 0;

    for (;;) {
        lock_take(&states_lock);
        if (atomic_load(&guard_closed) != CLOSED_TO_FORK || result == -ETIMEDOUT)
            return;
        lock_release(&states_lock);
        result = SYSCALL_4(SYS_futex, &guard_closed, FUTEX_WAIT_PRIVATE, CLOSED_TO_FORK,
                           &fork_patience);
        if (result == -ETIMEDOUT)
            atomic_store(&passed, true);
    }
}

/* The calling thread ends. Others' destructors of this round may still allocate,
 * so come back in the last round that libc promises before giving up the state. */
static void thread_ends(void *state)
{
    uint64_t signals;

    if (atomic_load(&guard_silent))
        return;
    if (++farewells < PTHREAD_DESTRUCTOR_ITERATIONS) {
        pthread_setspecific(end_key, state);
        return;
    }
    signals = block_signals();
    guard_current = GUARD_BUSY;
    if (guard_thread_ends)
        guard_thread_ends(state);
    take_states_lock();
    ((struct thread *)state)->alive = false;
    ((struct thread *)state)->next_spare = spare_states;
    spare_states = state;
    lock_release(&states_lock);
    guard_current = GUARD_DEPARTED;
    unblock_signals(signals);
}

bool guard_watch_threads(void)
{
    end_key_made = pthread_key_create(&end_key, thread_ends) == 0;
    return end_key_made;
}

/* A state nobody uses; NULL on lack of memory. Call with states_lock. */
static struct thread *spare_state(void)
{
    struct thread *state = spare_states;

    if (state) {
        spare_states = state->next_spare;
        return state;
    }
    state = arena_alloc(state_size, ARENA_OTHER);
    if (state) {
        state->next = atomic_load_explicit(&states, memory_order_relaxed);
        atomic_store_explicit(&states, state, memory_order_release);
    }
    return state;
}

/* Give the calling thread a state. */
static struct thread *arrive(void)
{
    uint64_t signals = block_signals();
    struct thread *state;

    guard_current = GUARD_BUSY;
    take_states_lock();
    state = spare_state();
    if (state) {
        state->alive = true;
        state->fresh = true;
        state->tid = syscall_gettid();
        state->number = 0;
    }
    lock_release(&states_lock);
    if (state) {
        atomic_fetch_add_explicit(&threads_seen, 1, memory_order_relaxed);
        if (end_key_made)
            pthread_setspecific(end_key, state);
    }
    guard_current = state;
    unblock_signals(signals);
    return state;
}

/* What libc frees for a thread after its last destructor: one at a time. */
static struct thread *enter_departed(void)
{
    struct thread *state;

    guard_current = GUARD_BUSY;
    lock_take(&late_lock);
    state = atomic_load_explicit(&late_state, memory_order_relaxed);
    if (!state) {
        take_states_lock();
        state = spare_state();
        lock_release(&states_lock);
        if (state)
            state->shared = true;
        atomic_store_explicit(&late_state, state, memory_order_relaxed);
    }
    if (!state) {
        lock_release(&late_lock);
        guard_current = GUARD_DEPARTED;
        return NULL;
    }
    state->tid = syscall_gettid();
    state->number = 0;
    state->fresh = true;
    atomic_store_explicit(&state->inside, true, memory_order_relaxed);
    return state;
}

__attribute__((noinline)) struct thread *guard_enter_first(void)
{
    struct thread *state;

    if (guard_current == GUARD_BUSY)
        return NULL;
    if (guard_current == GUARD_DEPARTED)
        return enter_departed();
    state = arrive();
    if (state)
        atomic_store_explicit(&state->inside, true, memory_order_relaxed);
    atomic_signal_fence(memory_order_seq_cst);
    return state;
}

struct thread *guard_self(void)
{
    return guard_is_state(guard_current) ? guard_current : NULL;
}

bool guard_inside(void)
{
    return guard_current == GUARD_BUSY ||
           (guard_is_state(guard_current) &&
            atomic_load_explicit(&guard_current->inside, memory_order_relaxed));
}

__attribute__((noinline)) void guard_leave_shared(void)
{
    lock_release(&late_lock);
    guard_current = GUARD_DEPARTED;
}

/* A child of fork finds the gate as it was, and nobody opens it before our own fork handler has
 * run; the program's may run, and allocate, before that. So who is in another process than the
 * one that closed the gate is patient, too, but once. (A child of vfork shares the gate.) */
static bool is_elsewhere(void)
{
    return syscall_getpid() != atomic_load_explicit(&owner_pid, memory_order_relaxed);
}

void guard_wait(struct thread *state)
{
    if (strayed) {
        strayed = is_elsewhere();
        if (strayed)
            return;
    }
    while (gate_owner != state) {
        uint32_t how = atomic_load_explicit(&guard_closed, memory_order_acquire);
        long result = 0;

        guard_pause(state);
        if (how)
            result = SYSCALL_4(SYS_futex, &guard_closed, FUTEX_WAIT_PRIVATE, how,
                               how == CLOSED_TO_FORK || is_elsewhere() ? &fork_patience : NULL);
        atomic_store_explicit(&state->recording, 1, memory_order_relaxed);
        atomic_thread_fence(memory_order_seq_cst);
        if (!atomic_load_explicit(&guard_closed, memory_order_acquire))
            return;
        if (result == -ETIMEDOUT) {
            atomic_store(&passed, true);
            strayed = is_elsewhere();
            return;
        }
    }
}

static const struct timespec nap = { .tv_nsec = 20000 };

/* Wait until STATE does not record, but not beyond DEADLINE. */
static bool wait_for_rest(const struct thread *state, uint64_t deadline)
{
    for (int i = 0; atomic_load_explicit(&state->recording, memory_order_acquire); i++) {
        if (i < 1000) {
            __builtin_ia32_pause();
            continue;
        }
        if (syscall_time(CLOCK_MONOTONIC) > deadline)
            return false;
        SYSCALL_2(SYS_nanosleep, &nap, NULL);
    }
    return true;
}

/* Close the gate as HOW says. */
static int close_gate(uint32_t how)
{
    /* NULL or a state: nobody else's guard_wait() equals it. A departed thread that is
     * inside is GUARD_BUSY and has the state that all of them share. */
    struct thread *self = guard_current == GUARD_BUSY ? late_state : guard_current;
    uint64_t deadline, before;

    if (self && gate_owner == self)
        return -EBUSY;
    before = block_signals(); /* a handler that forks would wait for this thread */
    lock_take(&gate_lock);
    deadline = syscall_time(CLOCK_MONOTONIC) + CLOSE_TIMEOUT_NS;
    owner_signals = before;
    atomic_store_explicit(&owner_pid, syscall_getpid(), memory_order_relaxed);
    gate_owner = self;
    atomic_store(&passed, false);
    atomic_store_explicit(&guard_closed, how, memory_order_seq_cst);
    if (!guard_fences &&
        SYSCALL_3(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0) < 0) {
        /* Forbidden since, by a sandbox: what recorders have stored without a fence is seen
         * after a while. */
        guard_fences = true;
        if (guard_fenced)
            guard_fenced();
        SYSCALL_2(SYS_nanosleep, &nap, NULL);
    }
    atomic_thread_fence(memory_order_seq_cst);
    for (struct thread *state = guard_threads(); state; state = state->next)
        if (state != gate_owner && !wait_for_rest(state, deadline)) {
            guard_open();
            return -ETIMEDOUT;
        }
    return 0;
}

int guard_close(void)
{
    return close_gate(CLOSED);
}

int guard_close_to_fork(void)
{
    int result = close_gate(CLOSED_TO_FORK);

    if (result == 0) { /* whoever had it before has done; others wait */
        lock_take(&states_lock);
        lock_release(&states_lock);
    }
    return result;
}

bool guard_is_whole(void)
{
    return !atomic_load(&passed) &&
           atomic_load_explicit(&states_lock.state, memory_order_relaxed) == 0;
}

void guard_open(void)
{
    uint64_t before = owner_signals;

    gate_owner = NULL;
    atomic_store_explicit(&guard_closed, 0, memory_order_release);
    SYSCALL_3(SYS_futex, &guard_closed, FUTEX_WAKE_PRIVATE, INT_MAX);
    lock_release(&gate_lock);
    SYSCALL_4(SYS_rt_sigprocmask, SIG_SETMASK, &before, NULL, sizeof before);
}

void guard_wait_for_others(void)
{
    const uint64_t deadline = syscall_time(CLOCK_MONOTONIC) + CLOSE_TIMEOUT_NS;
    const struct timespec begun = { .tv_nsec = 1000000 }; /* those that have not set their flag yet */
    bool alone = true;

    for (struct thread *state = guard_threads(); state; state = state->next)
        alone &= state == guard_current || !state->alive;
    if (alone)
        return;
    /* From here on who goes inside sees what the caller has set. */
    SYSCALL_3(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);
    SYSCALL_2(SYS_nanosleep, &begun, NULL);
    for (struct thread *state = guard_threads(); state; state = state->next)
        while (state != guard_current &&
               atomic_load_explicit(&state->inside, memory_order_acquire) &&
               syscall_time(CLOCK_MONOTONIC) < deadline)
            SYSCALL_2(SYS_nanosleep, &nap, NULL);
}

void guard_forked(bool held)
{
    for (struct thread *state = guard_threads(); state; state = state->next) {
        if (state == guard_current)
            continue;
        atomic_store_explicit(&state->recording, 0, memory_order_relaxed);
        atomic_store_explicit(&state->inside, false, memory_order_relaxed);
        if (!state->alive) /* spare, or the departed threads' */
            continue;
        state->alive = false;
        state->next_spare = spare_states;
        spare_states = state;
    }
    if (guard_is_state(guard_current))
        guard_current->tid = syscall_gettid();
    if (guard_is_state(guard_current) && guard_current->number != 0) {
        guard_current->number = 0;
        guard_current->fresh = true;
    }
    atomic_store_explicit(&states_lock.state, 0, memory_order_relaxed);
    atomic_store_explicit(&late_lock.state, 0, memory_order_relaxed);
    atomic_store_explicit(&gate_lock.state, 0, memory_order_relaxed);
    atomic_store_explicit(&guard_closed, 0, memory_order_relaxed);
    gate_owner = NULL;
    if (held)
        SYSCALL_4(SYS_rt_sigprocmask, SIG_SETMASK, &owner_signals, NULL, sizeof owner_signals);
}

struct thread *guard_threads(void)
{
    return atomic_load_explicit(&states, memory_order_acquire);
}

uint64_t guard_threads_seen(void)
{
    return atomic_load_explicit(&threads_seen, memory_order_relaxed);
}
