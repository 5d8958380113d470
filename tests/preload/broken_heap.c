/* broken_heap.c - has written over the size of a block, as an overflow of the one before does.
 *
 * Behind the block is a large free one: whoever wants to know where the allocator's memory ends
 * starts there. By the size that is written here, that is at the address in the argument, where there
 * is nothing. Ends without touching the heap again.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

void *held[2];

int main(int argc, char **argv)
{
    uintptr_t target = argc > 1 ? strtoul(argv[1], NULL, 0) : 4096;
    void *gap;

    puts("broken");
    fflush(stdout); /* it has its buffer now */
    held[0] = malloc(40);
    gap = malloc(100000);
    held[1] = malloc(40);
    free(gap);
    ((uintptr_t *)held[0])[-1] = target - ((uintptr_t)held[0] - 16);
    _exit(0);
}
