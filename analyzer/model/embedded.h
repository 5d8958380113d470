/* embedded.h - the suppressions that a program carries with it: __lsan_default_suppressions().
 *
 * LeakSanitizer calls that function. We only look at it: nothing runs in the program on our behalf.
 * It must do no more than return the address of a text, as compilers make of `return "leak:…";`.
 */
#ifndef MODEL_EMBEDDED_H
#define MODEL_EMBEDDED_H

#include "model/suppressions.h"

#define EMBEDDED_FUNCTION "__lsan_default_suppressions"

/* Add the suppressions in the executable of HEAP. Returns 1, 0 if it has no such function, or
 * -errno and ERROR; -ENOTSUP if what it does can't be told from its code. */
int embedded_read(struct suppressions *suppressions, const struct heap *heap,
                  struct symbols *symbols, struct error *error);

#endif
