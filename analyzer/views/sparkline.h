/* sparkline.h - a series of numbers as a line of blocks, one character each. */
#ifndef VIEWS_SPARKLINE_H
#define VIEWS_SPARKLINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Write the last COLUMNS of the LENGTH numbers at SERIES, at most all, into BUFFER of SIZE bytes:
 * from 0 up to the highest of them, in eight steps, 0 as a blank. With ASCII no other characters
 * are used. Nothing is written that does not fit. Returns BUFFER. */
char *sparkline_write(char *buffer, size_t size, const uint64_t *series, size_t length,
                      size_t columns, bool ascii);

#endif
