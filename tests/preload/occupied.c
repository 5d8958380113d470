/* occupied.c - a program that is at something when it is asked for a snapshot.
 *
 *     occupied WHAT
 *
 * It holds 1000 blocks of 100 bytes, prints "ready", and is at it until it is killed;
 * where it reads its input it allocates and frees a block with each line, and ends with
 * the input.
 */
#include "preload/heapdelta.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#define BLOCKS  1000
#define SIZE    100
#define THREADS 200

static char *volatile blocks[BLOCKS];
static char *const *arguments;

static __attribute__((noinline)) void hold_blocks(void)
{
    for (int i = 0; i < BLOCKS; i++)
        blocks[i] = malloc(SIZE);
}

static void ready(void)
{
    if (write(1, "ready\n", 6) != 6)
        _exit(9);
}

static void allocate(void)
{
    char *volatile block = malloc(10);

    free(block);
}

static void read_lines(void)
{
    char line;

    ready();
    for (;;) {
        ssize_t size = read(0, &line, 1);

        if (size == 0)
            exit(0);
        if (size < 0)
            _exit(8); /* a read goes on after a signal */
        if (line == '\n')
            allocate();
    }
}

static void block_signals(void)
{
    sigset_t all;

    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, NULL);
}

static void read_lines_blocked(void)
{
    block_signals();
    read_lines();
}

/* Waits for every signal, and while it does the kernel says that it blocks none. */
static void *wait_for_signals(void *unused)
{
    sigset_t all;
    int number;

    sigfillset(&all);
    (void)unused;
    sigwait(&all, &number);
    _exit(6); /* one was sent */
}

static void read_lines_beside_sigwait(void)
{
    pthread_t thread;

    block_signals();
    if (pthread_create(&thread, NULL, wait_for_signals, NULL) != 0)
        _exit(7);
    read_lines();
}

static void read_lines_marked(void)
{
    heapdelta_mark("own");
    read_lines();
}

static void wait_epoll(void)
{
    int queue = epoll_create1(0);
    struct epoll_event event;

    ready();
    for (;;) {
        if (epoll_wait(queue, &event, 1, -1) >= 0 || errno != EINTR)
            _exit(8);
    }
}

static void sleep_long(void)
{
    struct timespec rest = {.tv_sec = 100000};

    ready();
    while (nanosleep(&rest, &rest) < 0) {
        if (errno != EINTR)
            _exit(8);
    }
}

static void wait_futex(void)
{
    pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

    pthread_mutex_lock(&mutex);
    ready();
    pthread_mutex_lock(&mutex);
    _exit(8);
}

static void spin(void)
{
    volatile unsigned long turns = 0;

    ready();
    for (;;)
        turns++;
}

static void *allocate_forever(void *unused)
{
    for (;;) {
        char *volatile block = malloc(1000);

        block = realloc(block, 100000);
        free(block);
    }
    return unused;
}

static void start(void *(*run)(void *))
{
    pthread_t thread;

    if (pthread_create(&thread, NULL, run, NULL) != 0)
        _exit(9);
}

static void be_in_malloc(void)
{
    start(allocate_forever);
    ready();
    allocate_forever(NULL);
}

static void *pause_forever(void *block)
{
    if (block)
        block_signals();
    for (;;)
        pause();
    return NULL;
}

static void have_threads(void)
{
    for (int i = 0; i < THREADS; i++)
        start(pause_forever);
    read_lines();
}

static void have_threads_blocked(void)
{
    block_signals(); /* threads begin with this mask */
    for (int i = 0; i < THREADS; i++)
        start(pause_forever);
    read_lines();
}

/* Becomes itself again and again; the input says when to end. */
static void execute(void)
{
    static char again[] = "execute_again";
    char *const argv[] = {arguments[0], again, NULL};

    if (strcmp(arguments[1], again) != 0)
        ready();
    allocate();
    execv(argv[0], argv);
    _exit(9);
}

/* Becomes a program that reads lines, with the first line. */
static void become_reader(void)
{
    static char read_lines_argument[] = "read";
    char *const argv[] = {arguments[0], read_lines_argument, NULL};
    char line;

    ready();
    if (read(0, &line, 1) == 1)
        execv(argv[0], argv);
    _exit(9);
}

static const struct {
    const char *name;
    void (*run)(void);
} all[] = {
    {"read", read_lines},
    {"read_blocked", read_lines_blocked},
    {"read_beside_sigwait", read_lines_beside_sigwait},
    {"read_marked", read_lines_marked},
    {"epoll", wait_epoll},
    {"sleep", sleep_long},
    {"futex", wait_futex},
    {"spin", spin},
    {"malloc", be_in_malloc},
    {"threads", have_threads},
    {"threads_blocked", have_threads_blocked},
    {"become_reader", become_reader},
    {"execute", execute},
    {"execute_again", execute},
};

int main(int argc, char **argv)
{
    arguments = argv;
    hold_blocks();
    for (size_t i = 0; argc == 2 && i < sizeof(all) / sizeof(all[0]); i++) {
        if (strcmp(all[i].name, argv[1]) == 0)
            all[i].run();
    }
    return 2;
}
