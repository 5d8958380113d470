/* random_calls.c - 100000 random allocator calls, and what came of each, a line each.
 *
 * usage: random_calls [SEED]
 * NULL or not, errno, usable size, alignment as asked, whether the content was
 * kept. The shim must not use the program's allocator, so the heap is laid out
 * alike, and all lines are the same with it and without. (No alignment exceeds a
 * page, so where the heap begins does not matter.)
 */
#include <errno.h>
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS 512

static unsigned char *blocks[SLOTS];
static size_t sizes[SLOTS]; /* bytes that were written */
static uint64_t state;
static char buffer[1 << 16]; /* stdout's, so that it is no allocation among ours */

static uint64_t next_random(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static size_t random_size(void)
{
    uint64_t random = next_random();

    switch (random % 100) {
    case 0:
        return 0;
    case 1:
        return SIZE_MAX - random / 100 % 100000;
    case 2:
        return SIZE_MAX / 2 + random / 100 % 100000;
    case 3:
        return 100000 + random / 100 % 400000;
    case 4:
    case 5:
    case 6:
        return random / 100 % 20000;
    default:
        return random / 100 % 500;
    }
}

static size_t random_alignment(void)
{
    uint64_t random = next_random();

    if (random % 16 == 0)
        return random / 16 % 200; /* mostly no power of two */
    return (size_t)1 << random / 16 % 13;
}

static const char *kept(int slot, size_t size)
{
    size_t have = sizes[slot] < size ? sizes[slot] : size;

    for (size_t i = 0; i < have; i++)
        if (blocks[slot][i] != (unsigned char)(slot + 1))
            return "damaged";
    return "kept";
}

/* The call named NAME gave BLOCK for SIZE bytes, to be kept in SLOT; OLD says
 * what became of the content. */
static void show(const char *name, int slot, void *block, size_t size, size_t alignment,
                 const char *old)
{
    int error = errno;

    blocks[slot] = block;
    sizes[slot] = 0;
    if (!block) {
        printf("%s %zu: NULL, errno %d\n", name, size, error);
        return;
    }
    printf("%s %zu: usable %zu, %s, errno %d, %s\n", name, size, malloc_usable_size(block),
           (uintptr_t)block % (alignment ? alignment : 1) == 0 ? "aligned" : "not aligned", error,
           old);
    memset(block, slot + 1, size);
    sizes[slot] = size;
}

static void one_call(void)
{
    int slot = (int)(next_random() % SLOTS);
    size_t size = random_size();
    size_t alignment;
    void *block;
    int error;

    errno = 4242;
    if (blocks[slot]) {
        if (next_random() % 3 == 0) {
            block = realloc(blocks[slot], size);
            if (!block && size > 0) {
                printf("realloc %zu: NULL, errno %d, %s\n", size, errno, kept(slot, SIZE_MAX));
                return;
            }
            error = errno;
            blocks[slot] = block;
            const char *content = block ? kept(slot, size) : "gone";
            errno = error;
            show("realloc", slot, block, size, 16, content);
        } else {
            printf("free: %s", kept(slot, SIZE_MAX));
            errno = 4242;
            free(blocks[slot]);
            printf(", errno %d\n", errno);
            blocks[slot] = NULL;
        }
        return;
    }
    switch (next_random() % 10) {
    case 0:
        block = calloc(size, 1 + slot % 3);
        if (block) {
            unsigned char *bytes = block;

            error = errno;
            for (size_t i = 0; i < size; i++)
                if (bytes[i])
                    printf("calloc: not zero\n");
            errno = error;
        }
        show("calloc", slot, block, size, 16, "");
        break;
    case 1:
        show("realloc of NULL", slot, realloc(NULL, size), size, 16, "");
        break;
    case 2:
        show("reallocarray", slot, reallocarray(NULL, size, 1), size, 16, "");
        break;
    case 3:
        alignment = random_alignment();
        block = NULL;
        error = posix_memalign(&block, alignment, size);
        if (error)
            printf("posix_memalign gives %d\n", error);
        show("posix_memalign", slot, error ? NULL : block, size, alignment, "");
        break;
    case 4:
        alignment = (size_t)1 << next_random() % 13;
        show("memalign", slot, memalign(alignment, size), size, alignment, "");
        break;
    case 5:
        alignment = (size_t)1 << next_random() % 13;
        show("aligned_alloc", slot, aligned_alloc(alignment, size), size, alignment, "");
        break;
    case 6:
        show("valloc", slot, valloc(size), size, 4096, "");
        break;
    case 7:
        show("pvalloc", slot, pvalloc(size), size, 4096, "");
        break;
    default:
        show("malloc", slot, malloc(size), size, 16, "");
        break;
    }
}

int main(int argc, char **argv)
{
    state = 88172645463325252u + (uint64_t)(argc > 1 ? atol(argv[1]) : 0);
    setvbuf(stdout, buffer, _IOFBF, sizeof(buffer));
    for (int i = 0; i < 100000; i++)
        one_call();
    return 0;
}
