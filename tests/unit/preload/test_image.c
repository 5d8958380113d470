#include "child.h"

#include "preload/arena.h"
#include "preload/image.h"
#include "preload/syscall.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

/* What a task saw. It does what a task may: no libc. */
struct seen {
    uint32_t pid, parent;
    uint64_t blocked;
    long descriptor;
    uintptr_t stack;
    _Atomic uint32_t go_on, done;
};

static void look(void *context)
{
    struct seen *seen = context;
    char here;

    seen->pid = syscall_getpid();
    seen->parent = (uint32_t)SYSCALL_0(SYS_getppid);
    SYSCALL_4(SYS_rt_sigprocmask, SIG_BLOCK, NULL, &seen->blocked, sizeof seen->blocked);
    seen->descriptor = SYSCALL_3(SYS_fcntl, 1, F_GETFD, 0);
    seen->stack = (uintptr_t)&here;
    atomic_store(&seen->done, 1);
}

static void wait_and_look(void *context)
{
    struct seen *seen = context;

    while (!atomic_load(&seen->go_on))
        ;
    look(seen);
}

/* Never ends, and uses no CPU time. */
static void stand_still(void *context)
{
    (void)context;
    for (;;)
        SYSCALL_0(SYS_pause);
}

/* Ends when it has had so much CPU time that it was under way for longer than anybody may stop it
 * who does not let it work. */
static void work(void *context)
{
    struct seen *seen = context;

    while (syscall_time(CLOCK_PROCESS_CPUTIME_ID) < 1200000000)
        ;
    atomic_store(&seen->done, 1);
}

static void check_seen(const struct seen *seen)
{
    char here;
    uint64_t all = ~(uint64_t)0 & ~(UINT64_C(1) << (SIGKILL - 1)) & ~(UINT64_C(1) << (SIGSTOP - 1));

    assert_int_equal(seen->done, 1);
    assert_int_not_equal(seen->pid, getpid());
    assert_int_equal(seen->parent, getpid());
    assert_int_equal(seen->blocked & all, all);
    assert_int_equal(seen->descriptor, -EBADF);
    assert_true(seen->stack < (uintptr_t)&here - 65536 || seen->stack > (uintptr_t)&here + 65536);
}

/* Nothing of it is seen by who waits, nor is anything of ours changed. */
static void check_nothing_left(uint64_t used)
{
    sigset_t blocked;

    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
    assert_int_equal(waitpid(-1, NULL, WNOHANG | __WALL), -1);
    assert_int_equal(errno, ECHILD);
    assert_int_equal(sigprocmask(SIG_BLOCK, NULL, &blocked), 0);
    for (int number = 1; number < SIGRTMAX; number++)
        assert_false(sigismember(&blocked, number) == 1);
    assert_int_not_equal(fcntl(1, F_GETFD), -1);
    assert_int_equal(arena_used(ARENA_OTHER), used);
}

static volatile sig_atomic_t children_ended;

static void on_child(int number)
{
    (void)number;
    children_ended++;
}

static void it_runs_beside_us(void **state)
{
    struct seen seen = { 0 };
    struct image image;

    (void)state;
    signal(SIGCHLD, on_child);
    image_start(&image, wait_and_look, &seen);
    assert_int_equal(seen.done, 0);
    assert_false(image_reap(&image, false));
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* already now */
    atomic_store(&seen.go_on, 1);
    assert_true(image_reap(&image, true));
    check_seen(&seen);
    assert_true(image_reap(&image, true)); /* no harm */
    check_nothing_left(0);
    assert_int_equal(children_ended, 0);
}

static void it_is_reaped_without_waiting(void **state)
{
    struct seen seen = { .go_on = 1 };
    struct image image;

    (void)state;
    image_start(&image, wait_and_look, &seen);
    while (!image_reap(&image, false))
        ;
    check_seen(&seen);
    check_nothing_left(0);
}

static void we_may_stand_still_meanwhile(void **state)
{
    struct seen seen = { 0 };

    (void)state;
    image_run(look, &seen);
    check_seen(&seen);
    check_nothing_left(0);
}

/* Also where children are not waited for, which must not reap it before us. */
static void children_may_be_ignored(void **state)
{
    struct sigaction action = { .sa_handler = SIG_IGN, .sa_flags = SA_NOCLDWAIT };

    (void)state;
    sigaction(SIGCHLD, &action, NULL);
    for (int i = 0; i < 50; i++) {
        struct seen seen = { .go_on = 1 };
        struct image image;

        image_start(&image, wait_and_look, &seen);
        assert_true(image_reap(&image, true));
        check_seen(&seen);
    }
    check_nothing_left(0);
}

