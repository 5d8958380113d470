/* tunables.c - what glibc's malloc tells about itself, and how it is told to behave. */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char buffer[1 << 16];
static void *blocks[2000];

static void info(const char *when)
{
    struct mallinfo2 now = mallinfo2();

    printf("%s: arena %zu, in use %zu, free %zu, chunks %zu, mapped %zu in %zu, top %zu\n", when,
           now.arena, now.uordblks, now.fordblks, now.ordblks, now.hblkhd, now.hblks, now.keepcost);
}

static void fill(size_t step)
{
    for (size_t i = 0; i < 2000; i++)
        blocks[i] = malloc(i * step % 9000 + 1);
}

static void empty(void)
{
    for (size_t i = 0; i < 2000; i++)
        free(blocks[(i * 7) % 2000]);
}

/* What a fresh block has in it, and one that was freed. */
static void show_perturbed(int value)
{
    unsigned char *block;

    printf("M_PERTURB: %d", mallopt(M_PERTURB, value));
    block = malloc(5000);
    printf(", fresh %02x %02x", block[100], block[4999]);
    memset(block, 0x55, 5000);
    block = realloc(block, 9000);
    printf(", grown %02x %02x", block[4999], block[8999]);
    free(block);
    block = calloc(1, 5000);
    printf(", zeroed %02x\n", block[100]);
    free(block);
}

int main(void)
{
    size_t usable = 0;

    setvbuf(stdout, buffer, _IOFBF, sizeof(buffer));
    info("at first");
    fill(11);
    for (int i = 0; i < 2000; i++)
        usable += malloc_usable_size(blocks[i]);
    printf("usable: %zu, of NULL: %zu\n", usable, malloc_usable_size(NULL));
    info("full");
    empty();
    info("empty");
    printf("trimmed: %d, again: %d\n", malloc_trim(0), malloc_trim(0));
    info("trimmed");
    printf("M_MMAP_THRESHOLD: %d\n", mallopt(M_MMAP_THRESHOLD, 4096));
    printf("M_TRIM_THRESHOLD: %d\n", mallopt(M_TRIM_THRESHOLD, 65536));
    printf("M_TOP_PAD: %d, M_MXFAST: %d, M_ARENA_MAX: %d, nothing: %d\n", mallopt(M_TOP_PAD, 4096),
           mallopt(M_MXFAST, 64), mallopt(M_ARENA_MAX, 1), mallopt(12345, 1));
    fill(13);
    info("mapped");
    empty();
    malloc_trim(0);
    info("empty");
    show_perturbed(0xa5);
    show_perturbed(0);
    printf("malloc_info: %d\n", malloc_info(0, stdout));
    fflush(stdout);
    malloc_stats();
    return 0;
}
