/* threads.c - blocks that are held by what belongs to a thread, alive, waiting or ended. */
#include "truth.h"

#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

static volatile int ready;
static pthread_key_t low_key, high_key;
static __thread void *volatile variable;
static __thread void *volatile with_value[2] = {(void *)&ready};

/* What a new thread needs of the library is another function's. */
static APART void create(pthread_t *thread, const pthread_attr_t *attributes,
                         void *(*function)(void *), void *argument)
{
    truth_any(__func__, HELD);
    if (pthread_create(thread, attributes, function, argument) != 0)
        abort();
}

/* … and what a thread needs that lies in a block itself is seen from there. */
static APART void create_in_a_block(pthread_t *thread, const pthread_attr_t *attributes,
                                    void *(*function)(void *))
{
    truth_any(__func__, INSIDE);
    if (pthread_create(thread, attributes, function, NULL) != 0)
        abort();
}

/* Start FUNCTION and wait until it says that it is ready. */
static void start(void *(*function)(void *), void *argument)
{
    pthread_t thread;
    int before = ready;

    create(&thread, NULL, function, argument);
    while (ready == before)
        ;
    pthread_detach(thread);
}

static void wait_for_ever(void)
{
    for (ready++; ready;)
        pause();
}

static APART void *on_a_stack(void *unused)
{
    void *volatile here = MAKE(HELD, 400);

    (void)unused;
    wait_for_ever();
    return here;
}

static APART void deep(void *volatile *block, int depth)
{
    volatile char fill[1000];

    memset((char *)fill, 0, sizeof fill);
    if (depth > 0)
        deep(block, depth - 1);
    else
        wait_for_ever();
    __asm__ volatile("" : : "r"(fill), "r"(block));
}

static APART void *far_up_a_stack(void *unused)
{
    void *volatile here = MAKE(HELD, 401);

    (void)unused;
    deep(&here, 100);
    return here;
}

static APART void *by_thread_variable(void *unused)
{
    variable = MAKE(HELD, 402);
    with_value[1] = MAKE(HELD, 403);
    wait_for_ever();
    return unused;
}

static APART void *by_thread_keys(void *unused)
{
    truth_any(__func__, HELD); /* with the table of keys */
    pthread_setspecific(low_key, malloc(404));
    pthread_setspecific(high_key, malloc(405));
    wait_for_ever();
    return unused;
}

static APART void *as_an_argument(void *argument)
{
    (void)argument;
    wait_for_ever();
    return NULL;
}

static APART void give_argument(void)
{
    start(as_an_argument, MAKE(HELD, 406));
}

/* The block is in one register only, and the thread does not stop. */
static APART void *in_a_register(void *unused)
{
    (void)unused;
    __asm__ volatile("movq %0, %%r13\n\t"
                     "xorl %%eax, %%eax\n\t"
                     "xorl %%ebx, %%ebx\n\t"
                     "xorl %%ecx, %%ecx\n\t"
                     "lock incl %1\n"
                     "1: pause\n\t"
                     "jmp 1b"
                     :
                     : "a"(MAKE(HELD, 407)), "m"(ready)
                     : "rbx", "rcx", "r13", "memory");
    return NULL;
}

static APART void *in_a_vector_register(void *unused)
{
    (void)unused;
    __asm__ volatile("movq %0, %%xmm0\n\t"
                     "pslldq $8, %%xmm0\n\t"
                     "movdqa %%xmm0, %%xmm7\n\t"
                     "pxor %%xmm0, %%xmm0\n\t"
                     "xorl %%eax, %%eax\n\t"
                     "lock incl %1\n"
                     "1: pause\n\t"
                     "jmp 1b"
                     :
                     : "a"(MAKE(HELD, 408)), "m"(ready)
                     : "xmm0", "xmm7", "memory");
    return NULL;
}

/* All that an ended thread had. Its stack is kept for the next one. */
static APART void *of_an_ended_thread(void *unused)
{
    void *volatile here[64];

    memset((void *)here, 0, sizeof here);
    here[32] = MAKE(LOST, 409);
    variable = MAKE(LOST, 410);
    pthread_setspecific(low_key, MAKE(LOST, 411));
    return here[32] ? NULL : unused;
}

static void run_and_end(void *(*function)(void *))
{
    pthread_t thread;

    create(&thread, NULL, function, NULL);
    pthread_join(thread, NULL);
}

static APART void on_a_stack_of_ours(void)
{
    static pthread_attr_t attributes;
    static char *stack;
    pthread_t thread;
    int before = ready;

    stack = MAKE(HELD, 256 * 1024);
    pthread_attr_init(&attributes);
    pthread_attr_setstack(&attributes, stack, 256 * 1024);
    create_in_a_block(&thread, &attributes, on_a_stack);
    while (ready == before)
        ;
}

static void wipe(void)
{
    volatile char stack[8192];

    memset((char *)stack, 0, sizeof stack);
}

int main(void)
{
    pthread_key_create(&low_key, NULL);
    for (int i = 0; i < 60; i++)
        pthread_key_create(&high_key, NULL);
    run_and_end(of_an_ended_thread);
    wipe();
    start(on_a_stack, NULL);
    start(far_up_a_stack, NULL);
    start(by_thread_variable, NULL);
    start(by_thread_keys, NULL);
    give_argument();
    wipe();
    start(in_a_register, NULL);
    start(in_a_vector_register, NULL);
    on_a_stack_of_ours();
    wipe();
    truth_print();
    return 0;
}
