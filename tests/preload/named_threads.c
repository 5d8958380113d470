/* named_threads.c - threads that do the same under different names; says what each holds.
 *
 * A line per thread: tid, bytes, blocks, name. All allocate by the same calls, so that only the
 * thread tells their blocks apart. Some have ended at exit, one has not; one takes its name after
 * its last allocation; one comes after another has ended and may have its state. With an argument
 * the main thread of a child of fork does the same, and only the child says so.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define THREADS 12
#define SIZE 1000

struct work {
    const char *name;
    int blocks;
    int late;  /* takes its name last */
    int stays; /* does not end */
    pid_t tid;
    pthread_barrier_t *done;
};

static void *volatile kept[THREADS + 2][64];

/* The blocks of work NUMBER; some move to another size and back, some are freed. */
static __attribute__((noinline)) void allocate(int number, int count)
{
    for (int i = 0; i < count; i++) {
        kept[number][i] = malloc(SIZE + 500);
        kept[number][i] = realloc(kept[number][i], SIZE);
        free(malloc(77));
    }
}

static struct work works[THREADS];

static void *run(void *argument)
{
    struct work *work = argument;

    work->tid = gettid();
    if (!work->late)
        pthread_setname_np(pthread_self(), work->name);
    allocate((int)(work - works), work->blocks);
    if (work->late)
        pthread_setname_np(pthread_self(), work->name);
    if (work->stays) {
        pthread_barrier_wait(work->done);
        for (;;)
            pause();
    }
    return NULL;
}

static void say(pid_t tid, int blocks, const char *name)
{
    printf("%d %d %d %s\n", (int)tid, blocks * SIZE, blocks, name);
}

int main(int argc, char **argv)
{
    static char names[THREADS][32];
    pthread_barrier_t done;
    pthread_t threads[THREADS];

    (void)argv;
    setvbuf(stdout, NULL, _IONBF, 0);
    allocate(THREADS, 3);
    if (argc > 1) {
        pid_t child = fork();

        if (child == 0) {
            allocate(THREADS + 1, 5);
            say(getppid(), 3, "named_threads");
            say(getpid(), 5, "named_threads");
            exit(0);
        }
        waitpid(child, NULL, 0);
        _exit(0);
    }
    pthread_barrier_init(&done, NULL, 2);
    for (int i = 0; i < THREADS; i++) {
        snprintf(names[i], sizeof(names[i]), i == 3 ? "odd \"(4)\" näm" : "worker %d", i);
        works[i] = (struct work){.name = names[i],
                                 .blocks = i + 1,
                                 .late = i == 5,
                                 .stays = i == 7,
                                 .done = &done};
        pthread_create(&threads[i], NULL, run, &works[i]);
        if (i % 3 == 0) /* the others run beside each other */
            pthread_join(threads[i], NULL);
    }
    for (int i = 0; i < THREADS; i++) {
        if (i % 3 != 0 && !works[i].stays)
            pthread_join(threads[i], NULL);
    }
    pthread_barrier_wait(&done);
    say(getpid(), 3, "named_threads");
    for (int i = 0; i < THREADS; i++)
        say(works[i].tid, works[i].blocks, works[i].name);
    return 0;
}
