/* path.h - file names put together without libc.
 *
 * PATH is a string in SIZE bytes. A call that would overflow it returns false and
 * changes nothing.
 */
#ifndef PRELOAD_PATH_H
#define PRELOAD_PATH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline bool path_append(char *path, size_t size, const char *text)
{
    size_t length = strlen(path), more = strlen(text);

    if (length + more >= size)
        return false;
    memcpy(path + length, text, more + 1);
    return true;
}

/* Append NUMBER with at least DIGITS digits. */
static inline bool path_append_number(char *path, size_t size, uint64_t number, int digits)
{
    char text[24], *digit = text + sizeof text - 1;

    *digit = '\0';
    for (; number > 0 || digits > 0; number /= 10, digits--)
        *--digit = (char)('0' + number % 10);
    return path_append(path, size, digit);
}

#endif
