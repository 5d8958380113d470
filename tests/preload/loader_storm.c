/* loader_storm.c - everything that takes the loader's lock, with everything of ours.
 *
 * usage: loader_storm PLUGIN
 * Threads load and unload PLUGIN, allocate under dl_iterate_phdr, allocate, throw
 * away snapshots; meanwhile main forks 100 children, which allocate.
 */
#include "preload/heapdelta.h"

#include <link.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static atomic_bool stopping;
static const char *plugin;

static void breathe(void)
{
    const struct timespec breath = {0, 50000};

    nanosleep(&breath, NULL);
}

static void *load_and_unload(void *unused)
{
    while (!atomic_load(&stopping)) {
        void *library = dlopen(plugin, RTLD_NOW);

        if (!library || dlclose(library) != 0)
            abort();
        breathe();
    }
    return unused;
}

static int allocate_in_callback(struct dl_phdr_info *info, size_t size, void *unused)
{
    void *volatile block = malloc(size + info->dlpi_phnum);

    (void)unused;
    free(block);
    return 0;
}

static void *walk_modules(void *unused)
{
    while (!atomic_load(&stopping)) {
        dl_iterate_phdr(allocate_in_callback, NULL);
        breathe();
    }
    return unused;
}

static void *allocate(void *unused)
{
    while (!atomic_load(&stopping)) {
        for (size_t size = 1; size < 300; size++) {
            void *volatile block = malloc(size);

            free(realloc(block, size * 3));
        }
        breathe();
    }
    return unused;
}

static void *take_snapshots(void *unused)
{
    while (!atomic_load(&stopping)) {
        int result = heapdelta_take_snapshot_to("storm.hds", "storm");

        if (result != 0 && result != -ENOSYS)
            fprintf(stderr, "snapshot: %d\n", result);
        unlink("storm.hds");
        breathe();
    }
    return unused;
}

int main(int argc, char **argv)
{
    static void *(*const functions[])(void *) = {
        load_and_unload, load_and_unload, walk_modules, allocate, allocate, take_snapshots,
    };
    enum { COUNT = sizeof(functions) / sizeof(functions[0]) };
    pthread_t threads[COUNT];
    int good = 0;

    if (argc != 2)
        return 2;
    plugin = argv[1];
    for (int i = 0; i < COUNT; i++)
        if (pthread_create(&threads[i], NULL, functions[i], NULL) != 0)
            return 1;
    for (int i = 0; i < 100; i++) {
        int status;
        pid_t child = fork();

        if (child == 0) {
            alarm(20); /* a child that hangs dies */
            for (size_t size = 1; size < 100; size++)
                free(realloc(malloc(size), 2000));
            _exit(i);
        }
        if (waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == i)
            good++;
        breathe();
    }
    atomic_store(&stopping, true);
    for (int i = 0; i < COUNT; i++)
        pthread_join(threads[i], NULL);
    printf("%d good children\n", good);
    return 0;
}
