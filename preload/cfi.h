/* cfi.h - how to step out of the frame that a pc lies in.
 *
 * The compiler's call frame information (.eh_frame) tells for each pc where the
 * caller's registers are. Nearly all of it has one of a few forms, so it is
 * boiled down once per pc to a 32-bit rule, kept in a table without locks; the
 * rest (CFI_FULL) goes through a full evaluator with all registers.
 *
 * A "look-up pc" is the return address minus one, since a call may be the last
 * instruction of its function; for an interrupted frame it is the pc itself.
 *
 * The method: the FDE is found by object.h, without a lock, and the module's own
 * binary search table; the encoding is that of the DWARF 4 standard,
 * section 6.4, and of the LSB's .eh_frame. Every read of CFI stays within the
 * module's mapping. No memory but what cfi_init() takes; any thread, any time.
 */
#ifndef PRELOAD_CFI_H
#define PRELOAD_CFI_H

#include <stdbool.h>
#include <stdint.h>

/* A frame's rule:
 *
 *    31      29 28       22 21                       0
 *   ┌──────────┬───────────┬──────────────────────────┐
 *   │ kind     │ rbp slot  │ CFA offset / 8 + 2^21    │
 *   └──────────┴───────────┴──────────────────────────┘
 *
 * The return address lies at CFA-8. A rbp slot N > 0: the caller's rbp lies at
 * CFA-8N; 0: it is unchanged.
 */
typedef uint32_t cfi_rule;

enum cfi_kind {
    CFI_UNKNOWN = 0, /* nothing is known about this pc: the walk ends, truncated */
    CFI_RSP,         /* CFA = rsp + offset */
    CFI_RBP,         /* CFA = rbp + offset */
    CFI_REALIGNED,   /* CFA = *(rbp + offset), the caller's rbp at *rbp */
    CFI_SIGNAL,      /* the caller was interrupted: its registers lie in a ucontext at rsp;
                      * this frame was entered by a return to PC + 1 */
    CFI_END,         /* there is no caller */
    CFI_ENTRY,       /* nor is there one: the frame will be entered by a return to its first
                      * instruction, at PC + 1, as makecontext() and its like arrange it */
    CFI_FULL,        /* none of these: cfi_step() */
};

static inline enum cfi_kind cfi_rule_kind(cfi_rule rule)
{
    return rule >> 29;
}

static inline unsigned cfi_rule_rbp_slot(cfi_rule rule)
{
    return rule >> 22 & 0x7f;
}

static inline int64_t cfi_rule_offset(cfi_rule rule)
{
    return ((int64_t)(rule & 0x3fffff) - (1 << 21)) * 8;
}

/* Take the memory for the table of rules. Without it (false) each look-up computes. */
bool cfi_init(void);

/* The rule at the look-up pc PC. */
cfi_rule cfi_lookup(uintptr_t pc);

/* Forget all rules: code was unloaded. */
void cfi_forget(void);

/* The registers that CFI speaks of, by DWARF number; 7 is rsp, 16 the pc. */
enum { CFI_RAX = 0, CFI_RBX = 3, CFI_REG_RBP = 6, CFI_REG_RSP = 7, CFI_R12 = 12, CFI_REG_PC = 16 };
#define CFI_REGISTERS 17

struct cfi_registers {
    uint64_t value[CFI_REGISTERS];
    uint32_t valid;   /* bit N: value[N] is known */
    bool interrupted; /* the pc is that of an interrupted instruction, not a return address */
};

/* Reads the 8 bytes at ADDRESS; false if they are not to be touched. */
typedef bool cfi_read(void *context, uintptr_t address, uint64_t *out_word);

/* Set OUT_CALLER, which lies elsewhere, to the registers of the caller of the frame that
 * has REGISTERS, reading memory by READ with CONTEXT. Returns false where the walk can't
 * go on; then OUT_END says whether that is the end. */
bool cfi_step(const struct cfi_registers *registers, struct cfi_registers *out_caller,
              cfi_read *read, void *context, bool *out_end);

#endif
