/* stack.h - the call stack of the calling thread, complete and exact, step by step.
 *
 * Walked by the rules of cfi.h, which need three registers (pc, rsp, rbp); where
 * a frame needs more, the walk is done again with all of them. Nothing is guessed:
 * where no rule is known the stack ends, and says so. memo.h saves most of the steps.
 *
 * No read leaves memory that is known to be readable: a page is asked for by a system call
 * that reads a word and does nothing else. What is known is one range, of the stack that the
 * thread is on: once it is on another, the one before may be unmapped. So a lying rule does
 * not fault. Memory comes from the arena; on lack of it a stack is truncated.
 */
#ifndef PRELOAD_STACK_H
#define PRELOAD_STACK_H

#include "preload/cfi.h"
#include "preload/ours.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STACK_RULES 4096u

/* By which a stack is known: a polynomial over its frames in two widths, the power that of
 * the distance from the outermost frame. So it is computed during the walk, and stacks
 * with the same callers have most of the sum in common. */
struct stack_key {
    uint64_t hash;
    uint32_t more;
};

/* Odd, and 5 modulo 8: their powers keep apart frames that change places. */
#define STACK_KEY_BASE ((struct stack_key){ 0x9e3779b97f4a7c15u, 0x85ebca6du })

/* A single frame's. */
static inline struct stack_key stack_key_of(uintptr_t pc)
{
    uint64_t mixed = pc * 0xd6e8feb86659fd93u;

    return (struct stack_key){ mixed ^ mixed >> 32,
                               (uint32_t)(pc * 0xff51afd7ed558ccdu >> 32) };
}

static inline struct stack_key stack_key_times(struct stack_key one, struct stack_key other)
{
    return (struct stack_key){ one.hash * other.hash, one.more * other.more };
}

static inline struct stack_key stack_key_plus(struct stack_key one, struct stack_key other)
{
    return (struct stack_key){ one.hash + other.hash, one.more + other.more };
}

/* Of no frame yet; so many frames count, too, whatever their pcs are. */
#define STACK_KEY_BEGIN ((struct stack_key){ 1, 1 })

/* KEY, of some newest frames, with the next, their caller PC. */
static inline struct stack_key stack_key_next(struct stack_key key, uintptr_t pc)
{
    return stack_key_plus(stack_key_times(key, STACK_KEY_BASE), stack_key_of(pc));
}

/* KEY, of all frames, with the FLAGS of the stack, its bits well mixed. */
static inline struct stack_key stack_key_end(struct stack_key key, uint32_t flags)
{
    uint64_t hash = (key.hash + flags + 1) * 0xd6e8feb86659fd93u;

    return (struct stack_key){ hash ^ hash >> 32, key.more + flags };
}

/* A thread's stack as it was walked last. Zeroed memory is an empty one; only its
 * thread touches it. */
struct stack {
    uintptr_t *frames; /* look-up pcs (see cfi.h), newest first */
    uint32_t count, capacity;
    uint32_t flags;    /* enum snapshot_stack_flags */
    struct stack_key key;
    uint32_t generation; /* that of `rules` */
    struct stack_rule {
        uintptr_t pc;
        int32_t offset;
        uint8_t kind, slot;
    } rules[STACK_RULES]; /* of cfi.h, taken apart: the last for each of the low bits of a pc */
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

/* Raised when code was unloaded: what walks were made by is void. */
extern OURS _Atomic uint32_t stack_generation;

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
    bool elsewhere;             /* a word lies beyond the stack that the thread is on */
};

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

/* Whether stacks are walked step by step, as above. */
bool stack_steps(void);

/* For engines: add the frame with look-up pc PC to STACK. False: it can take no more. */
bool stack_add(struct stack *stack, uintptr_t pc, uint32_t limit);

/* For engines: a cfi_read for CONTEXT, a struct stack. */
bool stack_read(void *context, uintptr_t address, uint64_t *out_word);

/* For engines: whether the frame at SP is the one in which the process began. */
bool stack_is_outermost(uintptr_t sp);

#endif
