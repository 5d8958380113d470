/* lock.h - a small lock that sleeps in the kernel, for use inside the shim.
 *
 * Held for short work on our own tables only, never while calling out. A signal
 * handler never waits for a lock its own thread holds: guard.h keeps it out.
 * Zeroed memory is an open lock.
 */
#ifndef PRELOAD_LOCK_H
#define PRELOAD_LOCK_H

#include "preload/syscall.h"

#include <linux/futex.h>
#include <stdatomic.h>
#include <stdbool.h>

struct lock {
    _Atomic uint32_t state; /* 0 open, 1 taken, 2 taken and somebody may sleep */
};

static inline bool lock_try(struct lock *lock)
{
    uint32_t open = 0;

    return atomic_compare_exchange_strong_explicit(&lock->state, &open, 1, memory_order_acquire,
                                                   memory_order_relaxed);
}

static inline void lock_take(struct lock *lock)
{
    if (lock_try(lock))
        return;
    for (int i = 0; i < 100; i++) {
        if (atomic_load_explicit(&lock->state, memory_order_relaxed) == 0 && lock_try(lock))
            return;
        __builtin_ia32_pause();
    }
    while (atomic_exchange_explicit(&lock->state, 2, memory_order_acquire) != 0)
        SYSCALL_4(SYS_futex, &lock->state, FUTEX_WAIT_PRIVATE, 2, NULL);
}

static inline void lock_release(struct lock *lock)
{
    if (atomic_exchange_explicit(&lock->state, 0, memory_order_release) == 2)
        SYSCALL_3(SYS_futex, &lock->state, FUTEX_WAKE_PRIVATE, 1);
}

#endif
