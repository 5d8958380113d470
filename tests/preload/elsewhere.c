/* elsewhere.c - allocates, goes elsewhere, prints a line, ends with status 3.
 *
 *     chroot   to a root directory without files
 *     user     to a user who may do nothing
 *
 * Ends with status 77 if it may not.
 */
#define NOBODY 65534

#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void *volatile kept;

int main(int argc, char **argv)
{
    char directory[] = "/tmp/elsewhere.XXXXXX";

    kept = malloc(100);
    if (argc > 1 && strcmp(argv[1], "chroot") == 0) {
        if (!mkdtemp(directory) || chdir(directory) != 0 || rmdir(directory) != 0 ||
            chroot(".") != 0)
            return 77;
    } else if (setgroups(0, NULL) != 0 || setgid(NOBODY) != 0 || setuid(NOBODY) != 0) {
        return 77;
    }
    kept = malloc(200);
    puts("hello");
    return 3;
}
