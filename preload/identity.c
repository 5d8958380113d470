#include "preload/identity.h"

#include "preload/config.h"
#include "preload/path.h"
#include "preload/syscall.h"
#include "preload/timeline.h"

#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/auxv.h>

static struct identity values;
const struct identity *const identity = &values;

static bool forked; /* what the configuration says of execs is about another process */

void identity_clean_name(const char *name, char *out)
{
    size_t i = 0;

    for (; name && name[i] && i < IDENTITY_NAME_MAX; i++) {
        char c = name[i];
        bool harmless = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
                        (c >= 'a' && c <= 'z') || c == '.' || c == '_' || c == '+' || c == '-';

        out[i] = harmless ? c : '_';
    }
    out[i] = '\0';
}

/* A number of its own for this tracing. */
static void make_run(void)
{
    values.start_time = syscall_time(CLOCK_REALTIME) - timeline_now();
    values.pid = syscall_getpid();
    if (SYSCALL_3(SYS_getrandom, values.run, sizeof values.run, 0) != sizeof values.run) {
        values.run[0] = values.start_time;
        values.run[1] = values.pid;
    }
}

void identity_init(void)
{
    long length =
        SYSCALL_4(SYS_readlinkat, AT_FDCWD, "/proc/self/exe", values.path, sizeof values.path - 1);
    const char *called = (const char *)getauxval(AT_EXECFN), *name = values.path, *slash;

    values.path[length > 0 ? length : 0] = '\0';
    if (called && (length <= 0 || path_same_file(called, values.path)))
        name = called;
    slash = strrchr(name, '/');
    identity_clean_name(slash ? slash + 1 : name, values.program);
    make_run();
}

void identity_forked(void)
{
    memcpy(values.parent_run, values.run, sizeof values.run);
    make_run();
    forked = true;
}

uint64_t identity_exec_count(void)
{
    return forked ? 0 : config->exec_count;
}
