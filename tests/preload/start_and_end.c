/* start_and_end.c - keeps blocks that were allocated before main and after it.
 *
 * Each place keeps blocks of a size of its own, so that the test can tell which
 * were seen. Prints "SIZE COUNT" for each, as they must be in the snapshot at
 * exit.
 */
#include <stdio.h>
#include <stdlib.h>

void early_library_keep(size_t size, int times);

static void *volatile kept[64];
static int count;

static void keep(size_t size, int times)
{
    for (int i = 0; i < times; i++)
        kept[count++] = malloc(size);
}

/* Runs before the constructor of any library, so before the shim is set up. */
static void before_all(int argc, char **argv, char **environment)
{
    (void)argc;
    (void)argv;
    (void)environment;
    keep(110, 2);
    keep(111, 5);
}

__attribute__((section(".preinit_array"), used)) static void (*const preinit)(int, char **,
                                                                              char **) = before_all;

static __attribute__((constructor)) void constructor(void)
{
    keep(112, 6);
}

static __attribute__((destructor)) void destructor(void)
{
    keep(113, 7);
    free(kept[0]);
    free(kept[1]);
}

static void first_exit_handler(void)
{
    keep(114, 8);
}

static void last_exit_handler(void)
{
    keep(115, 9);
}

int main(void)
{
    atexit(last_exit_handler);
    atexit(first_exit_handler);
    early_library_keep(103, 5);
    keep(116, 10);
    printf("101 3\n102 4\n103 5\n111 5\n112 6\n113 7\n114 8\n115 9\n116 10\n");
    return 0;
}
