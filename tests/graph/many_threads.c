/* many_threads.c - blocks that are held by the stacks of 400 threads that wait. */
#include "truth.h"

#include <pthread.h>
#include <semaphore.h>
#include <string.h>
#include <unistd.h>

#define THREADS 400
#define STACK   ((size_t)64 * 1024)

static sem_t ready;

static APART void *on_a_stack(void *unused)
{
    void *volatile here[2] = {MAKE(HELD, 410), unused};

    ((void **)here[0])[50] = MAKE(HELD, 411);
    sem_post(&ready);
    for (;;)
        pause();
    return here[0];
}

/* What a new thread needs of the library is another function's. */
static APART void create(const pthread_attr_t *attributes)
{
    pthread_t thread;

    truth_any(__func__, HELD);
    if (pthread_create(&thread, attributes, on_a_stack, NULL) != 0)
        abort();
    while (sem_wait(&ready) != 0)
        ;
}

int main(void)
{
    pthread_attr_t attributes;

    if (sem_init(&ready, 0, 0) != 0 || pthread_attr_init(&attributes) != 0 ||
        pthread_attr_setstacksize(&attributes, STACK) != 0)
        abort();
    for (int i = 0; i < THREADS; i++)
        create(&attributes);
    truth_print();
    return 0;
}
