/* cfi_find.h - from a pc to what its module says of the frames there: an FDE with its CIE.
 *
 * Trusts no length and no pointer: no read leaves the segments of the module.
 */
#ifndef PRELOAD_CFI_FIND_H
#define PRELOAD_CFI_FIND_H

#include "preload/cfi_bytes.h"

/* A frame description with its CIE. */
struct cfi_description {
    const uint8_t *cfi_start, *cfi_end; /* the segment it lies in: no read leaves it */
    const uint8_t *base;    /* what places of expressions are relative to */
    struct cfi_cursor cie_program, fde_program;
    uintptr_t begin, size;  /* the code it covers */
    uint64_t code_alignment;
    int64_t data_alignment;
    uint8_t encoding;       /* of code addresses */
    bool augmented;         /* the FDE has augmentation data, too */
    bool signal_frame;
};

/* Find what describes PC. OUT_MODULE tells whether PC is in a module at all. */
bool cfi_find(uintptr_t pc, struct cfi_description *out_description, bool *out_module);

/* Whether PC + 1, before which nothing is described, is where a function begins. */
bool cfi_is_before_entry(uintptr_t pc, struct cfi_description *scratch);

#endif
