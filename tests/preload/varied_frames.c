/* varied_frames.c - leaks N blocks from call stacks of all shapes that compilers make.
 *
 * usage: varied_frames N [SEED]
 * Frames with alloca, variable arrays, realigned locals, many arguments, callbacks
 * through libc, signal handlers on either stack, other threads, coroutines and, from
 * varied_frames.cpp, exceptions follow each other at random.
 */
#include "varied_frames.h"

#include <alloca.h>
#include <malloc.h>
#include <pthread.h>
#include <search.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#define NOINLINE __attribute__((noinline))
#define STACK_SIZE (1024 * 1024)

typedef int frame_function(int depth);

static uint64_t state = 88172645463325252u;
static void *volatile leaked;
static volatile int sink;
static unsigned stack_switches; /* on now: each takes memory, so not many in a row */

unsigned random_below(unsigned limit)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (unsigned)(state >> 20) % limit;
}

/* A use of MEMORY that the optimiser cannot see through. */
static inline void use(void *memory)
{
    __asm__ volatile("" : : "r"(memory) : "memory");
}

static NOINLINE int plain(int depth)
{
    return next_frame(depth) + 1;
}

static NOINLINE int with_alloca(int depth)
{
    char *memory = alloca(random_below(200) + 1);
    int result;

    use(memory);
    result = next_frame(depth);
    use(memory);
    return result;
}

static NOINLINE int with_array(int depth)
{
    int array[random_below(40) + 1];
    int result;

    use(array);
    result = next_frame(depth);
    use(array);
    return result;
}

static NOINLINE int realigned(int depth)
{
    char line[64] __attribute__((aligned(64)));
    int result;

    use(line);
    result = next_frame(depth);
    use(line);
    return result + (int)((uintptr_t)line % 64);
}

/* Realigned and of variable size: the compiler needs two base registers. */
static NOINLINE int realigned_array(int depth)
{
    char line[32] __attribute__((aligned(128)));
    char *memory = alloca(random_below(300) + 1);
    int result;

    use(line);
    use(memory);
    result = next_frame(depth);
    use(line);
    return result;
}

static NOINLINE int many(int depth, long a, long b, long c, long d, long e, long f, long g, long h)
{
    int result = next_frame(depth);

    sink = (int)(a + b + c + d + e + f + g + h);
    return result;
}

static NOINLINE int many_arguments(int depth)
{
    return many(depth, depth, sink, 3, 4, 5, 6, 7, sink) + many(0, 1, 2, 3, 4, 5, 6, 7, 8);
}

static NOINLINE int by_registers(int depth)
{
    /* More values alive across the call than there are registers to save. */
    int a = sink, b = a * 3, c = b ^ 5, d = c + a, e = d * b, f = e - c, g = f ^ a;
    int result = next_frame(depth);

    return result + ((a ^ b ^ c ^ d ^ e ^ f ^ g) & 0);
}

static NOINLINE int early_return(int depth)
{
    if (depth < -1)
        return 7;
    if (random_below(2)) {
        char room[300];
        int result;

        use(room);
        result = next_frame(depth);
        use(room);
        return result;
    }
    return next_frame(depth) * 2;
}

static int callback_depth;

static int compare(const void *one, const void *two)
{
    int depth = callback_depth;

    callback_depth = -1;
    if (depth >= 0)
        sink = next_frame(depth);
    return *(const int *)one - *(const int *)two;
}

static NOINLINE int by_qsort(int depth)
{
    int numbers[3] = {3, 1, 2};

    callback_depth = depth;
    qsort(numbers, 3, sizeof(numbers[0]), compare);
    return numbers[0];
}

static NOINLINE int by_bsearch(int depth)
{
    int numbers[3] = {1, 2, 3};

    callback_depth = depth;
    return bsearch(&numbers[1], numbers, 3, sizeof(numbers[0]), compare) != NULL;
}

static NOINLINE int by_setjmp(int depth)
{
    jmp_buf here;
    volatile int result = 0;

    if (setjmp(here) == 0) {
        result = next_frame(depth);
        longjmp(here, 1);
    }
    return result;
}

