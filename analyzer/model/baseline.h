/* baseline.h - what an earlier run, also of another build, left at each of its stacks.
 *
 * Stacks of two builds are the same if their frames are called alike: by function, inlined ones
 * too, and module; lines and offsets play no part, for they move with each change. Where the
 * earlier build's files are gone, so are its names: then frames count by their module and offset.
 */
#ifndef MODEL_BASELINE_H
#define MODEL_BASELINE_H

#include "model/error.h"
#include "model/verdict.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct baseline;

/* One that has nothing; NULL for lack of memory. */
struct baseline *baseline_create(void);

/* Add what the snapshot PATH has: of each stack what is more counts, for of several runs each is
 * allowed what any had. Returns 0, or -errno and ERROR; -ENODATA if it has no heap graph. */
int baseline_add(struct baseline *baseline, const char *path, struct error *error);

/* Free BASELINE, which may be NULL. */
void baseline_destroy(struct baseline *baseline);

/* Did BASELINE have as much as VERDICT, of HEAP, at the same stack: lost, or if it is held, alive? */
bool baseline_has(const struct baseline *baseline, const struct heap *heap,
                  struct symbols *symbols, const struct verdict *verdict);

/* A module whose names are not known any more, for its file is of another build; NULL: there is
 * none. */
const char *baseline_nameless(const struct baseline *baseline);

#endif
