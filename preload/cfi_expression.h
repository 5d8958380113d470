/* cfi_expression.h - the expressions by which a frame description may tell a CFA or a place. */
#ifndef PRELOAD_CFI_EXPRESSION_H
#define PRELOAD_CFI_EXPRESSION_H

#include "preload/cfi.h"
#include "preload/cfi_find.h"

/* What an expression is computed from. */
struct cfi_inputs {
    const struct cfi_registers *registers;
    uint64_t pc; /* not theirs, which many probes could not share */
    cfi_read *read;
    void *context;
};

/* Evaluate the expression at distance PLACE from DESCRIPTION's base, with *INITIAL
 * (unless NULL) on the stack. */
bool cfi_evaluate(const struct cfi_description *description, int64_t place,
                     const struct cfi_inputs *inputs, const uint64_t *initial, uint64_t *out_value);

#endif
