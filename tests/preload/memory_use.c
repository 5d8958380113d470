/* memory_use.c - what the memory of a process is used for, told by the process.
 *
 * Fills memory of each kind and takes a snapshot of it, `full`; then frees every second block of
 * 1,000,000 small ones, which the allocator can't give back, and takes another, `holes`. Prints
 * "NAME BYTES" for each: what must be counted there, at least.
 */
#include "preload/heapdelta.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define MIB    ((size_t)1 << 20)
#define BLOCKS 1000000
#define SIZE   40 /* 48 with its header */

static void *blocks[BLOCKS];
static pthread_barrier_t barrier;

/* Uses 4 MiB of its stack, and an arena of its own, until the end. */
static void *live(void *unused)
{
    char room[4 * MIB];
    void *kept;

    (void)unused;
    memset(room, 1, sizeof room);
    __asm__ volatile("" : : "r"(room) : "memory");
    kept = malloc(5000);
    memset(kept, 1, 5000);
    pthread_barrier_wait(&barrier);
    pthread_barrier_wait(&barrier);
    free(kept);
    return NULL;
}

static void *fill(void *memory, size_t size)
{
    if (memory == MAP_FAILED)
        abort();
    return memset(memory, 1, size);
}

int main(void)
{
    const int protection = PROT_READ | PROT_WRITE;
    pthread_t thread;
    int file = open("file", O_RDWR | O_CREAT, 0600);
    void *large;

    if (file < 0 || ftruncate(file, 3 * MIB) < 0 || pthread_barrier_init(&barrier, NULL, 2) ||
        pthread_create(&thread, NULL, live, NULL))
        return 1;
    pthread_barrier_wait(&barrier);
    fill(mmap(NULL, 3 * MIB, protection, MAP_PRIVATE, file, 0), 3 * MIB);
    fill(mmap(NULL, 5 * MIB, protection, MAP_SHARED | MAP_ANONYMOUS, -1, 0), 5 * MIB);
    /* of another kind than its neighbours, or the kernel makes one of them */
    fill(mmap(NULL, 6 * MIB, protection | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), 6 * MIB);
    large = fill(malloc(7 * MIB), 7 * MIB);
    for (int i = 0; i < BLOCKS; i++)
        blocks[i] = fill(malloc(SIZE), SIZE);
    if (heapdelta_take_snapshot("full") < 0)
        return 1;
    for (int i = 0; i < BLOCKS; i += 2)
        free(blocks[i]);
    if (heapdelta_take_snapshot("holes") < 0)
        return 1;
    printf("stack_bytes %zu\nfile_bytes %zu\nshared_bytes %zu\nother_bytes %zu\nkept %d\n", 4 * MIB,
           3 * MIB, 5 * MIB, 6 * MIB, BLOCKS / 2 * (SIZE + 8));
    pthread_barrier_wait(&barrier);
    pthread_join(thread, NULL);
    free(large);
    return 0;
}
