/* load_rounds.c - several threads load and unload, while others allocate.
 *
 * usage: load_rounds ROUNDS PLUGIN...
 * A thread for each PLUGIN loads it, lets it keep a block of 24 bytes, and unloads it, ROUNDS times;
 * as many threads allocate all the while.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#define MOST 8

static int rounds;
static atomic_bool stopping;

static void *load_on(void *path)
{
    for (int i = 0; i < rounds; i++) {
        void *library = dlopen(path, RTLD_NOW);
        void (*leak)(int count, size_t size);

        if (!library)
            abort();
        *(void **)&leak = dlsym(library, "plugin_leak");
        leak(1, 24);
        if (dlclose(library) != 0)
            abort();
    }
    return NULL;
}

static void *allocate_on(void *unused)
{
    for (size_t i = 0; !atomic_load(&stopping); i++)
        free(realloc(malloc(i % 500), i % 9000 + 1));
    return unused;
}

int main(int argc, char **argv)
{
    pthread_t loaders[MOST], others[MOST];
    int count = argc - 2;

    if (count < 1 || count > MOST)
        return 2;
    rounds = atoi(argv[1]);
    for (int i = 0; i < count; i++)
        if (pthread_create(&others[i], NULL, allocate_on, NULL) != 0 ||
            pthread_create(&loaders[i], NULL, load_on, argv[2 + i]) != 0)
            return 1;
    for (int i = 0; i < count; i++)
        pthread_join(loaders[i], NULL);
    atomic_store(&stopping, true);
    for (int i = 0; i < count; i++)
        pthread_join(others[i], NULL);
    printf("%d\n", count * rounds);
    return 0;
}
