/* few_live.c - 4 threads allocate for each other, and hardly anything is alive, while 300
 * snapshots are taken. Prints how many were not.
 */
#include "preload/heapdelta.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

static atomic_bool stopping;

static void *_Atomic handed[4];

/* Hand blocks to the next of the threads, which frees them. */
static void *allocate_on(void *place)
{
    void *_Atomic *mine = place, *_Atomic *next = mine == &handed[3] ? &handed[0] : mine + 1;

    while (!atomic_load(&stopping)) {
        free(atomic_exchange(next, malloc(10)));
        free(atomic_exchange(mine, NULL));
    }
    return NULL;
}

int main(void)
{
    pthread_t threads[4];
    int failures = 0;

    for (int i = 0; i < 4; i++)
        if (pthread_create(&threads[i], NULL, allocate_on, &handed[i]) != 0)
            return 1;
    for (int i = 0; i < 300; i++) {
        int result = heapdelta_take_snapshot("few");

        failures += result != 0 && result != -ENOSYS;
    }
    atomic_store(&stopping, true);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    printf("%d failed\n", failures);
    return failures != 0;
}
