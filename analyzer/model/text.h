/* text.h - text of unknown origin as Python sees it: code points, in their order.
 *
 * Names in debug information and of files are bytes. Where they are UTF-8 they stand for
 * its characters; each byte that is not stands for a code point from 0xdc80 to 0xdcff, which
 * no UTF-8 has: Python's `surrogateescape`, by which its file names work.
 */
#ifndef MODEL_TEXT_H
#define MODEL_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The code point at *AT, which is moved behind it; *AT is before END. */
uint32_t text_next(const char **at, const char *end);

/* Order of A and B, by code points: negative, 0 or positive. */
int text_compare(const char *a, const char *b);

/* Is POINT what Python's str.strip() takes away? */
bool text_is_space(uint32_t point);

/* Does the pattern of PATTERN_SIZE bytes match the whole text of TEXT_SIZE? As Python's
 * fnmatch: `*` any text, `?` any character, `[a-z_]` one of these, `[!a-z]` none of them;
 * `[` without `]` is itself. */
bool text_matches(const char *pattern, size_t pattern_size, const char *text, size_t text_size);

#endif
