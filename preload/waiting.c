#include "preload/waiting.h"

#include "preload/path.h"
#include "preload/syscall.h"

#include <fcntl.h>
#include <stddef.h>
#include <string.h>

#define TEXT_SIZE 8192u

/* Read the file NAME of the thread TID of PID into TEXT, TEXT_SIZE bytes. */
static bool read_file(uint32_t pid, uint32_t tid, const char *name, char *text)
{
    char path[64] = "/proc/";
    long file, size;

    path_append_number(path, sizeof path, pid, 1);
    path_append(path, sizeof path, "/task/");
    path_append_number(path, sizeof path, tid, 1);
    path_append(path, sizeof path, name);
    file = SYSCALL_4(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
    if (file < 0)
        return false;
    size = SYSCALL_3(SYS_read, file, text, TEXT_SIZE - 1);
    SYSCALL_1(SYS_close, file);
    text[size > 0 ? size : 0] = '\0';
    return size > 0;
}

/* The hexadecimal number that *TEXT begins with; *TEXT then is behind the blank that follows. */
static uint64_t take_number(const char **text)
{
    uint64_t value = 0;
    const char *at = *text + (strncmp(*text, "0x", 2) == 0 ? 2 : 0);

    for (; *at > ' '; at++)
        value = value << 4 | (uint64_t)(*at <= '9' ? *at - '0' : *at - 'a' + 10);
    *text = at + (*at == ' ');
    return value;
}

/* The sum of the numbers behind each "voluntary_ctxt_switches:", the other being "nonvoluntary…". */
static bool count_switches(const char *status, uint64_t *out_count)
{
    static const char name[] = "voluntary_ctxt_switches:";
    uint64_t sum = 0;
    int found = 0;

    for (const char *at = status; (at = strstr(at, name)); found++) {
        uint64_t value = 0;

        for (at += sizeof name - 1; *at == '\t' || *at == ' '; at++)
            ;
        for (; *at >= '0' && *at <= '9'; at++)
            value = value * 10 + (uint64_t)(*at - '0');
        sum += value;
    }
    *out_count = sum;
    return found == 2;
}

/* The file has the number of the call, its six arguments, the stack pointer and the pc; for a
 * thread that waits outside of a call, a page fault for example, -1 and the last two. */
bool waiting_ask(uint32_t pid, uint32_t tid, struct waiting *out_waiting)
{
    char text[TEXT_SIZE];
    const char *at = text;
    struct waiting waiting = { 0, 0, 0 };

    if (!read_file(pid, tid, "/syscall", text) || text[0] == 'r')
        return false;
    while (*at > ' ') {
        waiting.sp = waiting.pc;
        waiting.pc = take_number(&at);
    }
    if (!read_file(pid, tid, "/status", text) || !count_switches(text, &waiting.switches))
        return false;
    *out_waiting = waiting;
    return waiting.sp != 0;
}

bool waiting_still(uint32_t pid, uint32_t tid, const struct waiting *waiting)
{
    struct waiting now;

    return waiting->sp && waiting_ask(pid, tid, &now) && now.sp == waiting->sp &&
           now.pc == waiting->pc && now.switches == waiting->switches;
}
