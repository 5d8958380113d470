/* odd.c - blocks on coroutines' stacks, in unloaded libraries, and known to the kernel alone. */
#include "truth.h"

#include <dlfcn.h>
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#define STACK ((size_t)64 * 1024)

static ucontext_t home;

static void resume(ucontext_t *context)
{
    if (swapcontext(&home, context) != 0)
        abort();
}

static void prepare(ucontext_t *context, void *stack, void (*function)(void))
{
    if (getcontext(context) != 0)
        abort();
    context->uc_stack.ss_sp = stack;
    context->uc_stack.ss_size = STACK;
    context->uc_link = &home;
    makecontext(context, function, 0);
}

static ucontext_t in_block, in_mapping, unknown;

static APART void coroutine_on_a_block(void)
{
    void *volatile here = MAKE(HELD, 500);

    if (swapcontext(&in_block, &home) != 0)
        abort();
    __asm__ volatile("" : : "r"(&here) : "memory");
}

static APART void stack_in_a_block(void)
{
    static void *volatile kept;

    kept = MAKE(HELD, STACK);
    prepare(&in_block, kept, coroutine_on_a_block);
    resume(&in_block);
}

static APART void coroutine_on_a_mapping(void)
{
    void *volatile here = MAKE(HELD, 501);

    if (swapcontext(&in_mapping, &home) != 0)
        abort();
    __asm__ volatile("" : : "r"(&here) : "memory");
}

static APART void stack_in_a_mapping(void)
{
    void *stack = mmap(NULL, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (stack == MAP_FAILED)
        abort();
    prepare(&in_mapping, stack, coroutine_on_a_mapping);
    resume(&in_mapping);
}

/* Nobody remembers the coroutine: neither its stack nor what is on it. */
static APART void forgotten_coroutine(void)
{
    void *volatile here = MAKE(WITH_LOST, 502);

    if (swapcontext(&unknown, &home) != 0)
        abort();
    __asm__ volatile("" : : "r"(&here) : "memory");
}

static APART void stack_is_forgotten(void)
{
    prepare(&unknown, MAKE(LOST, STACK), forgotten_coroutine);
    resume(&unknown);
    memset(&unknown, 0, sizeof unknown);
    memset(&home, 0, sizeof home);
}

static APART void *open_plugin(void)
{
    void *plugin = dlopen(getenv("PLUGIN"), RTLD_NOW | RTLD_LOCAL);

    if (!plugin)
        abort();
    truth_any(__func__, HELD); /* the loader has tables that stay */
    return plugin;
}

/* The function NAME of PLUGIN keeps BLOCK. */
static APART void keep_in(void *plugin, const char *name, void *block)
{
    void (*keep)(void *) = NULL;

    *(void **)&keep = dlsym(plugin, name);
    keep(block);
}

static APART void by_an_unloaded_library(void)
{
    void *plugin = open_plugin();

    keep_in(plugin, "plugin_keep", MAKE(LOST, 503));
    dlclose(plugin);
}

/* Its variables that threads have for themselves stay until the thread next asks for one. */
static APART void by_a_variable_of_an_unloaded_library(void)
{
    void *plugin = open_plugin();

    truth_any(__func__, HELD); /* with the memory of the variable */
    keep_in(plugin, "plugin_keep_in_thread", malloc(504));
    dlclose(plugin);
}

/* It gives the pointer back, but in its own memory nobody can look it up. */
static APART void by_the_kernel(void)
{
    int ends[2], events = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN};

    event.data.ptr = MAKE(LOST, 505);
    if (events < 0 || pipe(ends) != 0 || epoll_ctl(events, EPOLL_CTL_ADD, ends[0], &event) != 0)
        abort();
    memset(&event, 0, sizeof event);
}

static APART void written_to_a_pipe(void)
{
    static int ends[2];
    void *volatile block = MAKE(LOST, 506);

    if (pipe(ends) != 0 || write(ends[1], (void *)&block, sizeof block) != sizeof block)
        abort();
    block = NULL;
}

static APART void by_a_saved_register(void)
{
    static jmp_buf kept;

    __asm__ volatile("movq %0, %%rbx\n\t"
                     "movq %1, %%rdi\n\t"
                     "call _setjmp@PLT\n\t"
                     "xorl %%ebx, %%ebx"
                     :
                     : "a"(MAKE(HELD, 507)), "d"(kept)
                     : "rbx", "rcx", "rsi", "rdi", "r8", "r9", "r10", "r11", "memory", "cc");
}

static APART void by_the_stack_of_signals(void)
{
    stack_t stack = {.ss_sp = MAKE(LOST, 65536), .ss_size = 65536};

    if (sigaltstack(&stack, NULL) != 0)
        abort();
    stack.ss_sp = NULL;
    __asm__ volatile("" : : "r"(&stack) : "memory");
}

int main(void)
{
    static void (*const functions[])(void) = {
        stack_in_a_block,       stack_in_a_mapping, stack_is_forgotten,  by_an_unloaded_library,
        by_a_variable_of_an_unloaded_library,
        by_the_kernel,          written_to_a_pipe,  by_a_saved_register, by_the_stack_of_signals,
    };

    TRUTH_RUN_ALL(functions);
    truth_print();
    return 0;
}
