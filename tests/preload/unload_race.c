/* unload_race.c - libraries that go while we look which ones have gone.
 *
 * usage: unload_race PLUGIN PLUGIN
 * A thread for each PLUGIN loads it, lets it allocate and unloads it, 5000 times.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#define ROUNDS 5000

static void *load_and_unload(void *path)
{
    for (int i = 0; i < ROUNDS; i++) {
        void *library = dlopen(path, RTLD_NOW);
        void (*leak)(int count, size_t size);

        if (!library)
            abort();
        *(void **)&leak = dlsym(library, "plugin_leak");
        leak(1, 8);
        dlclose(library);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    pthread_t threads[2];

    if (argc != 3)
        return 2;
    for (int i = 0; i < 2; i++)
        if (pthread_create(&threads[i], NULL, load_and_unload, argv[1 + i]) != 0)
            return 1;
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    puts("all gone");
    return 0;
}
