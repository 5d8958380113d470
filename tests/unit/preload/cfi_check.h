/* cfi_check.h - stepping with registers and memory that are made up, for tests of cfi.h.
 *
 * Any address can be read and holds a word that follows from it, so that two ways
 * to step that read different words come to different registers.
 */
#ifndef UNIT_CFI_CHECK_H
#define UNIT_CFI_CHECK_H

#include "preload/cfi.h"

#include <stdbool.h>
#include <stdint.h>

/* What is read at ADDRESS; a cfi_read that returns it. */
uint64_t cfi_check_word(uintptr_t address);
bool cfi_check_read(void *unused, uintptr_t address, uint64_t *out_word);

/* All registers known, those of an instruction at PC; TURN makes others of them. */
struct cfi_registers cfi_check_registers(uintptr_t pc, unsigned turn);

/* Assert that the compact rule at PC does what cfi_step() does, and return it. */
cfi_rule cfi_check_rule(uintptr_t pc);

#endif
