/* plugin_host.c - loads plug-ins that leak, and unloads them.
 *
 * usage: plugin_host leak PLUGIN            load, leak 5 blocks of 111 bytes, unload
 *        plugin_host same-address ONE TWO   ONE leaks a block of 111 bytes, then TWO one of
 *                                           222, until TWO was where ONE had been 10 times;
 *                                           prints the rounds. Status 77 if the loader does
 *                                           not do it within 200
 *        plugin_host rounds N ONE TWO       N times load, leak a block of 16 bytes, unload;
 *                                           ONE and TWO take turns
 * Takes a snapshot labelled "unloaded" at the end, nothing else is leaked here.
 */
#include "preload/heapdelta.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Load PATH, let it leak COUNT blocks of SIZE bytes, unload it. Returns where
 * its code was, 0 on failure. */
static unsigned long load_and_leak(const char *path, int count, size_t size)
{
    void *library = dlopen(path, RTLD_NOW);
    void (*leak)(int, size_t);
    unsigned long address;

    if (!library) {
        fprintf(stderr, "%s\n", dlerror());
        return 0;
    }
    *(void **)&leak = dlsym(library, "plugin_leak");
    if (!leak)
        return 0;
    leak(count, size);
    address = (unsigned long)leak;
    if (dlclose(library) != 0 || dlopen(path, RTLD_NOW | RTLD_NOLOAD) != NULL) {
        fprintf(stderr, "%s is still loaded\n", path);
        return 0;
    }
    return address;
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "leak") == 0) {
        if (!load_and_leak(argv[2], 5, 111))
            return 1;
    } else if (argc == 4 && strcmp(argv[1], "same-address") == 0) {
        int rounds = 0;

        for (int same = 0; same < 10; rounds++) {
            unsigned long one = load_and_leak(argv[2], 1, 111);
            unsigned long two = load_and_leak(argv[3], 1, 222);

            if (!one || !two)
                return 1;
            if (one == two)
                same++;
            if (rounds == 200)
                return 77;
        }
        printf("%d\n", rounds);
    } else if (argc == 5 && strcmp(argv[1], "rounds") == 0) {
        for (int i = 0; i < atoi(argv[2]); i++)
            if (!load_and_leak(argv[3 + i % 2], 1, 16))
                return 1;
    } else {
        return 2;
    }
    if (heapdelta_take_snapshot("unloaded") != 0)
        return heapdelta_is_tracing();
    return 0;
}
