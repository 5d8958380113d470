/* thread_churn.c - threads come and go, all the while snapshots are taken.
 *
 * Four threads start 500 threads each, one after the other; each of these keeps a
 * block of 171 bytes, allocates others and lets the next one free them. Prints the
 * number of blocks kept.
 */
#include "preload/heapdelta.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

static _Atomic(void *) kept[2000];
static atomic_int kept_count;
static atomic_int running = 4;

static void *short_lived(void *previous)
{
    free(previous);
    for (size_t i = 0; i < 20; i++)
        free(malloc(i * 100 + 1));
    kept[atomic_fetch_add(&kept_count, 1)] = malloc(171);
    return malloc(500);
}

static void *start_others(void *unused)
{
    void *block = NULL;

    (void)unused;
    for (int i = 0; i < 500; i++) {
        pthread_t thread;

        if (pthread_create(&thread, NULL, short_lived, block) != 0)
            abort();
        pthread_join(thread, &block);
    }
    free(block);
    atomic_fetch_sub(&running, 1);
    return NULL;
}

int main(void)
{
    pthread_t threads[4];

    for (int i = 0; i < 4; i++)
        if (pthread_create(&threads[i], NULL, start_others, NULL) != 0)
            return 1;
    for (int i = 0; i < 40 && atomic_load(&running) > 0; i++) {
        int before = atomic_load(&kept_count);
        char label[40];
        int result;

        snprintf(label, sizeof(label), "at-least-%d", before);
        result = heapdelta_take_snapshot(label);
        if (result != 0 && result != -ENOSYS)
            printf("snapshot: %d\n", result);
    }
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    printf("%d\n", atomic_load(&kept_count));
    return 0;
}
