/* Allocates by functions of known sums, and says what is alive at the end: a line "FUNCTION BYTES
 * BLOCKS" each. Some blocks are freed by another thread than allocated them, some reallocated, and
 * all of one function are freed. With the argument fork it goes on in a child. */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define MANY 60000
#define FEW 600

static void *many[2 * MANY], *few[FEW], *moved[MANY], *gone[MANY];

__attribute__((noinline)) static void *small(void)
{
    return malloc(48);
}

__attribute__((noinline)) static void *large(size_t i)
{
    return calloc(1, 10000 + 100 * (i % 100));
}

__attribute__((noinline)) static void *passing(size_t i)
{
    return malloc(i % 3000);
}

__attribute__((noinline)) static void *longer(void *block)
{
    return realloc(block, 200);
}

static void *free_every_second(void *unused)
{
    (void)unused;
    for (size_t i = 0; i < 2 * MANY; i += 2) {
        free(many[i]);
        many[i] = small();
        free(many[i]);
    }
    return NULL;
}

static void work(void)
{
    pthread_t thread;
    size_t large_bytes = 0;

    for (size_t i = 0; i < 2 * MANY; i++)
        many[i] = small();
    for (size_t i = 0; i < FEW; i++) {
        few[i] = large(i);
        large_bytes += 10000 + 100 * (i % 100);
    }
    for (size_t i = 0; i < MANY; i++) {
        gone[i] = passing(i);
        moved[i] = small();
    }
    for (size_t i = 0; i < MANY; i++) {
        moved[i] = longer(moved[i]);
        free(gone[i]);
    }
    if (pthread_create(&thread, NULL, free_every_second, NULL) != 0)
        abort();
    pthread_join(thread, NULL);
    printf("small %d %d\n", MANY * 48, MANY);
    printf("large %zu %d\n", large_bytes, FEW);
    printf("longer %d %d\n", MANY * 200, MANY);
    printf("passing 0 0\n");
}

int main(int argc, char **argv)
{
    int status;

    if (argc == 1 || strcmp(argv[1], "fork") != 0) {
        work();
        return 0;
    }
    work();
    fflush(stdout);
    if (fork() == 0) {
        for (size_t i = 0; i < MANY; i++)
            free(moved[i]);
        return 0;
    }
    return wait(&status) < 0 || status != 0;
}
