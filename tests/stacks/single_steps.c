/* single_steps.c - a walk from each instruction of what programs are made of.
 *
 * usage: single_steps
 *
 * The trap flag brings a SIGTRAP after each instruction; its handler compares the stack
 * with libunwind's, and one in 16 with libgcc's. Speaks TAP.
 */
#include "compare.h"
#include "walk.h"

#include <dlfcn.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <strings.h>
#include <ucontext.h>
#include <wchar.h>

#define TRAP_FLAG 0x100
#define NOINLINE __attribute__((noinline))

static void step(int number, siginfo_t *info, void *context)
{
    (void)number;
    (void)info;
    (void)context;
    compare_stack();
}

static inline void steps_on(void)
{
    __asm__ volatile("lea -128(%%rsp), %%rsp\n\t" /* the red zone is the compiler's */
                     "pushfq\n\t"
                     "orl %0, (%%rsp)\n\t"
                     "popfq\n\t"
                     "lea 128(%%rsp), %%rsp" : : "i"(TRAP_FLAG) : "cc", "memory");
}

static inline void steps_off(void)
{
    __asm__ volatile("lea -128(%%rsp), %%rsp\n\t"
                     "pushfq\n\t"
                     "andl %0, (%%rsp)\n\t"
                     "popfq\n\t"
                     "lea 128(%%rsp), %%rsp" : : "i"(~TRAP_FLAG) : "cc", "memory");
}

/* ---- what is stepped through ------------------------------------------------------------ */

static void *volatile kept;

static NOINLINE void allocation(void)
{
    for (size_t size = 1; size < 200000; size = size * 7 + 3) {
        kept = malloc(size);
        kept = realloc(kept, size * 2);
        free(kept);
        kept = calloc(1, size);
        free(kept);
    }
    kept = aligned_alloc(4096, 4096);
    free(kept);
}

static int compare_numbers(const void *one, const void *two)
{
    return *(const int *)one - *(const int *)two;
}

static NOINLINE void sorting(void)
{
    int numbers[40];

    for (int i = 0; i < 40; i++)
        numbers[i] = i * 37 % 41;
    qsort(numbers, 40, sizeof(numbers[0]), compare_numbers);
}

static NOINLINE void printing(void)
{
    char text[400];

    snprintf(text, sizeof(text), "%d %s %.12g %p %Lf", 42, "text", 3.14159, (void *)&walk_sink, 2.5L);
}

/* Each the first call of its function here: the loader finds it, and jumps on. */
static NOINLINE void lazy_binding(void)
{
    char text[64] = "a text";

    walk_sink += atoi("12") + (long)strcspn(text, "x") + (long)strtol("7", NULL, 10);
    walk_sink += (long)(strpbrk(text, "t") != NULL) + labs(walk_sink) + (long)strspn(text, " a");
    walk_sink += (long)wcslen(L"a wide text") + (long)ffs((int)walk_sink);
}

/* The same again: the stubs alone. */
static NOINLINE void strings(void)
{
    char text[300], other[300];

    memset(text, 'a', sizeof(text));
    text[299] = '\0';
    memcpy(other, text, sizeof(text));
    memmove(other + 3, other, 200);
    walk_sink += strcmp(text, other) + (long)strlen(text) + (strchr(text, 'b') != NULL);
}

static NOINLINE void jumping(void)
{
    jmp_buf here;
    sigjmp_buf there;

    if (setjmp(here) == 0)
        longjmp(here, 1);
    if (sigsetjmp(there, 1) == 0)
        siglongjmp(there, 1);
}

static ucontext_t creator, created;

static void in_context(void)
{
    walk_sink++;
}

static NOINLINE void contexts(void)
{
    static char stack[256 * 1024] __attribute__((aligned(16)));

    getcontext(&created);
    created.uc_stack.ss_sp = stack;
    created.uc_stack.ss_size = sizeof(stack);
    created.uc_link = &creator;
    makecontext(&created, in_context, 0);
    swapcontext(&creator, &created);
}

static NOINLINE void frames(void)
{
    walk.random = 12345;
    for (int i = 0; i < 20 && walk_generated[i]; i++) {
        walk.left = 0; /* so that what they call returns at once */
        walk_generated[i](2);
    }
}

static void handler(int number)
{
    walk_sink += number;
}

static NOINLINE void signals(void)
{
    raise(SIGUSR2);
}

static NOINLINE void time_of_day(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now); /* the vdso */
    walk_sink += now.tv_nsec;
}

static NOINLINE void libraries(void)
{
    void *library = dlopen("libunwind.so.8", RTLD_LAZY | RTLD_NOLOAD);

    walk_sink += dlsym(RTLD_DEFAULT, "no such function") != NULL;
    if (library)
        dlclose(library);
}

static const struct {
    const char *name;
    void (*function)(void);
    unsigned least; /* instructions */
    unsigned odd;   /* of these, at most, libunwind alone or all lost: see compare.h */
} steps[] = {
    { "malloc, calloc, realloc, free", allocation, 1000, 0 },
    { "qsort", sorting, 2000, 0 },
    { "snprintf", printing, 2000, 0 },
    { "lazy binding", lazy_binding, 3000, 0 },
    { "strings", strings, 150, 0 },
    { "setjmp and longjmp", jumping, 80, 20 },
    { "makecontext and swapcontext", contexts, 100, 40 },
    { "frames of all kinds", frames, 300, 0 },
    { "a signal", signals, 50, 0 },
    { "the vdso", time_of_day, 20, 0 },
    { "dlopen and dlsym", libraries, 1000, 20 },
};

#define STEPS (sizeof(steps) / sizeof(steps[0]))

int main(void)
{
    struct sigaction action = { .sa_sigaction = step, .sa_flags = SA_SIGINFO };
    struct compare_counts before, after;
    int failed = 0;

    if (!compare_init()) {
        printf("1..0 # skip no libunwind\n");
        return 0;
    }
    setvbuf(stdout, NULL, _IONBF, 0);
    walk_begin_thread();
    signal(SIGUSR2, handler);
    sigaction(SIGTRAP, &action, NULL);
    for (size_t i = 0; i < STEPS; i++) {
        uint64_t odd;
        bool good;

        before = compare_counts();
        steps_on();
        steps[i].function();
        steps_off();
        after = compare_counts();
        odd = after.alone + after.lost - before.alone - before.lost;
        good = after.differing == before.differing && after.gave_up == 0 && odd <= steps[i].odd &&
               after.stacks - before.stacks >= steps[i].least;
        printf("%sok %zu - %s, %lu instructions, at %lu libunwind alone or all lost\n",
               good ? "" : "not ", i + 1, steps[i].name,
               (unsigned long)(after.stacks - before.stacks), (unsigned long)odd);
        failed |= !good;
    }
    printf("1..%zu\n", STEPS);
    return failed;
}
