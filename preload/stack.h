/* stack.h - the call stack of the calling thread, complete and exact.
 *
 * Walked by the rules of cfi.h, which need three registers (pc, rsp, rbp); where
 * a frame needs more, the walk is done again with all of them. Nothing is guessed:
 * where no rule is known the stack ends, and says so.
 *
 * No read leaves memory that is known to be readable: a page is asked for by a system call
 * that reads a word and does nothing else. What is known is one range, of the stack that the
 * thread is on: once it is on another, the one before may be unmapped. So a lying rule does
 * not fault. Memory comes from the arena; on lack of it a stack is truncated.
 */
#ifndef PRELOAD_STACK_H
#define PRELOAD_STACK_H

#include "preload/cfi.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A thread's stack as it was walked last. Zeroed memory is an empty one; only its
 * thread touches it. */
struct stack {
    uintptr_t *frames; /* look-up pcs (see cfi.h), newest first */
    uint32_t count, capacity;
    uint32_t flags;    /* enum snapshot_stack_flags */
    uintptr_t known;      /* words are readable from here, the stack that is walked now, */
    uintptr_t known_room; /* to this many bytes on */
    struct cfi_registers registers[2]; /* of a walk with all of them: of a frame and its caller.
                                        * Too large for a caller's stack */
    void *engine_room;                 /* what another engine works in, which it maps */
};

/* Where a walk begins: the state in the caller of a hook. */
struct stack_start {
    uintptr_t pc, sp, bp;
};

/* The state in the caller of the function that this is written in, which must have
 * a frame pointer. */
#define STACK_START()                                                                   \
    (struct stack_start)                                                                \
    {                                                                                   \
        .pc = ((const uintptr_t *)__builtin_frame_address(0))[1],                       \
        .sp = (uintptr_t)__builtin_frame_address(0) + 16,                               \
        .bp = ((const uintptr_t *)__builtin_frame_address(0))[0]                        \
    }

/* Forget which pages are readable: STACK is another thread's now. */
void stack_forget_pages(struct stack *stack);

/* Before the first walk: OUTERMOST is below where the process began, as ld.so's
 * __libc_stack_end has it; 0 if unknown. */
void stack_init(uintptr_t outermost);

/* Walk the calling thread's stack from START into STACK, not more than LIMIT frames
 * (0: all). */
void stack_walk(struct stack *stack, const struct stack_start *start, uint32_t limit);

/* Forget all that is known of code: some was unloaded. */
void stack_forget_rules(void);

/* ---- another engine ---- */

struct stack_engine {
    /* Add to STACK the frames from the one at START on, which is a few callers away from
     * that with REGISTERS, an instruction's; set flags in it. */
    void (*walk)(struct stack *stack, const struct cfi_registers *registers,
                 const struct stack_start *start, uint32_t limit);
    void (*forget)(void);
};

/* Have all stacks walked by ENGINE from now on. */
void stack_use(const struct stack_engine *engine);

/* For engines: add the frame with look-up pc PC to STACK. False: it can take no more. */
bool stack_add(struct stack *stack, uintptr_t pc, uint32_t limit);

/* For engines: a cfi_read for CONTEXT, a struct stack. */
bool stack_read(void *context, uintptr_t address, uint64_t *out_word);

/* For engines: whether the frame at SP is the one in which the process began. */
bool stack_is_outermost(uintptr_t sp);

#endif