/* A process of ours that ends meanwhile is told as ever. */
static void other_children_are_told(void **state)
{
    struct seen seen = { 0 };
    struct image image;
    pid_t child;
    int status;

    (void)state;
    image_start(&image, wait_and_look, &seen);
    child = fork();
    if (child == 0)
        _exit(7);
    assert_int_equal(waitpid(-1, &status, 0), child);
    assert_int_equal(WEXITSTATUS(status), 7);
    atomic_store(&seen.go_on, 1);
    assert_true(image_reap(&image, true));
    check_nothing_left(0);
}

/* A child that stops TASK until it is gone. */
static pid_t stopper_of(pid_t task)
{
    pid_t child = fork();

    while (child == 0)
        if (kill(task, SIGSTOP) != 0)
            _exit(0);
    return child;
}

static void who_stops_it_once_does_not_end_it(void **state)
{
    struct seen seen = { 0 };
    struct image image;

    (void)state;
    image_start(&image, wait_and_look, &seen);
    assert_int_equal(kill((pid_t)image.pid, SIGSTOP), 0);
    atomic_store(&seen.go_on, 1);
    assert_true(image_reap(&image, true));
    check_seen(&seen);
    check_nothing_left(0);
}

/* The task never ends by itself: who stops it for ever must not keep us. */
static void who_stops_it_does_not_stop_us(void **state)
{
    struct image image;
    _Atomic uint32_t never = 0;
    pid_t stopper;

    (void)state;
    image_start(&image, stand_still, NULL);
    stopper = stopper_of((pid_t)image.pid);
    assert_true(image_reap(&image, true));
    assert_int_equal(waitpid(stopper, NULL, 0), stopper);

    assert_true(image_try_start(&image, stand_still, NULL));
    stopper = stopper_of((pid_t)image.pid);
    assert_false(image_wait_for(&image, &never, UINT64_MAX));
    assert_true(image_reap(&image, true));
    assert_int_equal(waitpid(stopper, NULL, 0), stopper);
    check_nothing_left(0);
}

static struct seen leaping;
static int leaps;

/* The system call for the time: an hour later each time. At the tenth, leaping goes on. */
static void on_clock(int number, siginfo_t *info, void *context)
{
    greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;

    (void)number;
    (void)info;
    *(struct timespec *)registers[REG_RSI] = (struct timespec){ .tv_sec = ++leaps * 3600L };
    registers[REG_RAX] = 0;
    if (leaps < 10)
        return;
    atomic_store(&leaping.go_on, 1);
    SYSCALL_3(SYS_futex, &leaping.go_on, FUTEX_WAKE, 1);
}

