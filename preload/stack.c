#include "preload/stack_step.h"

#include "format/snapshot.h"
#include "preload/arena.h"
#include "preload/syscall.h"

#include <stdbool.h>
#include <string.h>

#define PAGE ((uintptr_t)4096)
#define NEAR (16 * PAGE)
#define FIRST_CAPACITY 512u      /* frames */
#define MAX_CAPACITY (1u << 26)
#define MAX_SIGNALS 256u         /* handlers on a stack: only at them can a walk go in a circle */

/* ---- reading memory -------------------------------------------------------- */

static __attribute__((noinline)) bool ask_page(uintptr_t page)
{
    return syscall_can_read(page);
}

__attribute__((noinline)) void stack_stand_elsewhere(struct stack *stack, uintptr_t sp)
{
    uintptr_t page = sp & ~(PAGE - 1);
    bool near = stack->known_room != 0 && sp < stack->known && stack->known - page <= NEAR;

    while (near && stack->known > page && ask_page(stack->known - PAGE)) {
        stack->known -= PAGE;
        stack->known_room += PAGE;
    }
    if (stack_is_known(stack, sp))
        return;
    stack->known = page;
    stack->known_room = ask_page(page) ? PAGE - 7 : 0;
}

__attribute__((noinline)) bool stack_ask(struct stack *stack, uintptr_t address)
{
    uintptr_t end = stack->known + stack->known_room + 7;
    uintptr_t last = address + 7;

    while (stack->known_room != 0 && address >= stack->known && last >= end && last - end < NEAR &&
           ask_page(end)) {
        end += PAGE;
        stack->known_room += PAGE;
    }
    return stack_is_known(stack, address) ||
           (ask_page(address & ~(PAGE - 1)) &&
            (last % PAGE >= 7 || ask_page(last & ~(PAGE - 1))));
}

void stack_forget_pages(struct stack *stack)
{
    stack->known_room = 0;
}

bool stack_read(void *context, uintptr_t address, uint64_t *out_word)
{
    return stack_load(context, address, out_word);
}

/* ---- the frames ------------------------------------------------------------ */

static bool grow(struct stack *stack)
{
    uint32_t capacity = stack->capacity ? stack->capacity * 2 : FIRST_CAPACITY;
    uintptr_t *frames;

    if (capacity > MAX_CAPACITY)
        return false;
    frames = arena_map(capacity * sizeof *frames, ARENA_OTHER);
    if (!frames)
        return false;
    if (stack->frames)
        memcpy(frames, stack->frames, stack->count * sizeof *frames);
    arena_unmap(stack->frames, stack->capacity * sizeof *frames, ARENA_OTHER);
    stack->frames = frames;
    stack->capacity = capacity;
    return true;
}

bool stack_make_room(struct stack *stack, uint32_t count)
{
    stack->count = 0;
    while (stack->capacity < count)
        if (!grow(stack))
            return false;
    return true;
}

/* Add the frame of PC. Returns false if the stack ends here for another reason. */
static inline bool add(struct stack *stack, uintptr_t pc, uint32_t limit)
{
    if (limit && stack->count == limit) {
        stack->flags |= SNAPSHOT_STACK_LIMITED;
        return false;
    }
    if (stack->count == stack->capacity && !grow(stack)) {
        stack->flags |= SNAPSHOT_STACK_TRUNCATED;
        return false;
    }
    stack->frames[stack->count++] = pc;
    return true;
}

/* ---- the end ---------------------------------------------------------------- */

/* The loader's first function has no CFI. Nothing is above it but what the kernel put
 * there. */
#define OUTERMOST_SIZE 64

static uintptr_t outermost;

void stack_init(uintptr_t process_outermost)
{
    outermost = process_outermost;
}

/* Whether the frame at SP is the one in which the process began. */
static bool is_outermost(uintptr_t sp)
{
    return sp - outermost <= OUTERMOST_SIZE;
}

/* ---- with all registers ---------------------------------------------------- */