static int handler_depth;

static void handler(int signal)
{
    int depth = handler_depth;

    (void)signal;
    sink = next_frame(depth);
}

static NOINLINE int by_signal(int depth)
{
    handler_depth = depth;
    raise(SIGUSR1);
    return 1;
}

static int alternate_stack_used; /* a second handler there could overwrite the first */

/* The signal comes between two instructions of this frame, not from a call. */
static NOINLINE int by_trap(int depth)
{
    if (alternate_stack_used)
        return next_frame(depth);
    alternate_stack_used = 1;
    handler_depth = depth;
    __asm__ volatile("int3");
    alternate_stack_used = 0;
    return 2;
}

static ucontext_t creator;
static int coroutine_depth;

static void coroutine(void)
{
    sink = next_frame(coroutine_depth);
}

static NOINLINE int by_coroutine(int depth)
{
    ucontext_t saved_creator = creator;
    ucontext_t context;
    void *stack;

    if (stack_switches >= 2)
        return next_frame(depth);
    stack = mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (stack == MAP_FAILED)
        abort();
    stack_switches++;
    coroutine_depth = depth;
    getcontext(&context);
    context.uc_stack.ss_sp = stack;
    context.uc_stack.ss_size = STACK_SIZE;
    context.uc_link = &creator;
    makecontext(&context, coroutine, 0);
    swapcontext(&creator, &context);
    creator = saved_creator;
    stack_switches--;
    munmap(stack, STACK_SIZE);
    return 3;
}

static void *thread_main(void *depth)
{
    sink = next_frame((int)(intptr_t)depth);
    return NULL;
}

static NOINLINE int by_thread(int depth)
{
    pthread_t thread;

    if (stack_switches >= 2)
        return next_frame(depth);
    stack_switches++;
    if (pthread_create(&thread, NULL, thread_main, (void *)(intptr_t)depth) != 0)
        abort();
    pthread_join(thread, NULL);
    stack_switches--;
    return 4;
}

static frame_function *const frames[] = {
    plain,        with_alloca,  with_array, realigned,  realigned_array, many_arguments,
    by_registers, early_return, by_qsort,   by_bsearch, by_setjmp,       by_signal,
    by_trap,      by_coroutine, by_thread,
};

#define FRAMES (sizeof(frames) / sizeof(frames[0]))

/* The end of the stack: an allocation by one of several calls. */
static NOINLINE int leak(void)
{
    size_t size = random_below(100) + 1;
    char *name;

    switch (random_below(6)) {
    case 0:
        leaked = calloc(1, size);
        break;
    case 1:
        leaked = realloc(malloc(size), size + 200);
        break;
    case 2:
        leaked = memalign(64, size);
        break;
    case 3:
        leaked = strdup("a block that libc allocates");
        break;
    case 4:
        if (asprintf(&name, "block number %u", (unsigned)size) > 0)
            leaked = name;
        break;
    default:
        leaked = malloc(size);
        break;
    }
    return 0;
}

int next_frame(int depth)
{
    unsigned which;

    if (depth <= 0)
        return leak();
    which = random_below((unsigned)FRAMES + cplusplus_frame_count);
    /* The dear ones less often. */
    if (which < FRAMES && (frames[which] == by_thread || frames[which] == by_coroutine) &&
        random_below(4) != 0)
        which = 0;
    return which < FRAMES ? frames[which](depth - 1)
                          : cplusplus_frames[which - FRAMES](depth - 1);
}

int main(int argc, char **argv)
{
    long count = argc > 1 ? atol(argv[1]) : 1000;
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_NODEFER};
    stack_t alternate = {.ss_sp = malloc(STACK_SIZE), .ss_size = STACK_SIZE};

    if (argc > 2)
        state += (uint64_t)atol(argv[2]) * 7919;
    sigaction(SIGUSR1, &action, NULL);
    action.sa_flags |= SA_ONSTACK;
    sigaction(SIGTRAP, &action, NULL);
    sigaltstack(&alternate, NULL);
    for (long i = 0; i < count; i++)
        sink = next_frame((int)random_below(25));
    return 0;
}
