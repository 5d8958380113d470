#include "preload/life.h"

#include "format/control.h"
#include "preload/arena.h"
#include "preload/config.h"
#include "preload/control.h"
#include "preload/environment.h"
#include "preload/glibc.h"
#include "preload/guard.h"
#include "preload/identity.h"
#include "preload/message.h"
#include "preload/sampling.h"
#include "preload/signals.h"
#include "preload/snapshot.h"
#include "preload/stack.h"
#include "preload/syscall.h"
#include "preload/tracker.h"
#include "preload/unwind_libunwind.h"
#include "preload/valgrind.h"

#include <limits.h>
#include <link.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>

/* Exported by glibc, declared in no header. */
extern int __cxa_atexit(void (*function)(void *), void *argument, void *object);
extern int __cxa_at_quick_exit(void (*function)(void *), void *object);

enum phase { UNBORN, BEGINNING, BEGUN };

static _Atomic int phase;
static uint32_t own_pid;
static __thread bool gate_held; /* by this thread, which forks; others may fork, too */
static __thread unsigned nested; /* forks of this thread within that, in the program's handlers */
static bool by_fork;   /* this process is a traced child of fork */
static bool forked_away; /* it is one that is not traced */
static _Atomic uint32_t ending; /* the thread that takes the exit snapshot */
static _Atomic uint32_t ended;  /* 1: it has */
static bool was_tracing; /* before seccomp */
static unsigned tries;   /* to come under seccomp */

/* Do as the environment asks, once. Before libc has it (NULL) nothing is asked, and
 * stacks are kept whole. */
static void configure(char **variables)
{
    static bool configured;
    uint64_t seed = 0;

    if (configured || !variables)
        return;
    configured = true;
    config_read(variables);
    arena_fail_after(config->fail_map);
    arena_fail_once(config->fail_map_once);
    if (config->sample || config->min_size || config->max_size) {
        SYSCALL_3(SYS_getrandom, &seed, sizeof seed, 0);
        sampling_init(config->sample, config->min_size, config->max_size, seed);
    }
    tracker_configure((uint32_t)config->nframe, config->interval != 0);
    if (sampling_on && tracker_tracing())
        tracker_clear(); /* what came before has no weight */
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
    glibc_find();
    stack_init(real_stack_end);
    if (!tracker_init(!config->off))
        message_line("not enough memory to trace this program", NULL);
    identity_init();
    atomic_store(&phase, BEGUN);
    return real.malloc != NULL;
}

/* ---- fork ---------------------------------------------------------------------- */

/* A child that is to be traced must find the tables whole, so fork with nobody inside
 * them. Otherwise nothing is held across a fork: it takes locks of libc, whose holders
 * may allocate and would wait for us. */
void life_before_fork(void)
{
    struct thread *self;

    if (gate_held) {
        nested++;
        return;
    }
    if (atomic_load(&guard_silent) || !(config->follow & CONTROL_FOLLOW_FORK) ||
        syscall_getpid() != own_pid)
        return;
    self = guard_enter(); /* the gate is not to be closed by a thread without a state */
    if (self)
        guard_leave(self);
    gate_held = guard_close_to_fork() == 0;
    if (gate_held)
        tracker_await_reallocs();
}

void life_after_fork(void)
{
    if (nested > 0) {
        nested--;
        return;
    }
    if (gate_held)
        guard_open();
    gate_held = false;
}

/* The child goes on being traced, as a process of its own. */
static void begin_again(void)
{
    own_pid = syscall_getpid();
    by_fork = true;
    ending = ended = tries = 0;
    snapshot_forked();
    identity_forked();
    control_open();
}

void life_forked(void)
{
    bool traced = gate_held && nested == 0 && guard_is_whole();

    if (atomic_load(&guard_silent) || syscall_getpid() == own_pid)
        return;
    arena_leave(false); /* the parent may have been about to end */
    control_forked();
    tracker_forked(traced);
    guard_forked(gate_held);
    gate_held = false;
    nested = 0;
    if (traced)
        begin_again();
    else
        forked_away = true;
}

/* ---- exit ---------------------------------------------------------------------- */

/* Take the last snapshot. */
static void take_last(enum snapshot_trigger why, const char *label)
{
    int result;

    if (!config->out || !tracker_tracing())
        return;
    result = snapshot_take(why, label, NULL, false);
    if (result < 0)
        message_line("no snapshot at ", label, " in ", config->out, ": ", message_error(result), NULL);
}

