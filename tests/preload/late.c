/* late.c - does everything once more after the end: in an exit handler that was there before
 * heapdelta's, so that it runs after the snapshot at exit. What happens is printed.
 *
 * usage: late PLUGIN
 */
#include "preload/heapdelta.h"

#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Exported by glibc, declared in no header. Of no library, so no destructor calls it before. */
int __cxa_atexit(void (*function)(void *), void *argument, void *object);

static const char *plugin;
static void *volatile kept[10];

static void *thread_main(void *block)
{
    free(block);
    return malloc(500);
}

static void load(void)
{
    void *library = dlopen(plugin, RTLD_NOW);

    printf("loaded: %d", library != NULL);
    printf(", unloaded: %d\n", library ? dlclose(library) : -1);
}

static void other_thread(void)
{
    pthread_t thread;
    void *block = NULL;

    if (pthread_create(&thread, NULL, thread_main, malloc(200)) == 0)
        pthread_join(thread, &block);
    printf("thread: %d\n", block != NULL);
    free(block);
}

static void children(void)
{
    int status = -1;

    fflush(stdout);
    if (fork() == 0) {
        free(kept[0]);
        exit(malloc(100) ? 3 : 4);
    }
    wait(&status);
    printf("child: %d\n", WEXITSTATUS(status));
    printf("system: %d\n", system("exit 7") / 256);
}

static void after_the_end(void *unused)
{
    void *block = calloc(3, 1000);
    size_t now, peak;

    (void)unused;
    block = realloc(block, 100000);
    printf("block: %d", block != NULL);
    free(block);
    free(memalign(64, 100));
    for (int i = 0; i < 10; i++)
        free(kept[i]); /* allocated before the end */
    memset((void *)kept, 0, sizeof(kept));
    printf(", signal: %d\n", signal(SIGTERM, SIG_DFL) == SIG_DFL);
    load();
    other_thread();
    children();
    now = peak = 0;
    heapdelta_get_traced_memory(&now, &peak);
    printf("tracing: %d, snapshot: %d, traced: %zu\n", heapdelta_is_tracing(),
           heapdelta_take_snapshot("late") == 0, now + peak);
    fflush(stdout);
    malloc_trim(0);
    _exit(6);
}

static void before_all(int argc, char **argv, char **environment)
{
    (void)environment;
    if (argc > 1)
        plugin = argv[1];
    __cxa_atexit(after_the_end, NULL, NULL);
}

__attribute__((section(".preinit_array"), used)) static void (*const preinit)(int, char **,
                                                                              char **) = before_all;

int main(void)
{
    for (int i = 0; i < 10; i++)
        kept[i] = malloc(97);
    return 5;
}
