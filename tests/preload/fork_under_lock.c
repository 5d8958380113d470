/* fork_under_lock.c - a fork that waits for a thread that allocates.
 *
 * fflush(NULL) holds the lock of libc's list of streams while it calls the function that
 * writes a stream of the program's own; fork() takes that lock, too. The function
 * allocates when it sees main wait for it.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static atomic_bool locked;

/* Whether main sleeps on a futex now. */
static bool main_waits(void)
{
    char path[64], call[16] = "";
    int file;

    snprintf(path, sizeof(path), "/proc/self/task/%d/syscall", getpid());
    file = open(path, O_RDONLY);
    if (file < 0 || read(file, call, sizeof(call) - 1) < 0)
        abort();
    close(file);
    return strtol(call, NULL, 10) == SYS_futex;
}

static ssize_t write_nothing(void *unused, const char *data, size_t size)
{
    void *volatile block;

    (void)unused;
    (void)data;
    atomic_store(&locked, true);
    while (!main_waits())
        continue;
    block = malloc(100);
    free(block);
    return (ssize_t)size;
}

static void *flush(void *unused)
{
    fflush(NULL);
    return unused;
}

int main(void)
{
    FILE *stream = fopencookie(NULL, "w", (cookie_io_functions_t){.write = write_nothing});
    pthread_t thread;
    pid_t child;

    alarm(20); /* if it hangs */
    fputs("text", stream);
    if (pthread_create(&thread, NULL, flush, NULL) != 0)
        return 1;
    while (!atomic_load(&locked))
        continue;
    child = fork();
    if (child == 0)
        _exit(0);
    waitpid(child, NULL, 0);
    pthread_join(thread, NULL);
    puts("forked");
    return 0;
}
