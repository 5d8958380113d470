/* allocator_edges.c - prints what the allocator does at its edges.
 *
 * Every line is a fact about glibc's allocator that must not change when it is
 * traced: which calls fail, with which errno, which leave errno alone.
 */
#include <errno.h>
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Hidden from the compiler, which would warn of sizes that cannot be. */
static volatile size_t huge = SIZE_MAX / 2;
static volatile size_t zero;
static void *volatile untouched = (void *)0x1234;

#define SHOW(call)                                                                 \
    do {                                                                           \
        errno = 4242;                                                              \
        void *result = call;                                                       \
        int error = errno;                                                         \
        printf("%s: %s, errno %d\n", #call, result ? "a block" : "NULL", error);   \
        errno = 4242;                                                              \
        free(result);                                                              \
        printf("free: errno %d\n", errno);                                         \
    } while (0)

#define SHOW_POSIX(alignment, size)                                                          \
    do {                                                                                     \
        void *block = untouched;                                                             \
        errno = 4242;                                                                        \
        int error = posix_memalign(&block, alignment, size);                                 \
        printf("posix_memalign %s %s: %d, errno %d, %s\n", #alignment, #size, error, errno,  \
               block == untouched ? "untouched" : block ? "a block" : "NULL");               \
        if (block != untouched)                                                              \
            free(block);                                                                     \
    } while (0)

/* realloc of a block that is too large fails and leaves it as it was. */
static void failed_realloc(void)
{
    char *block = malloc(50);
    void *result;

    memset(block, 'x', 50);
    errno = 4242;
    result = realloc(block, huge);
    printf("realloc to huge: %p, errno %d, content %s\n", result, errno,
           memcmp(block, "xxxxxxxxxx", 10) == 0 ? "kept" : "lost");
    errno = 4242;
    result = reallocarray(block, huge, huge);
    printf("reallocarray overflow: %p, errno %d\n", result, errno);
    errno = 4242;
    result = realloc(block, zero);
    printf("realloc to 0: %p, errno %d\n", result, errno);
}

/* Sizes around the limit from which blocks are mapped on their own. */
static void mapped_sizes(void)
{
    for (size_t size = 120000; size < 300000; size += 12345) {
        unsigned char *block = malloc(size);
        unsigned char *grown;

        memset(block, 7, size);
        errno = 4242;
        grown = realloc(block, size * 3);
        printf("%zu: usable %zu, errno %d, content %s\n", size * 3, malloc_usable_size(grown), errno,
               grown[0] == 7 && grown[size - 1] == 7 ? "kept" : "lost");
        errno = 4242;
        free(grown);
        printf("freed, errno %d\n", errno);
    }
}

/* free of a mapped block at the limit of mappings, where munmap would set errno. */
static void mallopt_and_friends(void)
{
    errno = 4242;
    printf("mallopt: %d, errno %d\n", mallopt(M_MMAP_THRESHOLD, 65536), errno);
    errno = 4242;
    free(malloc(70000));
    printf("mapped and freed: errno %d\n", errno);
    printf("malloc_usable_size(NULL): %zu\n", malloc_usable_size(NULL));
    malloc_trim(0);
}

int main(void)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);

    SHOW(malloc(zero));
    SHOW(malloc(1));
    SHOW(malloc(huge));
    SHOW(malloc(SIZE_MAX - zero));
    SHOW(calloc(zero, zero));
    SHOW(calloc(zero, 5));
    SHOW(calloc(huge, 4));
    SHOW(calloc(huge, huge));
    SHOW(calloc(10, 10));
    SHOW(realloc(NULL, zero));
    SHOW(realloc(NULL, 10));
    SHOW(realloc(NULL, huge));
    SHOW(reallocarray(NULL, zero, 10));
    SHOW(reallocarray(NULL, 10, 10));
    SHOW(reallocarray(NULL, huge, 3));
    SHOW(memalign(16, 100));
    SHOW(memalign(48, 100)); /* rounded up by glibc */
    SHOW(memalign(zero, 100));
    SHOW(memalign(huge + 1, 100));
    SHOW(memalign(64, huge));
    SHOW(aligned_alloc(64, 100));
    SHOW(aligned_alloc(48, 100));
    SHOW(aligned_alloc(64, zero));
    SHOW(aligned_alloc(64, huge));
    SHOW(valloc(10));
    SHOW(valloc(zero));
    SHOW(valloc(huge));
    SHOW(pvalloc(10));
    SHOW(pvalloc(zero));
    SHOW(pvalloc(SIZE_MAX - 10 + zero));
    SHOW(strdup("a string"));
    SHOW(NULL); /* free(NULL) */
    SHOW_POSIX(64, 100);
    SHOW_POSIX(64, zero);
    SHOW_POSIX(zero, 100);
    SHOW_POSIX(4, 100);
    SHOW_POSIX(24, 100);
    SHOW_POSIX(48, 100);
    SHOW_POSIX(page, 100);
    SHOW_POSIX(64, huge);
    failed_realloc();
    mapped_sizes();
    mallopt_and_friends();
    return 0;
}
