/* deadly_signals.c - gets INT, TERM or HUP in the situation that its argument says.
 *
 *   deadly_signals SIGNAL SITUATION [MICROSECONDS]
 *
 * It keeps 5 blocks of 71 bytes. What it prints is the same on each run.
 */
#include "preload/heapdelta.h"

#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

static int number;
static long delay;
static void *volatile kept[5];
static volatile sig_atomic_t seen;

static void on_signal(int caught)
{
    seen = caught;
}

/* ---- how it comes ----------------------------------------------------------------- */

static void send_now(void)
{
    kill(getpid(), number);
}

static pid_t main_thread;

/* Wait until the main thread sleeps in the kernel, then send. */
static void *send_when_asleep(void *unused)
{
    char path[64], text[200], state = 'R';

    snprintf(path, sizeof path, "/proc/self/task/%d/stat", (int)main_thread);
    while (state != 'S') {
        int file = open(path, O_RDONLY);
        ssize_t size = read(file, text, sizeof text - 1);

        close(file);
        if (size <= 0)
            abort();
        text[size] = '\0';
        state = strrchr(text, ')')[2];
    }
    send_now();
    return unused;
}

static void start(void *(*run)(void *))
{
    pthread_t thread;

    main_thread = getpid();
    if (pthread_create(&thread, NULL, run, NULL) != 0)
        abort();
}

/* The kernel sends it after DELAY. */
static void send_soon(void)
{
    struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = number };
    struct itimerspec time = { .it_value = { 0, delay * 1000 + 1 } };
    timer_t timer;

    if (timer_create(CLOCK_MONOTONIC, &event, &timer) != 0 ||
        timer_settime(timer, 0, &time, NULL) != 0)
        abort();
}

/* ---- where it comes --------------------------------------------------------------- */

static void do_default(void)
{
    send_now();
}

static void do_handler(void)
{
    signal(number, on_signal);
    send_now();
    printf("handled %d\n", (int)seen);
}

static void do_ignored(void)
{
    signal(number, SIG_IGN);
    send_now();
    puts("ignored");
}

static void do_reset(void)
{
    struct sigaction action = { .sa_handler = on_signal }, before;

    sigaction(number, &action, &before);
    printf("default before: %d\n", before.sa_handler == SIG_DFL);
    printf("ours before: %d\n", signal(number, SIG_DFL) == on_signal);
    fflush(stdout);
    send_now();
}

/* SA_RESETHAND: the second one kills. */
static void do_once(void)
{
    struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESETHAND };

    sigaction(number, &action, NULL);
    send_now();
    printf("handled %d\n", (int)seen);
    fflush(stdout);
    send_now();
}

/* Every signal's disposition, by each way to ask, also into the struct that is set from. */
static void do_query(void)
{
    for (int i = 1; i <= SIGRTMAX; i++) {
        struct sigaction action, same, *volatile also = &same;
        int result = sigaction(i, NULL, &action);

        if (result != 0)
            continue;
        printf("%d: %d %lx", i, action.sa_handler == SIG_DFL, (unsigned long)action.sa_flags);
        if (i == SIGKILL || i == SIGSTOP) {
            puts("");
            continue;
        }
        printf(" %d", signal(i, SIG_IGN) == SIG_DFL);
        printf(" %d", signal(i, SIG_DFL) == SIG_IGN);
        memset(&same, 0, sizeof same);
        same.sa_handler = on_signal;
        sigaction(i, also, also);
        printf(" %d", same.sa_handler == SIG_DFL);
        sigaction(i, also, also);
        printf(" %d", same.sa_handler == on_signal);
        sigaction(i, NULL, &action);
        printf(" %d\n", action.sa_handler == SIG_DFL);
    }
    fflush(stdout);
    send_now();
}

static void do_read(void)
{
    int ends[2];
    char byte;

    if (pipe(ends) == 0)
        start(send_when_asleep);
    printf("read %zd\n", read(ends[0], &byte, 1));
}

static void do_futex(void)
{
    sem_t never;

    sem_init(&never, 0, 0);
    start(send_when_asleep);
    printf("sem_wait %d\n", sem_wait(&never));
}

static void do_epoll(void)
{
    struct epoll_event event;
    int epoll = epoll_create1(0);

    start(send_when_asleep);
    printf("epoll_wait %d\n", epoll_wait(epoll, &event, 1, -1));
}

static void do_pause(void)
{
    start(send_when_asleep);
    printf("pause %d\n", pause());
}

