#include "preload/message.h"

#include "preload/syscall.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

#define LINE_SIZE 512

static bool known;
static dev_t device;
static ino_t inode;
static struct control_page *_Atomic page;

void message_set_page(struct control_page *new_page)
{
    atomic_store(&page, new_page);
}

static bool error_file(struct stat *out_status)
{
    return SYSCALL_2(SYS_fstat, 2, out_status) == 0;
}

void message_init(void)
{
    struct stat status;

    known = error_file(&status);
    if (!known)
        return;
    device = status.st_dev;
    inode = status.st_ino;
}

/* Whether descriptor 2 is still what it was. */
static bool may_write(void)
{
    struct stat status;

    return known && error_file(&status) && status.st_dev == device && status.st_ino == inode;
}

/* Put the LENGTH bytes at LINE into the page. */
static void keep(const char *line, size_t length)
{
    struct control_page *current = atomic_load(&page);
    uint32_t number;
    char *message;

    if (!current)
        return;
    number = __atomic_fetch_add(&current->message_count, 1, __ATOMIC_RELAXED);
    message = current->messages[number % CONTROL_MESSAGES];
    if (length > CONTROL_MESSAGE_SIZE - 1)
        length = CONTROL_MESSAGE_SIZE - 1;
    memcpy(message, line, length);
    memset(message + length, 0, CONTROL_MESSAGE_SIZE - length);
}

/* Append TEXT to the LENGTH bytes of LINE, keeping one byte for the newline. */
static size_t append(char *line, size_t length, const char *text)
{
    while (*text && length < LINE_SIZE - 1)
        line[length++] = *text++;
    return length;
}

void message_line(const char *part, ...)
{
    char line[LINE_SIZE];
    size_t length;
    va_list parts;

    length = append(line, 0, "heapdelta: ");
    va_start(parts, part);
    for (; part; part = va_arg(parts, const char *))
        length = append(line, length, part);
    va_end(parts);
    if (!may_write()) {
        keep(line, length);
        return;
    }
    line[length++] = '\n';
    SYSCALL_3(SYS_write, 2, line, length);
}

void message_keep(const char *line)
{
    char whole[LINE_SIZE];

    keep(whole, append(whole, append(whole, 0, "heapdelta: "), line));
}

const char *message_number(char *buffer, uint64_t number)
{
    char *digit = buffer + 23;

    *digit = '\0';
    do
        *--digit = (char)('0' + number % 10);
    while (number /= 10);
    return digit;
}

const char *message_error(int code)
{
    switch (code < 0 ? -code : code) {
    case EACCES: return "permission denied";
    case EBUSY: return "the process ended while its heap was being recorded";
    case EDQUOT: return "disk quota exceeded";
    case EEXIST: return "the file exists";
    case EFBIG: return "the file would exceed the limit on file sizes";
    case EINVAL: return "invalid argument";
    case EIO: return "input/output error";
    case EMFILE:
    case ENFILE: return "too many open files";
    case ENAMETOOLONG: return "the name is too long";
    case ENODATA: return "not tracing";
    case ENOENT: return "no such directory";
    case ENOMEM: return "out of memory";
    case ENOSPC: return "no space left on the device";
    case ENOTDIR: return "not a directory";
    case EOWNERDEAD: return "the task that wrote it was killed";
    case EPERM: return "operation not permitted";
    case EROFS: return "the file system is read-only";
    case ETIMEDOUT: return "a thread did not come to rest within a second";
    default: return "error";
    }
}
