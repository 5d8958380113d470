/* hello.c - allocates a little, prints a line, ends with status 3. */
#include <stdio.h>
#include <stdlib.h>

static void *volatile kept;

int main(void)
{
    for (size_t i = 1; i < 2000; i++) {
        kept = malloc(i);
        if (!kept)
            return 1;
        if (i % 2)
            free(kept);
    }
    puts("hello");
    return 3;
}
