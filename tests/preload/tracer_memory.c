/* tracer_memory.c - what heapdelta itself takes does not grow with what has passed.
 *
 * Does much that leaves nothing behind, twice; prints "WHAT BYTES", by how much our
 * own memory grew in the second time.
 */
#include "preload/heapdelta.h"

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void events(void)
{
    for (int i = 0; i < 1000000; i++) {
        void *volatile block = malloc((size_t)(i % 1000));

        free(block);
    }
}

static void *allocate_a_little(void *unused)
{
    for (int i = 0; i < 10; i++) {
        void *volatile block = malloc((size_t)(i % 1000));

        free(realloc(block, 500));
    }
    return unused;
}

static void threads(void)
{
    pthread_t threads[20];

    for (int round = 0; round < 150; round++) {
        for (int i = 0; i < 20; i++)
            if (pthread_create(&threads[i], NULL, allocate_a_little, NULL) != 0)
                abort();
        for (int i = 0; i < 20; i++)
            pthread_join(threads[i], NULL);
    }
}

static void large_blocks(void)
{
    for (size_t i = 0; i < 20000; i++) {
        void *volatile block = malloc(200000 + i);

        free(realloc(block, 300000 + i));
    }
}

static void snapshots(void)
{
    for (int i = 0; i < 100; i++) {
        if (heapdelta_take_snapshot_to("tracer_memory.hds", "again") != 0)
            abort();
        unlink("tracer_memory.hds");
    }
}

static void report(const char *what, void (*doing)(void))
{
    size_t before;

    doing();
    before = heapdelta_get_tracer_memory();
    doing();
    printf("%s %ld\n", what, (long)(heapdelta_get_tracer_memory() - before));
}

int main(void)
{
    setvbuf(stdout, NULL, _IONBF, 0);
    report("events", events);
    report("threads", threads);
    report("large-blocks", large_blocks);
    report("snapshots", snapshots);
    return 0;
}
