#include "preload/image.h"

#include "preload/arena.h"
#include "preload/syscall.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/wait.h>

#define STACK_SIZE ((size_t)256 * 1024)

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

struct call {
    void (*task)(void *context);
    void *context;
};

static void in_task(void *call_pointer)
{
    const struct call *call = call_pointer;

    SYSCALL_3(SYS_close_range, 0, ~0u, 0);
    call->task(call->context);
}

void image_run(void (*task)(void *context), void *context)
{
    struct call call = { task, context };
    uint64_t all = ~(uint64_t)0, before;
    char *stack = arena_map(STACK_SIZE, ARENA_OTHER);
    long child = -ENOMEM;

    SYSCALL_4(SYS_rt_sigprocmask, SIG_SETMASK, &all, &before, sizeof all);
    if (stack)
        child = clone_task(CLONE_VM | CLONE_VFORK | CLONE_UNTRACED,
                           (uintptr_t)(stack + STACK_SIZE), in_task, &call);
    if (child < 0)
        task(context);
    else
        while (SYSCALL_4(SYS_wait4, child, NULL, __WCLONE, NULL) == -EINTR)
            ;
    SYSCALL_4(SYS_rt_sigprocmask, SIG_SETMASK, &before, NULL, sizeof before);
    arena_unmap(stack, STACK_SIZE, ARENA_OTHER);
}