/* The registers of the calling function that calls preserve. */
#define CAPTURE(registers)                                                        \
    __asm__ volatile("movq %%rbx, 24(%0)\n\t"                                     \
                     "movq %%rbp, 48(%0)\n\t"                                     \
                     "movq %%rsp, 56(%0)\n\t"                                     \
                     "movq %%r12, 96(%0)\n\t"                                     \
                     "movq %%r13, 104(%0)\n\t"                                    \
                     "movq %%r14, 112(%0)\n\t"                                    \
                     "movq %%r15, 120(%0)\n\t"                                    \
                     "leaq 0(%%rip), %%rax\n\t"                                   \
                     "movq %%rax, 128(%0)"                                        \
                     :                                                            \
                     : "r"((registers)->value)                                    \
                     : "rax", "memory")
#define CAPTURED (1u << CFI_RBX | 1u << CFI_REG_RBP | 1u << CFI_REG_RSP | 0xfu << CFI_R12 | \
                  1u << CFI_REG_PC)
#define OWN_FRAMES 8 /* from here to the hook, at most */

/* Whether the frame whose look-up pc is PC was not called from there. */
static bool entered_by_return(uintptr_t pc)
{
    enum cfi_kind kind = cfi_rule_kind(cfi_lookup(pc));

    return kind == CFI_SIGNAL || kind == CFI_ENTRY;
}

/* Step from *REGISTERS to the caller's in STACK's other ones. */
static bool step(struct stack *stack, struct cfi_registers **registers, bool *out_end)
{
    struct cfi_registers *caller = &stack->registers[*registers == &stack->registers[0]];

    if (!cfi_step(*registers, caller, stack_read, stack, out_end))
        return false;
    *registers = caller;
    return true;
}

/* Walk from START with all registers: first out of our own frames, to know them. */
static void walk_fully(struct stack *stack, const struct stack_start *start, uint32_t limit)
{
    struct cfi_registers *registers = &stack->registers[0];
    unsigned signals = 0;
    uint64_t sp, least;
    bool end;

    CAPTURE(registers);
    stack_stand(stack, registers->value[CFI_REG_RSP]);
    registers->valid = CAPTURED;
    registers->interrupted = true; /* the pc is one of an instruction, not a return address */
    for (int i = 0; registers->value[CFI_REG_RSP] != start->sp; i++)
        if (i == OWN_FRAMES || !step(stack, &registers, &end)) {
            stack->flags |= SNAPSHOT_STACK_TRUNCATED;
            return;
        }
    while (add(stack, registers->value[CFI_REG_PC] - !registers->interrupted, limit)) {
        sp = registers->value[CFI_REG_RSP];
        if (registers->interrupted)
            stack_stand(stack, sp);
        /* Where longjmp() was interrupted the return address may not be on the stack. */
        least = registers->interrupted ? sp : sp + 1;
        if (!registers->interrupted && entered_by_return(registers->value[CFI_REG_PC] - 1))
            stack->frames[stack->count - 1]++;
        if (!step(stack, &registers, &end)) {
            if (!end && !is_outermost(sp))
                stack->flags |= SNAPSHOT_STACK_TRUNCATED;
            return;
        }
        if (registers->value[CFI_REG_PC] == 0)
            return;
        if (registers->interrupted ? ++signals > MAX_SIGNALS
                                   : registers->value[CFI_REG_RSP] < least) {
            stack->flags |= SNAPSHOT_STACK_TRUNCATED;
            return;
        }
    }
}

/* ---- another engine ---- */

static const struct stack_engine *engine;

void stack_use(const struct stack_engine *chosen)
{
    engine = chosen;
}

bool stack_add(struct stack *stack, uintptr_t pc, uint32_t limit)
{
    return add(stack, pc, limit);
}

bool stack_is_outermost(uintptr_t sp)
{
    return is_outermost(sp);
}

bool stack_steps(void)
{
    return engine == NULL;
}

void stack_forget_rules(void)
{
    cfi_forget();
    atomic_fetch_add_explicit(&stack_generation, 1, memory_order_release);
    if (engine)
        engine->forget();
}

/* ---- with three ------------------------------------------------------------ */

