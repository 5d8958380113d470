/* control_target.c - a process with a control page, made as the shim makes it, and with
 * whatever habits a test needs.
 *
 *     control_target HABIT DIRECTORY
 *
 * It prints "ready" and waits, for its standard input at last: there it lives by the line,
 * each an allocation, and ends with it. What it prints says what happened to the page. A
 * snapshot is a file of one line: its label, and how many signals had come.
 */
#include "format/control.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define SIGNAL  (SIGRTMAX - 2)
#define THREADS 200

static struct control_page *page;
static const char *directory;
static char page_path[4096];
static _Atomic int signals, files;
static _Atomic bool serve_in_handler;

static _Atomic uint8_t *request(void)
{
    return (_Atomic uint8_t *)&page->request;
}

static void print(const char *line)
{
    if (write(1, line, strlen(line)) < 0)
        _exit(9);
}

static void answer(int error)
{
    char text[256];
    int file;

    page->path[0] = '\0';
    page->error = error;
    if (error == 0 && page->verb == CONTROL_SNAPSHOT) {
        snprintf(page->path, sizeof(page->path), "%s/%d.hds", directory, ++files);
        snprintf(text, sizeof(text), "%s %d\n", page->label, signals);
        file = open(page->path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
        if (file < 0 || write(file, text, strlen(text)) < 0)
            page->error = -errno;
        close(file);
    }
    atomic_thread_fence(memory_order_release);
    page->reply = page->number;
    *request() = CONTROL_FINISHED;
}

/* Be at an allocation. */
static void come_by(void)
{
    uint8_t wanted = CONTROL_WANTED;

    if (atomic_compare_exchange_strong(request(), &wanted, CONTROL_BUSY))
        answer(0);
}

static void on_signal(int number)
{
    int error = errno;

    (void)number;
    signals++;
    if (page->state == CONTROL_ENDED)
        print("a signal that must not come\n");
    if (serve_in_handler)
        come_by();
    errno = error;
}

/* Live by the line; end with the input. */
static void live(void)
{
    char line;

    for (;;) {
        ssize_t size = read(0, &line, 1);

        if (size == 0)
            exit(0);
        if (size > 0 && line == '\n')
            come_by();
    }
}

static void await(enum control_request wanted)
{
    while (*request() != wanted)
        usleep(100);
}

static void block_signals(void)
{
    sigset_t all;

    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, NULL);
}

static void *sleep_blocked(void *unused)
{
    block_signals();
    for (;;)
        pause();
    return unused;
}

static void *sleep_open(void *unused)
{
    for (;;)
        pause();
    return unused;
}

static void *wait_for_signals(void *unused)
{
    sigset_t all;
    int number;

    sigfillset(&all);
    while (sigwait(&all, &number) == 0)
        print("sigwait got a signal\n");
    return unused;
}

static void *live_on(void *unused)
{
    live();
    return unused;
}

static void start(void *(*run)(void *))
{
    pthread_t thread;

    if (pthread_create(&thread, NULL, run, NULL) != 0)
        exit(9);
}

static void allocating(void)
{
    for (;;) {
        come_by();
        usleep(100);
    }
}

static void idle(void)
{
    serve_in_handler = true;
    print("ready\n");
    live();
}

static void blocked(void)
{
    block_signals();
    print("ready\n");
    live();
}

static void no_signal(void)
{
    page->signal = 0;
    print("ready\n");
    live();
}

/* Its handler was replaced by the default. */
static void uncaught(void)
{
    signal(SIGNAL, SIG_DFL);
    print("ready\n");
    live();
}

static void many_threads(void)
{
    serve_in_handler = true;
    for (int i = 0; i < THREADS; i++)
        start(i == THREADS / 2 ? sleep_open : sleep_blocked);
    block_signals();
    print("ready\n");
    live();
}

/* All signals are taken by sigwait; there the thread's mask lets them through. */
static void sigwaiting(void)
{
    block_signals();
    start(wait_for_signals);
    print("ready\n");
    live();
}

static void leader_gone(void)
{
    serve_in_handler = true;
    start(live_on);
    print("ready\n");
    pthread_exit(NULL);
}

/* Says how requests come and go, and answers the second one. */
static void first_ignored(void)
{
    uint32_t first;

    print("ready\n");
    await(CONTROL_WANTED);
    first = page->number;
    print("asked\n");
    while (page->number == first)
        usleep(100);
    await(CONTROL_WANTED);
    allocating();
}

/* Begins, and ends what it began after a line. */
static void slow(void)
{
    serve_in_handler = true;
    print("ready\n");
    await(CONTROL_WANTED);
    *request() = CONTROL_BUSY;
    print("begun\n");
    if (getchar() == '\n')
        answer(0);
    print("done\n");
    live();
}

static void refusing(void)
{
    print("ready\n");
    await(CONTROL_WANTED);
    *request() = CONTROL_BUSY;
    answer(-ENODATA);
    live();
}

static void exiting(void)
{
    print("ready\n");
    await(CONTROL_WANTED);
    exit(0);
}

/* Answers, and is gone. */
static void answer_and_exit(void)
{
    print("ready\n");
    await(CONTROL_WANTED);
    *request() = CONTROL_BUSY;
    answer(0);
    _exit(0);
}

