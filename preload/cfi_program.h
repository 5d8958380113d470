/* cfi_program.h - the CFA program of a frame description, run: where each register is at a pc. */
#ifndef PRELOAD_CFI_PROGRAM_H
#define PRELOAD_CFI_PROGRAM_H

#include "preload/cfi.h"
#include "preload/cfi_find.h"

enum cfi_place {
    CFI_SAME, /* the caller's value is still in the register */
    CFI_UNDEFINED,
    CFI_AT_OFFSET,     /* at CFA + value */
    CFI_IS_OFFSET,     /* is CFA + value */
    CFI_IN_REGISTER,   /* in register `value` */
    CFI_AT_EXPRESSION, /* at the address that the expression yields */
    CFI_IS_EXPRESSION,
};

/* Small, because rows lie on the caller's stack, several at a time. */
struct cfi_row_rule {
    int32_t value : 28;  /* an expression: its distance from description.base */
    uint32_t place : 4;  /* enum cfi_place */
};
_Static_assert(sizeof(struct cfi_row_rule) == 4, "a row is to be small");

struct cfi_row {
    struct cfi_row_rule registers[CFI_REGISTERS];
    int32_t cfa_offset;       /* or the expression's distance from description.base */
    uint8_t cfa_register;
    bool cfa_by_expression;
};

/* The row of DESCRIPTION that holds at PC. False if it has none that we understand. */
bool cfi_find_row(const struct cfi_description *description, uintptr_t pc, struct cfi_row *out_row);

#endif