void life_exit(enum snapshot_trigger why)
{
    uint64_t set, before;
    uint32_t first = 0, self;

    if (atomic_load(&guard_silent) || syscall_getpid() != own_pid)
        return;
    self = syscall_gettid();
    /* No handler comes between, neither the program's nor ours, which wants this very snapshot. What
     * is deadly without us ends the process as ever; the task that writes the file lives on. */
    set = ~signals_deadly();
    SYSCALL_4(SYS_rt_sigprocmask, SIG_BLOCK, &set, &before, sizeof set);
    if (!atomic_compare_exchange_strong(&ending, &first, self)) {
        /* Unless this thread did it before, until it is there. */
        while (first != self && !atomic_load(&ended))
            SYSCALL_4(SYS_futex, &ended, FUTEX_WAIT_PRIVATE, 0, NULL);
    } else {
        if (why == SNAPSHOT_AT_EXIT)
            arena_leave(true);
        take_last(why, "exit");
        snapshot_finish(true);
        tracker_set_tracing(false);
        control_close();
        atomic_store(&ended, 1);
        SYSCALL_3(SYS_futex, &ended, FUTEX_WAKE_PRIVATE, INT_MAX);
    }
    SYSCALL_4(SYS_rt_sigprocmask, SIG_SETMASK, &before, NULL, sizeof before);
}

static void at_exit(void *unused)
{
    (void)unused;
    life_exit(SNAPSHOT_AT_EXIT);
}

bool life_own(void)
{
    return atomic_load(&phase) == BEGUN && !atomic_load(&guard_silent) &&
           syscall_getpid() == own_pid;
}

bool life_follows_others(void)
{
    return config->follow & CONTROL_FOLLOW_EXEC;
}

bool life_follows(void)
{
    return life_follows_others() || (life_own() && !by_fork);
}

void life_before_exec(void)
{
    control_serve(); /* the last opportunity for who asked */
    control_end_before_exec();
    signals_drop_request();
    snapshot_before_exec(); /* the task's end would be a SIGCHLD to the new program */
    control_serve(); /* a deadly signal that came meanwhile would be forgotten */
    control_close();
}

/* ---- seccomp --------------------------------------------------------------------- */

/* Whether a try to come under seccomp, which may fail, is worth a snapshot: the first, the second,
 * the fourth …, so that a program that fails again and again does not pay each time. */
static bool worth_a_snapshot(void)
{
    tries++;
    return (tries & (tries - 1)) == 0;
}

bool life_before_seccomp(void)
{
    bool own = life_own();

    if (atomic_load(&guard_silent) || (!own && !forked_away))
        return false; /* a child of vfork: the memory is its parent's */
    if (own) {
        was_tracing = tracker_tracing();
        if (worth_a_snapshot())
            take_last(SNAPSHOT_BEFORE_SECCOMP, "seccomp");
        snapshot_finish(true);
        control_before_seccomp();
        tracker_set_tracing(false);
    }
    signals_give_back();
    atomic_store(&guard_silent, true);
    if (own) {
        guard_wait_for_others();
        control_wait_for_others();
    }
    return true;
}

void life_after_seccomp(bool done)
{
    if (done) {
        if (!forked_away)
            control_after_seccomp(was_tracing);
        return;
    }
    atomic_store(&guard_silent, false);
    if (forked_away)
        return;
    signals_init();
    control_open();
    tracker_set_tracing(was_tracing);
}

void life_exec_failed(void)
{
    snapshot_exec_failed();
    control_open();
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

/* Have stacks walked as asked. What the loader allocates on our behalf is not the
 * program's: nothing is recorded meanwhile. */
static void choose_unwinder(void)
{
    const struct stack_engine *engine = NULL;
    const char *why = "not known";
    bool tracing = tracker_tracing();

    if (!config->unwinder)
        return;
    tracker_set_tracing(false);
    if (strcmp(config->unwinder, "libunwind") == 0)
        engine = unwind_libunwind_load(&why);
    tracker_set_tracing(tracing);
    if (engine)
        stack_use(engine);
    else
        message_line(CONTROL_ENV_UNWINDER "=", config->unwinder, ": ", why,
                     ", so stacks are walked by heapdelta", NULL);
}

/* Before main and most constructors: what is registered here runs last at exit, after the
 * program's handlers and all destructors. */
__attribute__((constructor(101))) static void start(int argc, char **argv, char **variables)
{
    char **list;

    (void)argc;
    (void)argv;
    life_begin();
    configure(variables);
    /* Where a constructor has set a variable before us, it is another array, of libc. */
    list = environ ? environ : variables;
    list = environment_clean(list, own_name(), !life_follows_others(), list == variables);
    if (environ)
        environ = list;
    if (!config->valgrind && valgrind_runs_us()) { /* which gives up where we clone a task */
        tracker_forked(false);
        message_line("not traced: valgrind runs this program", NULL);
        return;
    }
    guard_watch_threads();
    choose_unwinder();
    signals_init();
    control_init();
    pthread_atfork(life_before_fork, life_after_fork, life_forked);
    __cxa_atexit(at_exit, NULL, NULL);
    __cxa_at_quick_exit(at_exit, NULL);
}