static bool let_clock_leap(void)
{
    struct sock_filter steps[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clock_gettime, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, CLOCK_MONOTONIC, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog filter = { sizeof(steps) / sizeof(*steps), steps };
    struct sigaction action = { .sa_sigaction = on_clock, .sa_flags = SA_SIGINFO };

    sigaction(SIGSYS, &action, NULL);
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

/* Uses no CPU time until it goes on. */
static void wait_without_cpu_time(void *context)
{
    struct seen *seen = context;

    while (!atomic_load(&seen->go_on))
        SYSCALL_4(SYS_futex, &seen->go_on, FUTEX_WAIT, 0, NULL);
    atomic_store(&seen->done, 1);
}

/* As where the program and its task are stopped as a whole, or the machine is. */
static void time_in_which_nobody_looks_does_not_count(void **state)
{
    struct image image;

    (void)state;
    if (!let_clock_leap())
        skip();
    assert_true(image_try_start(&image, wait_without_cpu_time, &leaping));
    assert_true(image_wait_for(&image, &leaping.done, UINT64_MAX));
    assert_false(image.stuck);
    assert_true(leaps >= 10);
    assert_true(image_reap(&image, true));
    check_nothing_left(0);
}

/* A child that limits WORKER as cpulimit does, but by its CPU time: stops it, and WAITER, whenever it
 * had 5 ms more, until it is gone. */
static pid_t limiter_of(pid_t worker, pid_t waiter)
{
    const clockid_t clock = (clockid_t)(~(unsigned)worker << 3 | 2);
    pid_t child = fork();
    uint64_t used, stopped = 0;

    if (child != 0)
        return child;
    for (; (used = syscall_time(clock)) != 0; sched_yield())
        if (used - stopped >= 5000000) {
            kill(waiter, SIGSTOP);
            kill(worker, SIGSTOP);
            stopped = used;
        }
    _exit(0);
}

/* However long it is limited, the task comes to its end. */
static void who_limits_it_does_not_end_it(void **state)
{
    struct seen seen = { 0 };
    struct image image;
    pid_t limiter;

    (void)state;
    image_start(&image, work, &seen);
    limiter = limiter_of((pid_t)image.pid, (pid_t)image.pid);
    assert_true(image_reap(&image, true));
    assert_int_equal(seen.done, 1);
    assert_int_equal(waitpid(limiter, NULL, 0), limiter);
    check_nothing_left(0);
}

static void no_other(long pid, int status)
{
    (void)pid;
    (void)status;
}

struct copying {
    struct image image;
    void (*task)(void *context);
    struct seen seen;
    int status;
};

static void copy_and_wait(void *context)
{
    struct copying *copying = context;

    copying->seen.pid = (uint32_t)image_copy(&copying->image, copying->task, &copying->seen);
    atomic_store(&copying->seen.go_on, 1);
    copying->status = image_wait(&copying->image, no_other);
    atomic_store(&copying->seen.done, 1);
}

/* Start a task that waits for a copy which does TASK, and wait until that is there. */
static void start_copy(struct copying *copying, void (*task)(void *context))
{
    copying->task = task;
    image_start(&copying->image, copy_and_wait, copying);
    while (!atomic_load(&copying->seen.go_on))
        ;
}

static void who_stops_the_copy_does_not_stop_us(void **state)
{
    struct copying copying = { 0 };
    pid_t stopper;

    (void)state;
    start_copy(&copying, stand_still);
    stopper = stopper_of((pid_t)copying.seen.pid);
    assert_true(image_reap(&copying.image, true));
    assert_int_equal(copying.seen.done, 1);
    assert_int_equal(copying.status, -1);
    assert_int_equal(waitpid(stopper, NULL, 0), stopper);
    check_nothing_left(0);
}

/* Also the task is stopped all the time, which itself does nothing but wait. */
static void who_limits_the_copy_does_not_end_it(void **state)
{
    struct copying copying = { 0 };
    pid_t limiter;

    (void)state;
    start_copy(&copying, work);
    limiter = limiter_of((pid_t)copying.seen.pid, (pid_t)copying.image.pid);
    assert_true(image_reap(&copying.image, true));
    assert_int_equal(copying.seen.done, 1);
    assert_int_equal(copying.status, 0);
    assert_int_equal(waitpid(limiter, NULL, 0), limiter);
    check_nothing_left(0);
}

/* Without room for another process, or for its stack, the task is done by ourselves. */
static void check_by_ourselves(void)
{
    struct seen seen = { .go_on = 1 };
    struct image image;

    image_start(&image, look, &seen);
    assert_int_equal(seen.done, 1);
    assert_int_equal(seen.pid, getpid());
    assert_int_not_equal(seen.descriptor, -EBADF);
    assert_true(image_reap(&image, false));
    seen.done = 0;
    image_run(look, &seen);
    assert_int_equal(seen.done, 1);
    arena_fail_after(0);
    check_nothing_left(0);
}

static void without_memory_we_do_it(void **state)
{
    (void)state;
    arena_fail_after(1);
    check_by_ourselves();
}

static void without_processes_we_do_it(void **state)
{
    struct rlimit none = { 0, 0 };

    (void)state;
    if (getuid() == 0 && setuid(65534) != 0) /* root has no limit */
        skip();
    assert_int_equal(setrlimit(RLIMIT_NPROC, &none), 0);
    check_by_ourselves();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        child_test(it_runs_beside_us),
        child_test(it_is_reaped_without_waiting),
        child_test(we_may_stand_still_meanwhile),
        child_test(children_may_be_ignored),
        child_test(other_children_are_told),
        child_test(who_stops_it_once_does_not_end_it),
        child_test(who_stops_it_does_not_stop_us),
        child_test(time_in_which_nobody_looks_does_not_count),
        child_test(who_limits_it_does_not_end_it),
        child_test(who_stops_the_copy_does_not_stop_us),
        child_test(who_limits_the_copy_does_not_end_it),
        child_test(without_memory_we_do_it),
        child_test(without_processes_we_do_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
