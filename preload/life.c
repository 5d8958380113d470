#include "preload/life.h"

#include "preload/arena.h"
#include "preload/config.h"
#include "preload/environment.h"
#include "preload/guard.h"
#include "preload/message.h"
#include "preload/snapshot_write.h"
#include "preload/stack.h"
#include "preload/syscall.h"
#include "preload/tracker.h"

#include <link.h>
#include <pthread.h>
#include <stdatomic.h>

/* Exported by glibc, declared in no header. */
extern int __cxa_atexit(void (*function)(void *), void *argument, void *object);
extern int __cxa_at_quick_exit(void (*function)(void *), void *object);

enum phase { UNBORN, BEGINNING, BEGUN };

static _Atomic int phase;
static uint32_t own_pid;

/* Do as the environment asks, once. Before libc has it (NULL) nothing is asked, and
 * stacks are kept whole. */
static void configure(char **variables)
{
    static bool configured;

    if (configured || !variables)
        return;
    configured = true;
    config_read(variables);
    arena_fail_after(config->fail_map);
    tracker_set_frame_limit((uint32_t)config->nframe);
}

bool life_begin(void)
{
    int unborn = UNBORN;

    if (!atomic_compare_exchange_strong(&phase, &unborn, BEGINNING))
        return real.malloc != NULL;
    own_pid = syscall_getpid();
    message_init();
    configure(environ);
    real_find();
    stack_init(real_stack_end);
    if (!tracker_init())
        message_line("not enough memory to trace this program", NULL);
    snapshot_init();
    atomic_store(&phase, BEGUN);
    return real.malloc != NULL;
}

/* ---- fork ---------------------------------------------------------------------- */

/* Nothing is held across a fork: it takes locks of libc, whose holders may allocate and
 * would wait for us. So the child may find the tables torn; it never looks at them. */
void life_forked(void)
{
    if (syscall_getpid() == own_pid)
        return;
    tracker_forked();
    guard_forked();
}

/* ---- exit ---------------------------------------------------------------------- */

void life_exit(void)
{
    static atomic_flag done = ATOMIC_FLAG_INIT;
    int result;

    if (!config->out || syscall_getpid() != own_pid || !tracker_tracing() ||
        atomic_flag_test_and_set(&done))
        return;
    result = snapshot_take(SNAPSHOT_AT_EXIT, "exit", NULL);
    if (result < 0)
        message_line("no snapshot at exit in ", config->out, ": ", message_error(result), NULL);
    atomic_store_explicit(&tracker_on, false, memory_order_relaxed);
}

static void at_exit(void *unused)
{
    (void)unused;
    life_exit();
}

bool life_execs(void)
{
    return atomic_load(&phase) == BEGUN && syscall_getpid() == own_pid;
}

/* ---- start --------------------------------------------------------------------- */

/* The name by which the loader knows this library. */
static const char *own_name(void)
{
    struct dl_find_object object;

    return _dl_find_object((void *)(uintptr_t)own_name, &object) == 0
               ? object.dlfo_link_map->l_name
               : "";
}

/* The first of all constructors (-z initfirst), before libc's own: what is registered
 * here runs last at exit, after the program's handlers and all destructors, and last
 * before a fork. There, another's handler that ran after ours would wait for a lock
 * whose holder may be waiting at our gate. */
__attribute__((constructor(101))) static void start(int argc, char **argv, char **variables)
{
    (void)argc;
    (void)argv;
    life_begin();
    configure(variables);
    environment_clean(variables, own_name());
    guard_watch_threads();
    pthread_atfork(NULL, NULL, life_forked);
    __cxa_atexit(at_exit, NULL, NULL);
    __cxa_at_quick_exit(at_exit, NULL);
}
