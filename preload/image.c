#include "preload/image.h"

#include "preload/arena.h"
#include "preload/syscall.h"

#include <errno.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

#define STACK_SIZE ((size_t)256 * 1024)

#define STOPPING_PATIENCE 1000000000u /* ns that somebody may stop a task again and again … */
#define STOPPING_COST     50000u      /* … if each time leaves it no more CPU time than this, ns */

#define LOOK_INTERVAL 20000000 /* ns between two looks at a task that is waited for */

/* So many of them in a row without CPU time are not for lack of it. Not told by the clock: while all
 * of us are stopped, nobody looks. */
#define STUCK_LOOKS 250u

/* The clock of the CPU time of a process, also of another one, as clock_getcpuclockid() has it. */
#define CPU_CLOCK(pid) ((clockid_t)(~(uint32_t)(pid) << 3 | 2))

/* Clone with FLAGS; the child calls TASK(CONTEXT) on the stack that ends at TOP and
 * exits. Written out because behind a call of clone() both would return into the
 * caller's frame. */
static long clone_task(unsigned long flags, uintptr_t top, void (*task)(void *), void *context)
{
    register long r8 __asm__("r8") = 0;
    register long r10 __asm__("r10") = 0;
    register void (*r12)(void *) __asm__("r12") = task;
    register void *r13 __asm__("r13") = context;
    long result;

    __asm__ volatile("syscall\n\t"
                     "testq %%rax, %%rax\n\t"
                     "jnz 1f\n\t"
                     "xorl %%ebp, %%ebp\n\t"
                     "movq %%r13, %%rdi\n\t"
                     "callq *%%r12\n\t"
                     "xorl %%edi, %%edi\n\t"
                     "movl %[exit], %%eax\n\t"
                     "syscall\n\t"
                     "hlt\n\t"
                     "1:"
                     : "=a"(result)
                     : "0"((long)SYS_clone), "D"(flags), "S"(top), "d"(0L), "r"(r10), "r"(r8),
                       "r"(r12), "r"(r13), [exit] "i"(SYS_exit)
                     : "rcx", "r11", "memory");
    return result;
}

static void in_task(void *context)
{
    const struct image *image = context;

    SYSCALL_3(SYS_close_range, 0, ~0u, 0);
    image->task(image->context);
}

/* Start the task, all signals blocked. False if none can be had. */
static bool start_task(struct image *image)
{
    image->stack = arena_map(STACK_SIZE, ARENA_OTHER);
    image->pid = -ENOMEM;
    if (image->stack)
        image->pid = clone_task(CLONE_VM | CLONE_UNTRACED, (uintptr_t)(image->stack + STACK_SIZE),
                                in_task, image);
    if (image->pid > 0)
        return true;
    arena_unmap(image->stack, STACK_SIZE, ARENA_OTHER);
    image->stack = NULL;
    image->pid = 0;
    return false;
}

static uint64_t block_signals(void)
{
    uint64_t all = ~(uint64_t)0, before;

    SYSCALL_4(SYS_rt_sigprocmask, SIG_SETMASK, &all, &before, sizeof all);
    return before;
}

static void unblock_signals(uint64_t before)
{
    SYSCALL_4(SYS_rt_sigprocmask, SIG_SETMASK, &before, NULL, sizeof before);
}

/* Run the task in the calling thread, all signals blocked. */
static void run_here(struct image *image)
{
    image->task(image->context);
    syscall_take_back_xfsz();
}

/* Not by vfork: who stands still in it could not see that somebody stopped the task. */
void image_run(void (*task)(void *context), void *context)
{
    struct image image = { .task = task, .context = context };
    uint64_t before = block_signals();

    if (!start_task(&image))
        run_here(&image);
    image_reap(&image, true);
    unblock_signals(before);
}

bool image_try_start(struct image *image, void (*task)(void *context), void *context)
{
    uint64_t before = block_signals();
    bool started;

    image->task = task;
    image->context = context;
    image->stopping = (struct stopping){ 0 };
    image->stuck = false;
    atomic_store(&image->copy, 0);
    started = start_task(image);
    unblock_signals(before);
    return started;
}

void image_start(struct image *image, void (*task)(void *context), void *context)
{
    uint64_t before;

    if (image_try_start(image, task, context))
        return;
    before = block_signals();
    run_here(image);
    unblock_signals(before);
}

/* The CPU time that the task of IMAGE and its copy have had, ns; less once the copy has ended. */
static uint64_t used_by(struct image *image)
{
    uint32_t copy = atomic_load(&image->copy);

    return syscall_time(CPU_CLOCK(image->pid)) + (copy ? syscall_time(CPU_CLOCK(copy)) : 0);
}

/* Whether who stops a task again and again, as STOPPING has it, keeps it from its end: USED is its
 * CPU time NOW. */
