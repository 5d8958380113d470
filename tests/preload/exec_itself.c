/* exec_itself.c - becomes itself N times; image I keeps I+1 blocks of 91 bytes.
 *
 * usage: exec_itself N
 * Takes a snapshot labelled "image" in each.
 */
#include "preload/heapdelta.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void *volatile kept;

int main(int argc, char **argv)
{
    int left = argc > 1 ? atoi(argv[1]) : 0;
    int image = argc > 2 ? atoi(argv[2]) : 0;
    char left_text[20];
    char image_text[20];
    int result;

    for (int i = 0; i <= image; i++)
        kept = malloc(91);
    result = heapdelta_take_snapshot("image");
    if (result != 0 && result != -ENOSYS)
        return 3;
    if (left == 0)
        return 12;
    snprintf(left_text, sizeof(left_text), "%d", left - 1);
    snprintf(image_text, sizeof(image_text), "%d", image + 1);
    execl("/proc/self/exe", argv[0], left_text, image_text, (char *)NULL);
    return 1;
}
