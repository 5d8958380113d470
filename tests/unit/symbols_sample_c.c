/* A program for test_symbols: a function, one inlined into it, one into that. Every
 * function is called sample_… */

#include <stdlib.h>

int main(int argc, char **argv);

static inline __attribute__((always_inline)) void *sample_innermost(size_t size)
{
    char *block = malloc(size + 1);

    if (block)
        block[size] = 0;
    return block;
}

static inline __attribute__((always_inline)) void *sample_inner(size_t size)
{
    void *first = sample_innermost(size);

    if (size > 100)
        free(sample_innermost(size / 2));
    return first;
}

static __attribute__((noinline)) void *sample_outer(int count)
{
    void *last = NULL;

    for (int i = 0; i < count; i++) {
        free(last);
        last = sample_inner((size_t)i);
    }
    return last;
}

int main(int argc, char **argv)
{
    void *block = sample_outer(argc + 100);

    free(block);
    return argv[0] == NULL;
}