static bool is_kept_from_its_end(struct stopping *stopping, uint64_t now, uint64_t used)
{
    bool again = stopping->last != 0 && now - stopping->last <= STOPPING_PATIENCE;
    bool long_enough = again && now - stopping->first > STOPPING_PATIENCE;
    bool kept = long_enough && used >= stopping->used &&
                used - stopping->used <= stopping->times * STOPPING_COST;

    if (!again || long_enough)
        *stopping = (struct stopping){ .first = now, .used = used };
    stopping->last = now;
    stopping->times++;
    return kept;
}

/* Somebody stopped PID, the task of IMAGE or its copy: send it on, or kill it. */
static void send_on(struct image *image, long pid, struct stopping *stopping)
{
    uint64_t now = syscall_time(CLOCK_MONOTONIC);
    bool kept = is_kept_from_its_end(stopping, now, used_by(image));

    SYSCALL_2(SYS_kill, pid, kept ? SIGKILL : SIGCONT);
}

struct copying {
    void (*task)(void *context);
    void *context;
    uint32_t parent;
};

static void in_copy(void *context)
{
    const struct copying *copying = context;

    SYSCALL_2(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL);
    if ((uint32_t)SYSCALL_0(SYS_getppid) == copying->parent) /* or it was killed before that */
        copying->task(copying->context);
}

long image_copy(struct image *image, void (*task)(void *context), void *context)
{
    char *stack = arena_map(STACK_SIZE, ARENA_OTHER); /* in the copy it is another one */
    struct copying copying = { task, context, syscall_getpid() };
    long pid = -ENOMEM;

    if (stack)
        pid = clone_task(CLONE_UNTRACED, (uintptr_t)(stack + STACK_SIZE), in_copy, &copying);
    arena_unmap(stack, STACK_SIZE, ARENA_OTHER);
    atomic_store(&image->copy, pid > 0 ? (uint32_t)pid : 0);
    return pid;
}

int image_wait(struct image *image, void (*other)(long pid, int status))
{
    struct stopping stopping = { 0 };
    const long copy = atomic_load(&image->copy);
    int status = 0;
    long ended;

    while ((ended = SYSCALL_4(SYS_wait4, -1, &status, __WALL | WUNTRACED, NULL)) != copy ||
           WIFSTOPPED(status))
        if (ended == copy)
            send_on(image, copy, &stopping);
        else if (ended > 0)
            other(ended, status);
        else if (ended != -EINTR)
            break;
    atomic_store(&image->copy, 0);
    return ended == copy && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Whether the task of IMAGE has ended. It stays as it is, unless it was stopped: then it goes on. */
static bool has_ended(struct image *image)
{
    siginfo_t info = { .si_pid = 0 };
    long result = SYSCALL_5(SYS_waitid, P_PID, image->pid, &info,
                            WEXITED | WSTOPPED | WNOHANG | WNOWAIT | __WCLONE, NULL);

    if (result == 0 && info.si_pid != 0 && info.si_code == CLD_STOPPED) {
        send_on(image, image->pid, &image->stopping);
        return false;
    }
    return (result < 0 && result != -EINTR) || info.si_pid != 0;
}

bool image_wait_for(struct image *image, _Atomic uint32_t *word, uint64_t patience)
{
    const struct timespec look = { .tv_nsec = LOOK_INTERVAL };
    uint64_t begin = syscall_time(CLOCK_MONOTONIC), used = 0;
    unsigned still = 0;

    while (!atomic_load_explicit(word, memory_order_acquire)) {
        uint64_t before = used;

        if (SYSCALL_4(SYS_futex, word, FUTEX_WAIT, 0, &look) != -ETIMEDOUT)
            continue;
        if (has_ended(image))
            return atomic_load_explicit(word, memory_order_acquire);
        used = used_by(image);
        still = used == before ? still + 1 : 0;
        image->stuck |= still >= STUCK_LOOKS;
        if (image->stuck || syscall_time(CLOCK_MONOTONIC) - begin > patience)
            SYSCALL_2(SYS_kill, image->pid, SIGKILL);
    }
    return true;
}

bool image_reap(struct image *image, bool wait)
{
    const int options = __WCLONE | WUNTRACED | (wait ? 0 : WNOHANG);

    while (image->pid) {
        int status = 0;
        long reaped = SYSCALL_4(SYS_wait4, image->pid, &status, options, NULL);

        if (reaped == 0)
            return false;
        if (reaped > 0 && WIFSTOPPED(status))
            send_on(image, reaped, &image->stopping); /* a handler may have reaped it meanwhile */
        else if (reaped != -EINTR)
            image->pid = 0;
    }
    arena_unmap(image->stack, STACK_SIZE, ARENA_OTHER);
    image->stack = NULL;
    return true;
}
