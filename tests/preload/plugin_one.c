/* plugin_one.c - a plug-in that leaks in leak_in_one(); as long as the other one. */
#include <stdlib.h>

void plugin_leak(int count, size_t size);

static void *volatile leaked;

static __attribute__((noinline)) void leak_in_one(size_t size)
{
    leaked = malloc(size);
}

void plugin_leak(int count, size_t size)
{
    for (int i = 0; i < count; i++)
        leak_in_one(size);
}
