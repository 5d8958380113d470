/* path.h - file names put together, and compared, without libc.
 *
 * PATH is a string in SIZE bytes. A call that would overflow it returns false and
 * changes nothing.
 */
#ifndef PRELOAD_PATH_H
#define PRELOAD_PATH_H

#include "preload/syscall.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

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

/* Whether the paths A and B lead to the same file. */
static inline bool path_same_file(const char *a, const char *b)
{
    struct stat first, second;

    return SYSCALL_4(SYS_newfstatat, AT_FDCWD, a, &first, 0) == 0 &&
           SYSCALL_4(SYS_newfstatat, AT_FDCWD, b, &second, 0) == 0 &&
           first.st_dev == second.st_dev && first.st_ino == second.st_ino;
}

#endif
