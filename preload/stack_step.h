/* stack_step.h - a single step of a walk, written where walks are: they do little else.
 *
 * For stack.c and memo.c alone.
 */
#ifndef PRELOAD_STACK_STEP_H
#define PRELOAD_STACK_STEP_H

#include "preload/stack.h"

/* ---- reading memory ---- */

/* Whether the word at ADDRESS, not among the known ones, can be read. What lies close above
 * the known ones becomes one of them; anything else is asked for each time. */
bool stack_ask(struct stack *stack, uintptr_t address);

/* SP, which is new, may be on another stack, and the one before may be gone. */
void stack_stand_elsewhere(struct stack *stack, uintptr_t sp);

static inline bool stack_is_known(const struct stack *stack, uintptr_t address)
{
    return address - stack->known < stack->known_room;
}

/* From here on the stack is the one that SP points into. */
static inline void stack_stand(struct stack *stack, uintptr_t sp)
{
    if (__builtin_expect(!stack_is_known(stack, sp), false))
        stack_stand_elsewhere(stack, sp);
}

typedef uint64_t __attribute__((aligned(1), may_alias)) stack_loose_word;

static inline bool stack_load(struct stack *stack, uintptr_t address, uint64_t *out_word)
{
    if (__builtin_expect(!stack_is_known(stack, address), false) && !stack_ask(stack, address))
        return false;
    *out_word = *(const stack_loose_word *)address;
    return true;
}

/* ---- rules ---- */

/* Put the rule at PC into *RULE. One of a pc in no module may change at any time: not kept. */
struct stack_rule stack_find_rule(uintptr_t pc, struct stack_rule *rule);

static inline struct stack_rule stack_rule_at(struct stack *stack, uintptr_t pc)
{
    struct stack_rule *rule = &stack->rules[pc % STACK_RULES];

    return __builtin_expect(rule->pc == pc, true) ? *rule : stack_find_rule(pc, rule);
}

/* Forget those of STACK, which are of another GENERATION. */
void stack_renew_rules(struct stack *stack, uint32_t generation);

/* ---- steps ---- */

/* Before the first step of a walk from SP. */
static inline void stack_begin(struct stack *stack, uintptr_t sp)
{
    uint32_t now = atomic_load_explicit(&stack_generation, memory_order_relaxed);

    if (__builtin_expect(stack->generation != now, false))
        stack_renew_rules(stack, now);
    stack_stand(stack, sp);
}

/* Step out of a signal handler's return frame. */
enum stack_result stack_step_signal(struct stack *stack, struct stack_state *state);

/* Read the word at ADDRESS into *OUT_WORD, noting it in READS, unless that is NULL. */
static inline bool stack_take(struct stack *stack, uintptr_t address, struct stack_reads *reads,
                              uint64_t *out_word)
{
    if (!stack_load(stack, address, out_word))
        return false;
    if (reads) {
        reads->words[reads->count++] = (struct stack_word){ address, *out_word };
        reads->elsewhere |= !stack_is_known(stack, address);
    }
    return true;
}

/* Step from STATE to its caller's. READS, unless it is NULL, is set if the result is STACK_ON,
 * STACK_END, STACK_ENTRY or STACK_LOST. */
static inline __attribute__((always_inline)) enum stack_result
stack_step(struct stack *stack, struct stack_state *state, struct stack_reads *reads)
{
    struct stack_rule rule = stack_rule_at(stack, state->pc);
    uint64_t word;
    uintptr_t cfa;

    if (reads) {
        reads->count = 0;
        reads->uses_bp = reads->saves_bp = reads->elsewhere = false;
    }
    switch ((enum cfi_kind)rule.kind) {
    case CFI_RSP:
        cfa = state->sp + (uintptr_t)(intptr_t)rule.offset;
        break;
    case CFI_RBP:
        cfa = state->bp + (uintptr_t)(intptr_t)rule.offset;
        if (reads)
            reads->uses_bp = true;
        break;
    case CFI_REALIGNED:
        if (!stack_take(stack, state->bp + (uintptr_t)(intptr_t)rule.offset, reads, &cfa))
            return STACK_ASTRAY;
        if (reads)
            reads->uses_bp = true;
        break;
    case CFI_SIGNAL: {
        struct stack_state caller = *state; /* a copy, so that STATE can stay in registers */
        enum stack_result result = stack_step_signal(stack, &caller);

        *state = caller;
        return result;
    }
    case CFI_ENTRY:
        return STACK_ENTRY;
    case CFI_END:
        return STACK_END;
    case CFI_FULL:
        return STACK_FULL;
    default:
        return stack_is_outermost(state->sp) ? STACK_END : STACK_LOST;
    }
    if (cfa <= state->sp || !stack_take(stack, cfa - 8, reads, &word))
        return STACK_ASTRAY;
    if (word == 0)
        return STACK_END; /* how threads and coroutines without CFI mark it */
    state->pc = word - 1;
    state->sp = cfa;
    if (rule.slot == 0 && __builtin_expect(rule.kind != CFI_REALIGNED, true))
        return STACK_ON;
    if (!stack_take(stack, rule.slot ? cfa - 8 * rule.slot : state->bp, reads, &word))
        return STACK_ASTRAY;
    state->bp = word;
    if (reads)
        reads->saves_bp = true;
    return STACK_ON;
}

#endif
