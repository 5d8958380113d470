/* small_stacks.c - 50 threads with the smallest stack there may be, which allocate.
 *
 * Each keeps 3 blocks of 61 bytes and frees others, some calls deep.
 */
#include <limits.h>
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void *volatile kept;

static __attribute__((noinline)) int allocate(int depth)
{
    volatile char room[100];
    int result;

    room[0] = (char)depth;
    if (depth > 0) {
        result = allocate(depth - 1);
        return result + room[0] - depth;
    }
    for (int i = 0; i < 3; i++) {
        free(realloc(malloc(100), 3000));
        free(memalign(64, 100));
        kept = malloc(61);
    }
    return kept != NULL;
}

static void *thread_main(void *unused)
{
    (void)unused;
    return allocate(10) ? NULL : (void *)1;
}

int main(void)
{
    pthread_attr_t attributes;
    pthread_t thread;
    void *result;

    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, (size_t)sysconf(_SC_THREAD_STACK_MIN));
    for (int i = 0; i < 50; i++) {
        if (pthread_create(&thread, &attributes, thread_main, NULL) != 0)
            return 1;
        pthread_join(thread, &result);
        if (result)
            return 1;
    }
    puts("done");
    return 0;
}