static void do_small_stack(void)
{
    static char memory[8192];
    stack_t stack = { .ss_sp = memory, .ss_size = sizeof memory };

    sigaltstack(&stack, NULL);
    do_pause();
}

/* Taken by sigwait, by signalfd. */
static void do_sigwait(void)
{
    struct signalfd_siginfo info = { 0 };
    sigset_t set;
    int got = 0, file;

    sigemptyset(&set);
    sigaddset(&set, number);
    sigprocmask(SIG_BLOCK, &set, NULL);
    send_now();
    sigwait(&set, &got);
    printf("sigwait %d\n", got);
    file = signalfd(-1, &set, 0);
    send_now();
    printf("signalfd %d", read(file, &info, sizeof info) == (ssize_t)sizeof info);
    printf(" %d\n", (int)info.ssi_signo);
    fflush(stdout);
    send_now();
    sigprocmask(SIG_UNBLOCK, &set, NULL);
}

static void do_malloc(void)
{
    unsigned size = 0;

    for (send_soon();; size++) {
        void *block = malloc(100 + size % 1000); /* not 71 */

        free(realloc(block, 100 + size % 1500));
    }
}

static void *malloc_on(void *unused)
{
    do_malloc();
    return unused;
}

static void do_threads(void)
{
    for (int i = 0; i < 8; i++)
        start(malloc_on);
    do_malloc();
}

/* Threads that come and go all the time. */
static void *come_and_go(void *unused)
{
    free(malloc(1000));
    return unused;
}

static void do_arrivals(void)
{
    for (send_soon();;) {
        pthread_t threads[4];

        for (int i = 0; i < 4; i++)
            if (pthread_create(&threads[i], NULL, come_and_go, NULL) != 0)
                abort();
        for (int i = 0; i < 4; i++)
            pthread_join(threads[i], NULL);
    }
}

/* Within the API, after which the program does nothing more. */
static void do_api(void)
{
    send_soon();
    for (int i = 0; i < 300; i++) {
        heapdelta_mark("");
        heapdelta_reset_peak();
    }
    for (;;)
        pause(); /* it may be before the signal, or after a handler that put it off */
}

/* By and by while it ends. */
static void do_end(void)
{
    send_soon();
}

/* Many at once, to different threads, while the last snapshot is written. */
static void *send_many(void *unused)
{
    for (int i = 0; i < 1000; i++)
        send_now();
    return unused;
}

static void do_many(void)
{
    for (int i = 0; i < 200000; i++)
        *(void **)malloc(16) = NULL;
    for (int i = 0; i < 4; i++)
        start(send_many);
    pause();
}

/* The process that the main thread has made, 0: none yet. */
static pid_t find_writer(void)
{
    char path[80], text[32] = "";
    int file;

    snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)main_thread);
    file = open(path, O_RDONLY);
    if (file < 0)
        _exit(77);
    if (read(file, text, sizeof text - 1) < 0)
        abort();
    close(file);
    return atoi(text);
}

/* Stop who writes the last snapshot, say who it is, and send: to the main thread alone. */
static void *send_while_written(void *unused)
{
    sigset_t all;
    pid_t writer;

    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, NULL);
    while ((writer = find_writer()) == 0)
        ;
    if (kill(writer, SIGSTOP) == 0)
        dprintf(1, "%d\n", (int)writer);
    send_now();
    return unused;
}

/* The main thread ends the program; 300,000 blocks take a while to be written. */
static void do_written(void)
{
    for (int i = 0; i < 300000; i++)
        *(void **)malloc(16) = NULL;
    start(send_while_written);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } situations[] = {
        { "default", do_default }, { "handler", do_handler },   { "ignored", do_ignored },
        { "reset", do_reset },     { "once", do_once },         { "query", do_query },
        { "read", do_read },       { "futex", do_futex },       { "epoll", do_epoll },
        { "pause", do_pause },     { "small-stack", do_small_stack }, { "sigwait", do_sigwait },
        { "malloc", do_malloc },   { "threads", do_threads },   { "arrivals", do_arrivals },
        { "api", do_api },         { "many", do_many },
        { "end", do_end },         { "written", do_written },
    };

    if (argc < 3)
        return 2;
    number = atoi(argv[1]);
    delay = argc > 3 ? atol(argv[3]) : 0;
    for (int i = 0; i < 5; i++)
        kept[i] = malloc(71);
    for (size_t i = 0; i < sizeof situations / sizeof *situations; i++)
        if (strcmp(argv[2], situations[i].name) == 0) {
            situations[i].run();
            return 0;
        }
    return 2;
}
