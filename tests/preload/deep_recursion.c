/* deep_recursion.c - allocates one block of 4242 bytes DEPTH calls of dive() deep.
 *
 * usage: deep_recursion DEPTH [thread]
 * With "thread", a second thread dives instead of main.
 */
#include <pthread.h>
#include <stdlib.h>

static void *volatile kept;

static __attribute__((noinline, noclone)) int dive(long depth)
{
    int sum;

    if (depth == 1) {
        kept = malloc(4242);
        return kept != NULL;
    }
    sum = dive(depth - 1);
    __asm__ volatile("" : : : "memory"); /* no tail call, no loop */
    return sum;
}

static void *thread_main(void *depth)
{
    return (void *)(long)dive((long)depth);
}

int main(int argc, char **argv)
{
    long depth = argc > 1 ? atol(argv[1]) : 200;
    pthread_t thread;
    void *result;

    if (argc < 3)
        return dive(depth) == 1 ? 0 : 1;
    if (pthread_create(&thread, NULL, thread_main, (void *)depth) != 0)
        return 1;
    pthread_join(thread, &result);
    return result ? 0 : 1;
}
