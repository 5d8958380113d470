/* cancelled.c - threads that are cancelled between allocations, and clean up.
 *
 * 200 threads, each cancelled while it allocates and comes to cancellation points, or waits.
 * A clean-up handler frees what it had; each keeps a block of 96 bytes for ever. If a hook were
 * a cancellation point, a thread could end between its malloc and the note of it.
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define THREADS 200

static void *volatile kept;
static atomic_int begun, cleaned;

struct work {
    void *blocks[20];
    int held;
};

static void clean_up(void *argument)
{
    struct work *work = argument;

    while (work->held > 0)
        free(work->blocks[--work->held]);
    free(work);
    kept = malloc(96);
    atomic_fetch_add(&cleaned, 1);
}

static void *thread_main(void *wait)
{
    struct work *work = calloc(1, sizeof(*work));

    pthread_cleanup_push(clean_up, work);
    atomic_fetch_add(&begun, 1);
    for (;;) {
        while (work->held < 20)
            work->blocks[work->held++] = malloc(1000);
        while (work->held > 0)
            free(realloc(work->blocks[--work->held], 3000));
        if (wait)
            pause();
        pthread_testcancel();
    }
    pthread_cleanup_pop(1);
    return NULL;
}

int main(void)
{
    int cancelled = 0;

    for (int i = 0; i < THREADS; i += 20) {
        pthread_t threads[20];
        void *result;

        for (int j = 0; j < 20; j++)
            if (pthread_create(&threads[j], NULL, thread_main, j % 2 ? &begun : NULL) != 0)
                return 1;
        while (atomic_load(&begun) < i + 20)
            sched_yield();
        for (int j = 0; j < 20; j++)
            pthread_cancel(threads[j]);
        for (int j = 0; j < 20; j++) {
            pthread_join(threads[j], &result);
            cancelled += result == PTHREAD_CANCELED;
        }
    }
    printf("%d cancelled, %d cleaned up\n", cancelled, atomic_load(&cleaned));
    return 0;
}
