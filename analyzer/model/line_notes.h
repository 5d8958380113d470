/* line_notes.h - why rows of a report have no lines, and what such blocks are if that is known
 * all the same.
 *
 * Where the file of a module is of another build than what ran, is gone or is stripped, nothing
 * in it can be named, or only what it exports; the rows alone do not say so.
 */
#ifndef MODEL_LINE_NOTES_H
#define MODEL_LINE_NOTES_H

#include "model/diff.h"
#include "model/report.h"
#include "model/symbols.h"

/* Add to REPORT a note per module that the first COUNT rows of DIFF name and that has no lines
 * for a reason worth telling, and one for a block that is known (known_block.h). SYMBOLS is the
 * array of the symbols of each list. */
void line_notes_add(const struct diff *diff, struct symbols *const *symbols, size_t count,
                    struct report *report);

#endif
