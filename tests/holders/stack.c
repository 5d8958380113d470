/* stack.c - blocks that only the frame of a function holds, of a thread that waits. */
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <unistd.h>

struct job {
    int number;
    char *input;
    char **lines;
};

static sem_t ready, never;

__attribute__((noinline)) static char *read_input(void)
{
    return malloc(1000);
}

__attribute__((noinline)) static char *read_line(void)
{
    return malloc(80);
}

__attribute__((noinline)) static void work(struct job *job)
{
    sem_post(&ready);
    while (sem_wait(&never) != 0)
        ;
    free(job->input);
}

__attribute__((noinline)) static void handle(void)
{
    struct job job = {.number = 1, .input = read_input()};

    job.lines = calloc(10, sizeof(*job.lines));
    for (int i = 0; i < 10; i++)
        job.lines[i] = read_line();
    work(&job);
    free(job.lines);
}

static void *run(void *unused)
{
    pthread_setname_np(pthread_self(), "worker");
    handle();
    return unused;
}

int main(void)
{
    pthread_t thread;

    sem_init(&ready, 0, 0);
    sem_init(&never, 0, 0);
    if (pthread_create(&thread, NULL, run, NULL) != 0)
        return 1;
    while (sem_wait(&ready) != 0)
        ;
    _exit(0);
}
