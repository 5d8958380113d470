/* leak_ten_sites.c - leaks 573 blocks, 67410 bytes, at ten lines, and nothing else.
 *
 * Each leaking line is the twelfth call below main or below the start of the
 * second thread; each of them also allocates blocks that are freed. Prints
 * "LINE COUNT SIZE" for each leaking line.
 */
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOINLINE __attribute__((noinline, noclone))

static int line_of[10];
static void *volatile leaked; /* overwritten: the blocks are lost */

/* Remember the line of site N and allocate there by CALL. */
#define SITE(n, call)                   \
    static NOINLINE void *site_##n(void) \
    {                                   \
        void *block;                    \
        line_of[n] = __LINE__;          \
        block = call;                   \
        memset(block, 0x5a, 16);        \
        return block;                   \
    }

SITE(0, malloc(24))
SITE(1, malloc(40))
SITE(2, calloc(10, 10))
SITE(3, calloc(1, 64))
SITE(4, realloc(NULL, 72))
SITE(5, realloc(malloc(16), 120))
SITE(6, memalign(64, 256))
SITE(7, aligned_alloc(64, 192))
SITE(8, memalign(4096, 320))
SITE(9, reallocarray(realloc(malloc(5000), 6000), 1, 179))

struct site {
    void *(*allocate)(void);
    size_t size;
    int leaks; /* by both threads together */
};

static const struct site sites[10] = {
    {site_0, 24, 73}, {site_1, 40, 83},   {site_2, 100, 60}, {site_3, 64, 55},  {site_4, 72, 50},
    {site_5, 120, 75}, {site_6, 256, 40}, {site_7, 192, 40}, {site_8, 320, 35}, {site_9, 179, 62},
};

/* The calls between the thread's own function and the site: 2 to 11 are these,
 * 12 is the site. */
#define CALL(n, next)                                              \
    static NOINLINE void *call_##n(const struct site *site)        \
    {                                                              \
        void *block = next(site);                                  \
        __asm__ volatile("" : : "r"(block) : "memory"); /* no tail call */ \
        return block;                                              \
    }

static NOINLINE void *call_11(const struct site *site)
{
    void *block = site->allocate();

    __asm__ volatile("" : : "r"(block) : "memory");
    return block;
}
CALL(10, call_11)
CALL(9, call_10)
CALL(8, call_9)
CALL(7, call_8)
CALL(6, call_7)
CALL(5, call_6)
CALL(4, call_5)
CALL(3, call_4)
CALL(2, call_3)
CALL(1, call_2)

/* Leak what this thread has to, PART 0 or 1, and free as much again. */
static inline __attribute__((always_inline)) void leak_part(int part)
{
    for (int i = 0; i < 10; i++) {
        int count = part ? sites[i].leaks - sites[i].leaks / 2 : sites[i].leaks / 2;

        for (int k = 0; k < 2 * count; k++) {
            void *block = call_1(&sites[i]);

            if (k % 2)
                free(block);
            else
                leaked = block;
        }
    }
}

static void *second_thread(void *unused)
{
    leak_part(1);
    return unused;
}

int main(void)
{
    pthread_t thread;
    size_t blocks = 0;
    size_t bytes = 0;

    if (pthread_create(&thread, NULL, second_thread, NULL) != 0)
        return 1;
    leak_part(0);
    if (pthread_join(thread, NULL) != 0)
        return 1;

    for (int i = 0; i < 10; i++) {
        printf("%d %d %zu\n", line_of[i], sites[i].leaks, sites[i].leaks * sites[i].size);
        blocks += (size_t)sites[i].leaks;
        bytes += (size_t)sites[i].leaks * sites[i].size;
    }
    return blocks == 573 && bytes == 67410 ? 0 : 1;
}
