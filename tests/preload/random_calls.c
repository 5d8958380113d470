/* random_calls.c - random allocator calls, and what came of each.
 *
 * usage: random_calls [SEED [CALLS [digest]]]    0 and 100000 calls
 *
 * A line each, or with "digest" one for every 10000, which tells them all. NULL or not, errno,
 * usable size, alignment as asked, whether the content was kept. The shim must not use the
 * program's allocator, so the heap is laid out alike, and all lines are the same with it and
 * without. (No alignment exceeds a page, so where the heap begins does not matter.)
 */
#include <errno.h>
#include <malloc.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS 512

static unsigned char *blocks[SLOTS];
static size_t sizes[SLOTS]; /* bytes that were written */
static uint64_t state;
static char buffer[1 << 16]; /* stdout's, so that it is no allocation among ours */

static bool digests;
static uint64_t digest = 14695981039346656037u; /* FNV-1a of all that was said */

/* printf, or into the digest. errno is lost. */
static __attribute__((format(printf, 1, 2))) void say(const char *format, ...)
{
    char line[200];
    va_list rest;
    int length;

    va_start(rest, format);
    length = vsnprintf(line, sizeof(line), format, rest);
    va_end(rest);
    for (int i = 0; i < length; i++)
        digest = (digest ^ (unsigned char)line[i]) * 1099511628211u;
    if (!digests)
        fputs(line, stdout);
}

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
        say("%s %zu: NULL, errno %d\n", name, size, error);
        return;
    }
    say("%s %zu: usable %zu, %s, errno %d, %s\n", name, size, malloc_usable_size(block),
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
                say("realloc %zu: NULL, errno %d, %s\n", size, errno, kept(slot, SIZE_MAX));
                return;
            }
            error = errno;
            blocks[slot] = block;
            const char *content = block ? kept(slot, size) : "gone";
            errno = error;
            show("realloc", slot, block, size, 16, content);
        } else {
            say("free: %s", kept(slot, SIZE_MAX));
            errno = 4242;
            free(blocks[slot]);
            say(", errno %d\n", errno);
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
                    say("calloc: not zero\n");
            errno = error;
        }
        show("calloc", slot, block, size, 16, "");
        break;
    case 1:
        show("realloc of NULL", slot, realloc(NULL, size), size, 16, "");
        break;
    case 2:
        alignment = next_random() % 8 == 0 ? SIZE_MAX / 3 : 1; /* mostly too many */
        show("reallocarray", slot, reallocarray(NULL, size, alignment), size * alignment, 16, "");
        break;
    case 3:
        alignment = random_alignment();
        block = blocks; /* what it must leave alone on failure */
        error = posix_memalign(&block, alignment, size);
        if (error)
            say("posix_memalign gives %d, %s\n", error, block == blocks ? "untouched" : "touched");
        show("posix_memalign", slot, error ? NULL : block, size, alignment, "");
        break;
    case 4:
        alignment = random_alignment(); /* memalign takes any, and rounds it up */
        block = memalign(alignment, size);
        while (alignment & (alignment - 1))
            alignment += alignment & -alignment;
        show("memalign", slot, block, size, alignment, "");
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
    long calls = argc > 2 ? atol(argv[2]) : 100000;

    state = 88172645463325252u + (uint64_t)(argc > 1 ? atol(argv[1]) : 0);
    setvbuf(stdout, buffer, _IOFBF, sizeof(buffer));
    digests = argc > 3;
    for (long i = 1; i <= calls; i++) {
        one_call();
        if (digests && i % 10000 == 0)
            printf("%016llx\n", (unsigned long long)digest);
    }
    return 0;
}
