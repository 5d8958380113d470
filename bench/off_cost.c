/* off_cost.c - what a pair of malloc and free costs, in ns of CPU time.
 *
 *   off_cost [PAIRS]
 *
 * Nothing happens between the two, so what a forwarding hook adds is not hidden by
 * anything. off_cost.py makes the comparison.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define BATCHES 20

static double cpu_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static int compare(const void *a, const void *b)
{
    const double *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

int main(int argc, char **argv)
{
    unsigned long pairs = argc > 1 ? strtoul(argv[1], NULL, 10) : 20000000;
    unsigned long each = pairs / BATCHES;
    double batches[BATCHES];

    if (each == 0) {
        fputs("usage: off_cost [PAIRS]\n", stderr);
        return 2;
    }
    for (size_t i = 0; i < BATCHES; i++) {
        double begin = cpu_ns();

        for (unsigned long j = 0; j < each; j++) {
            void *block = malloc(64);

            __asm__ volatile("" : "+r"(block) : : "memory"); /* or both calls are dropped */
            free(block);
        }
        batches[i] = (cpu_ns() - begin) / (double)each;
    }
    qsort(batches, BATCHES, sizeof(*batches), compare);
    printf("%.3f\n", batches[BATCHES / 2]);
    return 0;
}
