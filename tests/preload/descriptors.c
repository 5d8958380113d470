/* descriptors.c - writes into FILE which descriptors the program has and gets.
 *
 * usage: descriptors FILE [close | exhaust]
 * With "close" it closes all of them at first, with "exhaust" it uses them up. Takes
 * a snapshot in between.
 */
#include "preload/heapdelta.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Bit N is set if descriptor N below 60 is open. */
static unsigned long open_descriptors(void)
{
    unsigned long open_ones = 0;

    for (int i = 0; i < 60; i++)
        if (fcntl(i, F_GETFD) >= 0)
            open_ones |= 1ul << i;
    return open_ones;
}

int main(int argc, char **argv)
{
    char text[200];
    unsigned long before = open_descriptors();
    unsigned long after;
    int first, second, size, result;

    if (argc < 2)
        return 2;
    if (argc > 2 && strcmp(argv[2], "close") == 0)
        closefrom(0);
    first = open("/dev/null", O_RDONLY);
    if (argc > 2 && strcmp(argv[2], "exhaust") == 0) {
        while (open("/dev/null", O_RDONLY) >= 0)
            continue;
        result = heapdelta_take_snapshot("none");
        if (result != 0 && result != -EMFILE && result != -ENOSYS)
            return 4;
        close(first);
    }
    free(malloc(1000));
    result = heapdelta_take_snapshot("descriptors");
    second = open(argv[1], O_WRONLY | O_CREAT | O_TRUNC, 0600);
    after = open_descriptors();
    size = snprintf(text, sizeof(text), "before %lx, first %d, second %d, after %lx\n", before, first,
                    second, after);
    if (write(second, text, (size_t)size) != size)
        return 1;
    return result == 0 || result == -ENOSYS ? 0 : 3;
}