/* The ucontext_t that a signal frame leaves at rsp: offsets of what we need. */
#define UCONTEXT_RBP 120
#define UCONTEXT_RSP 160
#define UCONTEXT_RIP 168

enum stack_result stack_step_signal(struct stack *stack, struct stack_state *state)
{
    uint64_t pc, sp, bp;

    if (!stack_load(stack, state->sp + UCONTEXT_RIP, &pc) ||
        !stack_load(stack, state->sp + UCONTEXT_RBP, &bp) ||
        !stack_load(stack, state->sp + UCONTEXT_RSP, &sp))
        return STACK_ASTRAY;
    *state = (struct stack_state){ pc, sp, bp };
    stack_stand(stack, sp); /* may be on another stack */
    return STACK_INTERRUPTED;
}

/* ---- rules ---- */

_Atomic uint32_t stack_generation;

__attribute__((noinline)) void stack_renew_rules(struct stack *stack, uint32_t generation)
{
    stack->generation = generation;
    memset(stack->rules, 0, sizeof stack->rules);
}

__attribute__((noinline)) struct stack_rule stack_find_rule(uintptr_t pc, struct stack_rule *rule)
{
    cfi_rule found = cfi_lookup(pc);
    struct stack_rule made = { pc, (int32_t)cfi_rule_offset(found), (uint8_t)cfi_rule_kind(found),
                               (uint8_t)cfi_rule_rbp_slot(found) };

    if (made.kind != CFI_UNKNOWN && made.kind != CFI_ENTRY)
        *rule = made;
    return made;
}

/* The key of all frames of STACK. */
static void make_key(struct stack *stack)
{
    stack->key = STACK_KEY_BEGIN;
    for (uint32_t i = 0; i < stack->count; i++)
        stack->key = stack_key_next(stack->key, stack->frames[i]);
}

/* Walk with three registers. False if that does not do. */
static bool walk(struct stack *stack, const struct stack_start *start, uint32_t limit)
{
    struct stack_state state = { start->pc - 1, start->sp, start->bp };
    struct stack_key key = STACK_KEY_BEGIN;
    unsigned signals = 0;

    while (add(stack, state.pc, limit)) {
        uintptr_t pc = state.pc;

        switch (stack_step(stack, &state, NULL)) {
        case STACK_ON:
            key = stack_key_next(key, pc);
            continue;
        case STACK_INTERRUPTED:
            stack->frames[stack->count - 1]++; /* entered by return, too */
            key = stack_key_next(key, pc + 1);
            if (++signals <= MAX_SIGNALS)
                continue;
            stack->flags |= SNAPSHOT_STACK_TRUNCATED;
            break;
        case STACK_ENTRY:
            stack->frames[stack->count - 1]++;
            key = stack_key_next(key, pc + 1);
            break;
        case STACK_FULL:
            return false;
        case STACK_LOST:
        case STACK_ASTRAY:
            stack->flags |= SNAPSHOT_STACK_TRUNCATED;
            /* fall through */
        case STACK_END:
            key = stack_key_next(key, pc);
            break;
        }
        break;
    }
    stack->key = key;
    return true;
}

static __attribute__((noinline)) void walk_by_engine(struct stack *stack,
                                                     const struct stack_start *start,
                                                     uint32_t limit)
{
    stack_begin(stack, start->sp);
    stack->count = 0;
    stack->flags = 0;
    CAPTURE(&stack->registers[0]);
    stack->registers[0].valid = CAPTURED;
    engine->walk(stack, &stack->registers[0], start, limit);
    make_key(stack);
    stack->key = stack_key_end(stack->key, stack->flags);
}

void stack_walk(struct stack *stack, const struct stack_start *start, uint32_t limit)
{
    if (__builtin_expect(engine != NULL, false)) {
        walk_by_engine(stack, start, limit);
        return;
    }
    stack_begin(stack, start->sp);
    stack->count = 0;
    stack->flags = 0;
    if (!walk(stack, start, limit)) {
        stack->count = 0;
        walk_fully(stack, start, limit);
        make_key(stack);
    }
    stack->key = stack_key_end(stack->key, stack->flags);
}
