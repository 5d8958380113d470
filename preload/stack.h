/* stack.h - the call stack of the calling thread, complete and exact, step by step.
 *
 * Walked by the rules of cfi.h, which need three registers (pc, rsp, rbp); where
 * a frame needs more, the walk is done again with all of them. Nothing is guessed:
 * where no rule is known the stack ends, and says so. memo.h saves most of the steps.
 *
 * No read leaves memory that is known to be readable: each page is asked for once a
 * thread, by a system call that reads a word and does nothing else. So a lying rule
 * does not fault, unless it leads to a page that was a stack before and is unmapped.
 * Memory comes from the arena; on lack of it a stack is truncated.
 */
#ifndef PRELOAD_STACK_H
#define PRELOAD_STACK_H

#include "preload/cfi.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STACK_KNOWN_PAGES 64

/* By which a stack is known: a hash over its flags and its frames, outermost first, so
 * that stacks with the same callers share the beginning of the work. */
struct stack_key {
    uint64_t hash, more;
};

static inline struct stack_key stack_key_begin(uint32_t flags)
{
    return (struct stack_key){ flags, 1 };
}

/* The key of the stack with KEY after a call that leads to the frame PC. */
static inline struct stack_key stack_key_add(struct stack_key key, uintptr_t pc)
{
    uint64_t hash = (key.hash ^ pc) * 0x9e3779b97f4a7c15u;

    return (struct stack_key){ hash ^ hash >> 29,
                               ((key.more << 23 | key.more >> 41) ^ pc) * 0xd6e8feb86659fd93u };
}

/* What a step read: words of memory and what was in them. With the same rules, the same state
 * and the same words it is the same step. */
struct stack_word {
    uintptr_t address;
    uint64_t value;
};

struct stack_reads {
    struct stack_word words[3]; /* the last of them is the caller's rbp, if `saves_bp` */
    uint8_t count;
    bool uses_bp;               /* the step depends on rbp */
    bool saves_bp;
};

/* A thread's stack as it was walked last. Zeroed memory is an empty one; only its
 * thread touches it. */
struct stack {
    uintptr_t *frames; /* look-up pcs (see cfi.h), newest first */
    uint32_t count, capacity;
    uint32_t flags;    /* enum snapshot_stack_flags */
    struct stack_key key;
    uintptr_t known_pages[STACK_KNOWN_PAGES]; /* readable pages' numbers, by their low bits */
    struct stack_reads reads;          /* of the last step. As the next one, too large for a caller's stack */
    struct cfi_registers registers[2]; /* of a walk with all of them: of a frame and its caller */
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

/* Make room for COUNT frames in STACK, whose frames are forgotten. False on lack of memory. */
bool stack_make_room(struct stack *stack, uint32_t count);

/* ---- a single step ---- */

/* What is known in a frame before the step to its caller. */
struct stack_state {
    uintptr_t pc; /* look-up pc */
    uintptr_t sp, bp;
};

enum stack_result {
    STACK_ON,        /* the state is the caller's */
    STACK_INTERRUPTED, /* the same; the caller was interrupted, and may be on another stack */
    STACK_END,       /* there is no caller */
    STACK_ENTRY,     /* nor there; the frame is entered by a return to its pc + 1 */
    STACK_LOST,      /* there is no rule */
    STACK_ASTRAY,    /* the rule leads to memory that is not to be read, or nowhere */
    STACK_FULL,      /* the step needs more registers */
};

/* Step from STATE to its caller's. OUT_READS is set if the result is STACK_ON, STACK_END,
 * STACK_ENTRY or STACK_LOST. */
enum stack_result stack_step(struct stack *stack, struct stack_state *state,
                             struct stack_reads *out_reads);

#endif
