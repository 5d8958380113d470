/* withheld.c - memory that no child of fork gets, and so no image of the program: pages of their own,
 * those of a block, and a thread's stack, without and with zeros in their place. Prints how many
 * bytes can't be looked at. What only they hold is lost to who looks; nothing else is. */
#include <pthread.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE  ((size_t)4096)
#define STACK (16 * PAGE)

void *held; /* the block that is withheld itself */
static sem_t ready;
static size_t withheld;

static void *allocate(size_t size)
{
    void *block = calloc(1, size);

    if (!block)
        abort();
    return block;
}

/* Pages of ours, all of them there, that ADVICE is given on. A neighbour that is not would be joined
 * with them, but for the pages between. */
static void **pages(size_t count, int advice)
{
    char *memory =
        mmap(NULL, (count + 2) * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (memory == MAP_FAILED || mprotect(memory + PAGE, count * PAGE, PROT_READ | PROT_WRITE) != 0)
        abort();
    memset(memory + PAGE, 0, count * PAGE);
    if (madvise(memory + PAGE, count * PAGE, advice) != 0)
        abort();
    withheld += count * PAGE;
    return (void **)(memory + PAGE);
}

static __attribute__((noinline)) void not_copied(void)
{
    pages(3, MADV_DONTFORK)[100] = allocate(100);
}

static __attribute__((noinline)) void wiped(void)
{
    pages(5, MADV_WIPEONFORK)[100] = allocate(200);
}

/* A block as large as pages, which is held by its start beside it: nothing of it is in the image. */
static __attribute__((noinline)) void in_a_block(void)
{
    void **block;

    if (posix_memalign((void **)&block, PAGE, 1024 * PAGE) != 0)
        abort();
    memset(block, 0, 1024 * PAGE);
    block[100] = allocate(300);
    held = block;
    if (madvise(block, 1024 * PAGE, MADV_DONTFORK) != 0)
        abort();
    withheld += 1024 * PAGE;
}

static void *wait_for_ever(void *block)
{
    void *volatile here = block;

    sem_post(&ready);
    for (;;)
        pause();
    return here;
}

static __attribute__((noinline)) void on_a_stack(void)
{
    pthread_attr_t attributes;
    pthread_t thread;

    if (pthread_attr_init(&attributes) != 0 ||
        pthread_attr_setstack(&attributes, pages(STACK / PAGE, MADV_DONTFORK), STACK) != 0 ||
        pthread_create(&thread, &attributes, wait_for_ever, allocate(400)) != 0)
        abort();
    while (sem_wait(&ready) != 0)
        ;
}

static __attribute__((noinline)) void wipe(void)
{
    volatile char stack[16384];

    memset((char *)stack, 0, sizeof stack);
}

int main(void)
{
    if (sem_init(&ready, 0, 0) != 0)
        abort();
    not_copied();
    wiped();
    in_a_block();
    on_a_stack();
    wipe();
    printf("%zu\n", withheld);
    fflush(stdout);
    return 0;
}