/* Is past its last snapshot when it is to be woken: a signal would meet the program that
 * it executes. */
static void about_to_execute(void)
{
    page->state = CONTROL_ENDED;
    print("ready\n");
    live();
}

static void executing(void)
{
    print("ready\n");
    await(CONTROL_WANTED);
    execlp("cat", "cat", NULL);
}

static void future(void)
{
    page->version = CONTROL_VERSION + 1;
    print("ready\n");
    live();
}

static void strange_magic(void)
{
    memcpy(page->magic, "NOTHEAPD", sizeof(page->magic));
    print("ready\n");
    live();
}

static void strange_pid(void)
{
    page->pid++;
    print("ready\n");
    live();
}

static void removed(void)
{
    unlink(page_path);
    print("ready\n");
    live();
}

static void cut(void)
{
    if (truncate(page_path, 0) < 0)
        exit(9);
    print("ready\n");
    pause();
}

static void cut_later(void)
{
    print("ready\n");
    await(CONTROL_WANTED);
    if (truncate(page_path, 0) < 0)
        exit(9);
    pause();
}

/* What the map names is a link to a file of somebody else now. */
static void link_instead(void)
{
    unlink(page_path);
    if (symlink("victim", page_path) < 0)
        exit(9);
    print("ready\n");
    live();
}

static void pipe_instead(void)
{
    unlink(page_path);
    if (mkfifo(page_path, 0600) < 0)
        exit(9);
    print("ready\n");
    live();
}

static void other_file_instead(void)
{
    int file;

    unlink(page_path);
    file = open(page_path, O_RDWR | O_CREAT, 0600);
    if (file < 0 || write(file, page, sizeof(*page)) < 0)
        exit(9);
    print("ready\n");
    live();
}

static void undumpable(void)
{
    prctl(PR_SET_DUMPABLE, 0);
    print("ready\n");
    live();
}

/* Its child has the page, too, and says its PID. */
static void forking(void)
{
    char line[32];

    if (fork() == 0) {
        snprintf(line, sizeof(line), "ready\n%d\n", getpid());
        print(line);
    }
    live();
}

static void with_zombie(void)
{
    char line[32];
    siginfo_t info;
    pid_t child = fork();

    if (child == 0)
        _exit(0);
    waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT);
    snprintf(line, sizeof(line), "ready\n%d\n", child);
    print(line);
    live();
}

static void ready_and_allocating(void)
{
    print("ready\n");
    allocating();
}

static const struct {
    const char *name;
    void (*run)(void);
} habits[] = {
    {"allocating", ready_and_allocating},
    {"idle", idle},
    {"blocked", blocked},
    {"no_signal", no_signal},
    {"uncaught", uncaught},
    {"many_threads", many_threads},
    {"sigwaiting", sigwaiting},
    {"leader_gone", leader_gone},
    {"first_ignored", first_ignored},
    {"slow", slow},
    {"refusing", refusing},
    {"exiting", exiting},
    {"answer_and_exit", answer_and_exit},
    {"about_to_execute", about_to_execute},
    {"executing", executing},
    {"future", future},
    {"strange_magic", strange_magic},
    {"strange_pid", strange_pid},
    {"removed", removed},
    {"cut", cut},
    {"cut_later", cut_later},
    {"link_instead", link_instead},
    {"pipe_instead", pipe_instead},
    {"other_file_instead", other_file_instead},
    {"undumpable", undumpable},
    {"forking", forking},
    {"with_zombie", with_zombie},
};

static void make_page(void)
{
    int file;

    snprintf(page_path, sizeof(page_path), "%s/.control_target.%d%s", directory, getpid(),
             CONTROL_SUFFIX);
    file = open(page_path, O_RDWR | O_CREAT | O_EXCL, 0600);
    if (file < 0 || ftruncate(file, CONTROL_SIZE) < 0)
        exit(9);
    page = mmap(NULL, CONTROL_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (page == MAP_FAILED)
        exit(9);
    close(file);
    page->version = CONTROL_VERSION;
    page->size = CONTROL_SIZE;
    page->pid = (uint32_t)getpid();
    page->signal = (uint32_t)SIGNAL;
    page->state = CONTROL_TRACING;
    page->since = 1000000000u;
    page->live_bytes = 3000;
    page->live_blocks = 4;
    page->peak_bytes = 5000;
    page->start_bytes = 1000;
    page->mark_time = 2000000000u;
    page->mark_bytes = 3500;
    page->tracer_bytes = 65536;
    page->snapshots = 2;
    page->last_pause = 1500000;
    page->longest_pause = 2500000;
    page->message_count = 1;
    strcpy(page->messages[0], "no space left on the device");
    memcpy(page->magic, CONTROL_MAGIC, sizeof(page->magic));
}

int main(int argc, char **argv)
{
    const struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};

    if (argc != 3)
        return 2;
    directory = argv[2];
    make_page();
    sigaction(SIGNAL, &action, NULL);
    for (size_t i = 0; i < sizeof(habits) / sizeof(habits[0]); i++) {
        if (strcmp(habits[i].name, argv[1]) == 0)
            habits[i].run();
    }
    return 2;
}
