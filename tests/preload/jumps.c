/* jumps.c - leaves frames that allocate by longjmp, and runs code on other stacks.
 *
 * usage: jumps longjmp      20000 jumps over 1 to 40 frames; every 100th keeps a block
 *                           of 142 bytes after it
 *        jumps coroutines   64 coroutines, each on a stack of its own from malloc, take
 *                           turns 50 times; each keeps 2 blocks of 143 bytes at depth 10
 *        jumps migrate      the same, resumed by two threads in turn
 */
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#define COROUTINES 64
#define ROUNDS 50
#define STACK_SIZE (32 * 1024)
#define NOINLINE __attribute__((noinline, noclone))

static void *volatile kept;
static jmp_buf target;

static volatile int never;

static NOINLINE int fall(int depth)
{
    volatile char room[64];
    int result = never;

    room[0] = 1;
    free(malloc((size_t)depth + 1));
    if (depth == 0)
        longjmp(target, 1);
    if (!result)
        result = fall(depth - 1);
    return result + room[0];
}

static void jump_about(void)
{
    for (volatile int i = 0; i < 20000; i++) {
        if (setjmp(target) == 0)
            fall(i % 40);
        else if (i % 100 == 0)
            kept = malloc(142);
        else
            free(malloc(142));
    }
}

struct coroutine {
    ucontext_t context;
    ucontext_t *back; /* of the thread that resumed it */
    void *stack;
    long sum;
};

static struct coroutine coroutines[COROUTINES];

static void yield(struct coroutine *self)
{
    swapcontext(&self->context, self->back);
}

static NOINLINE long allocate_deep(struct coroutine *self, int depth, int keep)
{
    void *volatile block = malloc(100 + (size_t)depth);
    long sum;

    memset(block, depth, 100);
    if (depth == 0) {
        if (keep)
            kept = malloc(143);
        yield(self);
        sum = 1;
    } else {
        sum = allocate_deep(self, depth - 1, keep) + 1;
    }
    free(block);
    return sum;
}

/* What a coroutine runs; makecontext passes only ints. */
static void coroutine_main(unsigned number)
{
    struct coroutine *self = &coroutines[number];

    for (int i = 0; i < ROUNDS; i++)
        self->sum += allocate_deep(self, 10, i == 3 || i == 40);
    setcontext(self->back); /* never resumed again */
}

static void resume(struct coroutine *coroutine, ucontext_t *here)
{
    coroutine->back = here;
    swapcontext(here, &coroutine->context);
}

static void create_coroutines(void)
{
    for (unsigned i = 0; i < COROUTINES; i++) {
        struct coroutine *coroutine = &coroutines[i];

        coroutine->stack = malloc(STACK_SIZE);
        getcontext(&coroutine->context);
        coroutine->context.uc_stack.ss_sp = coroutine->stack;
        coroutine->context.uc_stack.ss_size = STACK_SIZE;
        makecontext(&coroutine->context, (void (*)(void))coroutine_main, 1, i);
    }
}

static sem_t turn[2];

/* Rounds FIRST, FIRST + 2 … belong to this thread; each waits for the one before. */
static void *run_rounds(void *first)
{
    ucontext_t here;

    for (int round = (int)(intptr_t)first; round <= ROUNDS; round += 2) {
        sem_wait(&turn[round % 2]);
        for (int i = 0; i < COROUTINES; i++)
            resume(&coroutines[i], &here);
        sem_post(&turn[(round + 1) % 2]);
    }
    return NULL;
}

static void finish_coroutines(void)
{
    long sum = 0;

    for (int i = 0; i < COROUTINES; i++) {
        sum += coroutines[i].sum;
        free(coroutines[i].stack);
    }
    printf("%ld\n", sum);
}

int main(int argc, char **argv)
{
    const char *way = argc > 1 ? argv[1] : "";
    ucontext_t here;
    pthread_t thread;

    if (strcmp(way, "longjmp") == 0) {
        jump_about();
        puts("landed");
        return 0;
    }
    create_coroutines();
    if (strcmp(way, "coroutines") == 0) {
        /* The last round lets each return. */
        for (int round = 0; round <= ROUNDS; round++)
            for (int i = 0; i < COROUTINES; i++)
                resume(&coroutines[i], &here);
    } else if (strcmp(way, "migrate") == 0) {
        sem_init(&turn[0], 0, 1);
        sem_init(&turn[1], 0, 0);
        if (pthread_create(&thread, NULL, run_rounds, (void *)1) != 0)
            return 1;
        run_rounds((void *)0);
        pthread_join(thread, NULL);
    } else {
        return 2;
    }
    finish_coroutines();
    return 0;
}
