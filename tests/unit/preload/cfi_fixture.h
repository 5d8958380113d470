/* cfi_fixture.h - the library cfi_fixture.S, writable, and its search table.
 *
 * It is linked so that memory that can't be read follows each of its segments.
 */
#ifndef UNIT_CFI_FIXTURE_H
#define UNIT_CFI_FIXTURE_H

#include <stddef.h>
#include <stdint.h>

#define FIXTURE_PROGRAM_SIZE 200u /* of a blank function's program */

struct cfi_fixture {
    void *handle;
    uint8_t *cfi, *end; /* .eh_frame_hdr and .eh_frame: the rest of their segment */
    uint8_t *header;    /* .eh_frame_hdr */
};

/* Load the library at PATH and make its CFI writable. */
void cfi_fixture_load(struct cfi_fixture *fixture, const char *path);

/* The address of SYMBOL in it. */
uintptr_t cfi_fixture_symbol(const struct cfi_fixture *fixture, const char *symbol);

/* The FDE of the function that begins at ADDRESS. */
uint8_t *cfi_fixture_fde(const struct cfi_fixture *fixture, uintptr_t address);

/* Where the program of the blank function at ADDRESS begins. */
uint8_t *cfi_fixture_program(const struct cfi_fixture *fixture, uintptr_t address);

#endif
