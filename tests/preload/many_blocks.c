/* many_blocks.c - 400,000 blocks of all sizes, from one byte to a megabyte.
 *
 * Prints "BLOCKS BYTES", what is alive of it when the program ends.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define BLOCKS 400000

static void *volatile blocks[BLOCKS];
static uint32_t sizes[BLOCKS];

static uint32_t size_of(uint32_t i)
{
    if (i % 20000 == 7)
        return 1000000 - i % 1000; /* mapped on its own */
    if (i % 500 == 3)
        return 20000 + i % 60000;
    return i % 7 == 0 ? i % 9 : i % 200 + 1;
}

int main(void)
{
    uint64_t count = 0;
    uint64_t bytes = 0;

    for (uint32_t i = 0; i < BLOCKS; i++) {
        sizes[i] = size_of(i);
        blocks[i] = malloc(sizes[i]);
    }
    for (uint32_t i = 0; i < BLOCKS; i += 3) {
        free(blocks[i]);
        blocks[i] = NULL;
    }
    for (uint32_t i = 0; i < BLOCKS; i += 5) {
        if (blocks[i]) {
            sizes[i] = size_of(i * 13 + 1) + 1;
            blocks[i] = realloc(blocks[i], sizes[i]);
        }
    }
    for (uint32_t i = 0; i < BLOCKS; i += 6) {
        sizes[i] = i % 40;
        blocks[i] = malloc(sizes[i]);
    }
    for (uint32_t i = 0; i < BLOCKS; i++) {
        if (blocks[i]) {
            count++;
            bytes += sizes[i];
        }
    }
    printf("%llu %llu\n", (unsigned long long)count, (unsigned long long)bytes);
    return 0;
}
