/* endings.c - keeps 9 blocks of 77 bytes and ends in the way that its argument says.
 *
 * Exit handlers, where they run, keep one block of 78 bytes. Where there is an
 * exit status, it is 5.
 */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

static void *volatile kept[10];

static void exit_handler(void)
{
    kept[9] = malloc(78);
}

static void *thread_that_exits(void *unused)
{
    exit(5);
    return unused;
}

static void *thread_that_outlives_main(void *main_thread)
{
    pthread_join(*(pthread_t *)main_thread, NULL);
    return NULL;
}

int main(int argc, char **argv)
{
    const char *way = argc > 1 ? argv[1] : "return";
    static pthread_t main_thread;
    const struct rlimit no_core = {0, 0};
    pthread_t thread;

    for (int i = 0; i < 9; i++)
        kept[i] = malloc(77);
    atexit(exit_handler);
    at_quick_exit(exit_handler);
    setrlimit(RLIMIT_CORE, &no_core);

    if (strcmp(way, "return") == 0)
        return 5;
    if (strcmp(way, "exit") == 0)
        exit(5);
    if (strcmp(way, "_exit") == 0)
        _exit(5);
    if (strcmp(way, "_Exit") == 0)
        _Exit(5);
    if (strcmp(way, "quick_exit") == 0)
        quick_exit(5);
    if (strcmp(way, "exit_group") == 0)
        syscall(SYS_exit_group, 5);
    if (strcmp(way, "abort") == 0)
        abort();
    if (strcmp(way, "kill") == 0)
        raise(SIGKILL);
    if (strcmp(way, "term") == 0)
        raise(SIGTERM);
    if (strcmp(way, "segv") == 0)
        raise(SIGSEGV);
    if (strcmp(way, "exit-in-thread") == 0) {
        pthread_create(&thread, NULL, thread_that_exits, NULL);
        pthread_join(thread, NULL);
    }
    if (strcmp(way, "main-thread-leaves") == 0) {
        /* The process ends with status 0 when its last thread does. */
        main_thread = pthread_self();
        pthread_create(&thread, NULL, thread_that_outlives_main, &main_thread);
        pthread_exit(NULL);
    }
    return 2;
}
