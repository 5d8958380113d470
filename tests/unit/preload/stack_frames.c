#include "stack_frames.h"

#include <alloca.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

/* Work behind each call, or it would be a jump, and what the compiler can't see through. */
static volatile int sink;
static volatile char *volatile place;

__attribute__((noipa)) void frames_recursion(int depth, frames_then *then)
{
    if (depth > 0)
        frames_recursion(depth - 1, then);
    else
        then();
    sink++;
}

__attribute__((noipa)) void frames_large(frames_then *then)
{
    volatile char large[20000];

    large[sink & 0xfff] = 1;
    place = large;
    then();
    sink += large[0];
}

__attribute__((noipa)) void frames_alloca(int size, frames_then *then)
{
    char *memory = alloca((size_t)size);

    memset(memory, 1, (size_t)size);
    place = memory;
    then();
    sink += memory[size - 1];
}

__attribute__((noipa)) void frames_realigned(frames_then *then)
{
    volatile char aligned[128] __attribute__((aligned(64)));
    char *more = alloca((size_t)(17 + (sink & 3))); /* so that the frame needs rbp, too */

    aligned[sink & 63] = 1;
    place = aligned;
    more[0] = 1;
    place = more;
    then();
    sink += aligned[0] + more[0];
}

__attribute__((noipa)) void frames_saved_registers(int seed, frames_then *then)
{
    int a = seed * 3, b = seed * 5, c = seed * 7, d = seed * 11, e = seed * 13, f = seed * 17;

    then();
    sink += a;
    then();
    sink += b + c + d + e + f;
    then();
    sink += a ^ b ^ c ^ d ^ e ^ f;
}

static frames_then *what; /* for those that can't be told */
static int told;

static int compare(const void *a, const void *b)
{
    if (!told++)
        what();
    return *(const int *)a - *(const int *)b;
}

__attribute__((noipa)) void frames_libc(frames_then *then)
{
    int numbers[] = { 5, 3, 8, 1, 9, 2 };

    what = then;
    told = 0;
    qsort(numbers, sizeof(numbers) / sizeof(*numbers), sizeof(*numbers), compare);
    sink += numbers[0];
}

static void handler(int number)
{
    what();
    sink += number;
}

__attribute__((noipa)) void frames_signal(int on_own_stack, frames_then *then)
{
    static char own_stack[256 * 1024] __attribute__((aligned(16)));
    stack_t stack = { .ss_sp = own_stack, .ss_size = sizeof(own_stack) };
    struct sigaction action = { .sa_handler = handler, .sa_flags = on_own_stack ? SA_ONSTACK : 0 };

    what = then;
    sigaltstack(&stack, NULL);
    sigaction(SIGUSR1, &action, NULL);
    raise(SIGUSR1);
    stack.ss_flags = SS_DISABLE;
    sigaltstack(&stack, NULL);
    sink++;
}

static void in_context(void)
{
    what();
    sink++;
}

__attribute__((noipa)) void frames_context(frames_then *then)
{
    static char own_stack[256 * 1024] __attribute__((aligned(16)));
    ucontext_t here, there;

    what = then;
    getcontext(&there);
    there.uc_stack.ss_sp = own_stack;
    there.uc_stack.ss_size = sizeof(own_stack);
    there.uc_link = &here;
    makecontext(&there, in_context, 0);
    swapcontext(&here, &there);
    sink++;
}
