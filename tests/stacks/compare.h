/* compare.h - a stack as the shim walks it, and what two others find: libunwind step by
 * step, and for one stack in 16 libgcc.
 *
 * Each thread has a struct stack and a memo for long, as in the shim, and hands them to
 * another thread when it ends. Each stack is walked whole, by the memo where it can; one in 16 also
 * with a limit, so that a short walk comes before a whole one.
 *
 * Ours may differ from theirs in these ways, and in no other:
 *
 *   truncated   a frame without CFI, or one that goes down to another stack: whoever
 *               makes one says so in compare_blind. Ours ends there and says so;
 *               libunwind would guess by rbp and is stopped, both follow CFI down
 *   entered     a context that swapcontext() has not begun yet: its function will be returned
 *               to, at its first instruction. They take that for a call from just before it
 *   lost        all come to an address without code; ours calls that truncated. Only met in
 *               __start_context(), whose CFI is wrong once it runs
 *   gave up     unw_step() failed, and ours begins as far as it came
 *   alone       libunwind has another stack, and libgcc has ours. Only met between two
 *               instructions of __longjmp() and setcontext(), where the caller's registers
 *               lie in others: libunwind restores them one after the other
 */
#ifndef STACKS_COMPARE_H
#define STACKS_COMPARE_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What is told at the end; of all threads. */
struct compare_counts {
    uint64_t stacks, frames, by_libgcc, limited, truncated, gave_up, lost, alone, differing;
    uint64_t deepest;
    uint64_t found, in_memo; /* by the memo alone; by its walk. The others went step by step */
};

/* Once, before all else. False: there is no libunwind. */
bool compare_init(void);

/* The calling thread takes a struct stack that another one had, or a new one; gives it back. */
void compare_begin_thread(void);
void compare_end_thread(void);

/* Compare the stack of the caller. What differs is printed, up to some. */
void compare_stack(void);

/* How many frames are below that ours can't be walked through. */
extern __thread unsigned compare_blind;

/* Code was unloaded: say it to all that remember rules. */
void compare_unloaded(void);

struct compare_counts compare_counts(void);

#ifdef __cplusplus
}
#endif

#endif
