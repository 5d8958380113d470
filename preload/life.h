/* life.h - start, fork, exit of the traced process, as seen from inside it.
 *
 *   early   until the first call of a hook has found the real functions: what that
 *           itself allocates is served from a static arena (real.h)
 *   traced  from then on; before main the constructor cleans the environment and
 *           arranges for the exit snapshot
 *   over    after the exit snapshot, in a child of fork, and once the process has put itself
 *           under seccomp: hooks only pass on
 */
#ifndef PRELOAD_LIFE_H
#define PRELOAD_LIFE_H

#include "format/snapshot.h"
#include "preload/real.h"

#include <stdbool.h>

/* Find the real functions and begin to trace. False while that is under way. */
bool life_begin(void);

/* Whether the real functions are known; makes them known if it can. */
static inline bool life_ready(void)
{
    return __builtin_expect(real.malloc != NULL, true) || life_begin();
}

/* The process ends now, because of WHY: take the exit snapshot, if one is wanted and this
 * is the process that was started (not a child of vfork). Returns when it is there, also
 * if another thread takes it. */
void life_exit(enum snapshot_trigger why);

/* The calling thread is about to fork; it did, or failed to; the process is the fresh
 * child. pthread_atfork() calls these, but not for _Fork(). */
void life_before_fork(void);
void life_after_fork(void);
void life_forked(void);

/* Whether this is the traced process itself, not a child of it that we share memory or
 * code with. */
bool life_own(void);

/* Whether a program that is executed now is to be traced; whether all are that children execute. */
bool life_follows(void);
bool life_follows_others(void);

/* The traced process itself is about to exec; the exec failed. */
void life_before_exec(void);
void life_exec_failed(void);

/* The process is about to put itself, or one of its threads, under seccomp, which may forbid any
 * system call: take the last snapshot, unless earlier tries that failed had theirs, and make no
 * call from now on. True if life_after_seccomp() is to be called, with whether it came to that
 * (DONE). */
bool life_before_seccomp(void);
void life_after_seccomp(bool done);

#endif
