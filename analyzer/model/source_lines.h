/* source_lines.h - lines of source files, where the files are there.
 *
 * As Python's linecache has them: a file that is not UTF-8 throughout has no lines, and what
 * is white at both ends of a line is gone. Each file is read once. The texts live as long as
 * the source lines.
 */
#ifndef MODEL_SOURCE_LINES_H
#define MODEL_SOURCE_LINES_H

#include <stdint.h>

struct source_lines;

/* NULL for lack of memory. */
struct source_lines *source_lines_create(void);

/* Free LINES, which may be NULL, with all texts. */
void source_lines_destroy(struct source_lines *lines);

/* The line NUMBER, from 1, of FILE; NULL if there is none, or nothing in it. */
const char *source_lines_get(struct source_lines *lines, const char *file, uint32_t number);

/* The columns of white that this line begins with, a tab reaching to a multiple of 8. */
uint32_t source_lines_indent(struct source_lines *lines, const char *file, uint32_t number);

#endif
