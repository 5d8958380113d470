/* namespaces.c - libraries that find another malloc than the program does: loaded with
 * RTLD_DEEPBIND, or by dlmopen.
 *
 * usage: namespaces PLUGIN
 * Prints what it and the library allocated and freed for each other. The first 100 of its own 300
 * blocks of 98 bytes are freed by the library, behind the shim's back, and their addresses come
 * back.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCKS 100

struct plugin {
    void *(*give)(size_t size);
    void (*take)(void *block);
};

static void *volatile kept[3 * BLOCKS];

static struct plugin find(void *library)
{
    struct plugin plugin;

    if (!library) {
        printf("%s\n", dlerror());
        exit(77);
    }
    *(void **)&plugin.give = dlsym(library, "plugin_give");
    *(void **)&plugin.take = dlsym(library, "plugin_take");
    return plugin;
}

static void keep(int from)
{
    for (int i = from; i < from + BLOCKS; i++)
        kept[i] = memset(malloc(98), i, 98);
}

int main(int argc, char **argv)
{
    struct plugin deep, other;
    int back = 0;

    if (argc < 2)
        return 2;
    deep = find(dlopen(argv[1], RTLD_NOW | RTLD_DEEPBIND));
    keep(0);
    for (int i = BLOCKS - 1; i >= 0; i--)
        deep.take(kept[i]);
    keep(BLOCKS);
    keep(2 * BLOCKS);
    for (int i = 0; i < BLOCKS; i++)
        for (int j = BLOCKS; j < 3 * BLOCKS; j++)
            back += kept[i] == kept[j];
    printf("addresses that came back: %d\n", back);
    for (int i = 0; i < 50; i++)
        free(deep.give(98)); /* the other way round */
    for (int i = 0; i < 7; i++)
        deep.give(99);

    other = find(dlmopen(LM_ID_NEWLM, argv[1], RTLD_NOW));
    for (int i = 0; i < 1000; i++)
        other.take(other.give((size_t)i));
    for (int i = 0; i < 7; i++)
        other.give(99);
    puts("done");
    return 5;
}
