/* followed.c - makes processes, in the way that its argument says.
 *
 * Every process keeps blocks of sizes of its own and, before it ends, writes one line
 * to descriptor 1: "PID PARENT WHO SIZE:COUNT…", what it holds of these by its own
 * ledger, inherited blocks included; and "@ADDRESS:SIZE" for what threads of the
 * process it was forked from have published.
 */
#include "preload/heapdelta.h"

#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define FIRST_SIZE 3000u /* nothing else in here is so large */
#define SIZES 64u
#define MOST 64u

extern char **environ;

static const char *self; /* path of this program */

/* ---- the ledger ---------------------------------------------------------------- */

static void *kept[SIZES][MOST];
static unsigned counts[SIZES];

/* Keep COUNT more blocks of size NUMBER. */
static void keep(unsigned number, unsigned count)
{
    while (count-- > 0)
        kept[number][counts[number]++] = malloc(FIRST_SIZE + number);
}

static void drop(unsigned number, unsigned count)
{
    while (count-- > 0)
        free(kept[number][--counts[number]]);
}

/* What threads hold: the address is there only while the block is theirs for sure. */
#define THREADS 16
#define SLOTS 8

struct slot {
    _Atomic uintptr_t address;
    _Atomic size_t size;
};

static struct slot published[THREADS][SLOTS];

static char line[THREADS * SLOTS * 40 + SIZES * 12];

static void write_ledger(const char *who)
{
    char *end = line + sprintf(line, "%d %d %s", (int)getpid(), (int)getppid(), who);

    for (unsigned i = 0; i < SIZES; i++)
        if (counts[i])
            end += sprintf(end, " %u:%u", FIRST_SIZE + i, counts[i]);
    for (int i = 0; i < THREADS; i++)
        for (int k = 0; k < SLOTS; k++)
            if (published[i][k].address)
                end += sprintf(end, " @%lu:%zu", (unsigned long)published[i][k].address,
                               published[i][k].size);
    *end++ = '\n';
    if (write(1, line, (size_t)(end - line)) != end - line)
        abort();
}

/* End as a child may. */
static void end(int way)
{
    if (way % 3 == 0)
        exit(0);
    if (way % 3 == 1)
        _exit(0);
    quick_exit(0);
}

static void await(pid_t child)
{
    int status = -1;

    if (child < 0 || waitpid(child, &status, 0) != child || status != 0) {
        printf("# child %d: status %d\n", (int)child, status);
        fflush(stdout);
    }
}

/* ---- fork ------------------------------------------------------------------------ */

/* Three children with two of their own each. */
static void do_tree(void)
{
    for (unsigned i = 0; i < 3; i++) {
        pid_t child = fork();

        if (child == 0) {
            keep(10 + i, 3 + i);
            drop(1, 1 + i);
            for (unsigned k = 0; k < 2; k++) {
                pid_t grandchild = fork();

                if (grandchild == 0) {
                    drop(10 + i, 2);
                    keep(20 + 2 * i + k, 7);
                    write_ledger("grandchild");
                    end((int)(i + k));
                }
                keep(30, 1);
                await(grandchild);
            }
            write_ledger("child");
            end((int)i);
        }
        keep(2, 1);
        await(child);
    }
}

static atomic_bool stopping;

/* Hold blocks of 5000 to 5999 bytes, and change one after the other. */
static void *change_slots(void *argument)
{
    struct slot *slots = argument;
    size_t size = 5000;

    for (unsigned i = 0; !atomic_load(&stopping); i++) {
        struct slot *slot = &slots[i % SLOTS];
        uintptr_t address = atomic_exchange(&slot->address, 0);

        size = 5000 + (size * 7 + 13) % 1000;
        if (i % 3 == 0) {
            free((void *)address);
            address = (uintptr_t)malloc(size);
        } else {
            address = (uintptr_t)realloc((void *)address, size);
        }
        atomic_store(&slot->size, size);
        atomic_store(&slot->address, address);
        if (i % 64 == 0)
            usleep(100); /* or the forks wait for their turn */
    }
    return NULL;
}

static void start_threads(pthread_t *threads, int count, void *(*run)(void *))
{
    for (int i = 0; i < count; i++)
        if (pthread_create(&threads[i], NULL, run, published[i]) != 0)
            abort();
}

static void stop_threads(pthread_t *threads, int count)
{
    atomic_store(&stopping, true);
    for (int i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
}

/* 200 children while 16 threads allocate. */
static void do_threads(void)
{
    pthread_t threads[THREADS];

    start_threads(threads, THREADS, change_slots);
    for (int i = 0; i < 200; i++) {
        pid_t child = fork();

        if (child == 0) {
            alarm(60);
            keep(5, (unsigned)i % 7);
            for (int k = 0; k < 100; k++)
                free(realloc(malloc(84), 2000));
            drop(1, (unsigned)i % 3);
            write_ledger("child");
            end(i);
        }
        await(child);
    }
    stop_threads(threads, THREADS);
}

/* 200 children while threads come, allocate for the first time, and go. No ledger: so many
 * threads that numbers of processes come again. */
static void *allocate_once(void *unused)
{
    free(malloc(100));
    return unused;
}

static void *come_and_go(void *unused)
{
    while (!atomic_load(&stopping)) {
        pthread_t thread;

        if (pthread_create(&thread, NULL, allocate_once, NULL) == 0)
            pthread_join(thread, NULL);
    }
    return unused;
}

static void do_arrivals(void)
{
    pthread_t threads[4];

    start_threads(threads, 4, come_and_go);
    for (int i = 0; i < 200; i++) {
        pid_t child = fork();

        if (child == 0) {
            alarm(60);
            if (!heapdelta_is_tracing())
                _exit(1);
            end(i);
        }
        await(child);
    }
    stop_threads(threads, 4);
}

/* 50 children while a realloc, by slow_realloc.so, has moved its block and not returned. */
static void *realloc_slowly(void *unused)
{
    size_t size = 4000;
    void *block = malloc(size);

    while (!atomic_load(&stopping)) {
        size = 4000 + (size * 7 + 130) % 1000;
        block = realloc(block, size);
    }
    return unused;
}

static void do_reallocs(void)
{
    const struct slot *made = dlsym(RTLD_DEFAULT, "slow_realloc_made");
    pthread_t thread;

    start_threads(&thread, 1, realloc_slowly);
    while (!made->address) {
    }
    for (int i = 0; i < 50; i++) {
        pid_t child = fork();

        if (child == 0) {
            alarm(60);
            published[0][0].address = made->address;
            published[0][0].size = made->size;
            write_ledger("child");
            end(i);
        }
        await(child);
    }
    stop_threads(&thread, 1);
}

/* Children of several threads at once. */
static void *fork_often(void *unused)
{
    for (int i = 0; i < 50; i++) {
        pid_t child = fork();

        if (child == 0) {
            alarm(60);
            keep(6, (unsigned)i % 5);
            write_ledger("child");
            _exit(0);
        }
        await(child);
    }
    return unused;
}

static void do_parallel(void)
{
    pthread_t threads[4];

    start_threads(threads, 4, fork_often);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
}

static void *take_snapshots(void *unused)
{
    while (!atomic_load(&stopping))
        heapdelta_take_snapshot("busy");
    return unused;
}

/* Children of a process that is being recorded all the time. */
static void do_recorded(void)
{
    pthread_t thread;

    start_threads(&thread, 1, take_snapshots);
    for (int i = 0; i < 100; i++) {
        pid_t child = fork();

        if (child == 0) {
            alarm(60);
            keep(7, (unsigned)i % 5);
            if (heapdelta_take_snapshot("child") != 0)
                abort();
            keep(7, 2);
            write_ledger("child");
            end(i);
        }
        await(child);
    }
    stop_threads(&thread, 1);
}

/* ---- in handlers -------------------------------------------------------------------- */

static volatile sig_atomic_t forked;
static pid_t (*how_to_fork)(void);

/* The child allocates in the handler, then goes on with what was interrupted. */
static void fork_in_handler(int number)
{
    static void *volatile spare[4];
    int before = forked++;
    pid_t child;

    (void)number;
    if (before >= 100)
        return;
    child = how_to_fork();
    if (child == 0) {
        struct itimerval never = { { 0, 0 }, { 0, 0 } };

        setitimer(ITIMER_REAL, &never, NULL);
        if (before % 2 == 0) {
            /* No malloc in here: its lock may be held where it interrupted. */
            write_ledger("child");
            _exit(0);
        }
        forked = -1;
        return;
    }
    (void)spare;
    await(child);
}

static void go_on_in_handlers(pid_t (*how)(void))
{
    struct sigaction action = { .sa_handler = fork_in_handler, .sa_flags = SA_RESTART };
    struct itimerval soon = { { 0, 1100 }, { 0, 1100 } };
    unsigned size = 0;

    how_to_fork = how;
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &soon, NULL);
    while (forked >= 0 && forked <= 100) {
        void *block = malloc(size++ % 2000);

        free(realloc(block, size % 1500));
    }
    if (forked < 0) {
        keep(8, 4);
        write_ledger("child");
        exit(0);
    }
    soon = (struct itimerval){ { 0, 0 }, { 0, 0 } };
    setitimer(ITIMER_REAL, &soon, NULL);
}

static void do_handler(void)
{
    go_on_in_handlers(fork);
}

static void do_handler_raw(void)
{
    go_on_in_handlers(_Fork);
}

/* ---- exec ---------------------------------------------------------------------------- */

/* What is executed: keep NUMBER blocks of a size of its own. */
static void do_leaf(unsigned number)
{
    drop(1, counts[1]);
    keep(40 + number, number);
    write_ledger("leaf");
}

static char *const *leaf_command(const char *number)
{
    static char words[3][4096];
    static char *command[] = { words[0], words[1], words[2], NULL };

    snprintf(words[0], sizeof words[0], "%s", self);
    strcpy(words[1], "leaf");
    strcpy(words[2], number);
    return command;
}

static void do_exec(void)
{
    char command[5000], *const none[] = { NULL };
    pid_t child = fork();
    FILE *pipe;

    if (child == 0) {
        execv(self, leaf_command("1"));
        abort();
    }
    await(child);
    child = vfork();
    if (child == 0) {
        execv(self, leaf_command("2"));
        _exit(127);
    }
    await(child);
    if (posix_spawn(&child, self, NULL, NULL, leaf_command("3"), environ) != 0)
        abort();
    await(child);
    snprintf(command, sizeof command, "%s leaf 4; true", self);
    if (system(command) != 0)
        abort();
    snprintf(command, sizeof command, "%s leaf 5 >&2; true", self); /* 2 is 1, too */
    pipe = popen(command, "r");
    if (!pipe || getc(pipe) != EOF || pclose(pipe) != 0)
        abort();
    child = fork();
    if (child == 0) {
        keep(9, 3);
        execle(self, self, "leaf", "6", (char *)NULL, none); /* an empty environment */
        abort();
    }
    await(child);
}

/* A chain: child of fork, which execs, which forks, which ends. */
static void do_chain(int depth)
{
    char number[12];
    pid_t child;

    if (depth == 0)
        return;
    child = fork();
    if (child == 0) {
        keep(50, (unsigned)depth);
        snprintf(number, sizeof number, "%d", depth - 1);
        if (heapdelta_take_snapshot("fork") == -EINVAL)
            abort();
        execl(self, self, "chain", number, (char *)NULL);
        abort();
    }
    await(child);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } ways[] = {
        { "tree", do_tree },       { "threads", do_threads },
        { "arrivals", do_arrivals }, { "reallocs", do_reallocs },
        { "parallel", do_parallel },
        { "recorded", do_recorded }, { "handler", do_handler },       { "handler-raw", do_handler_raw },
        { "exec", do_exec },
    };
    const char *way = argc > 1 ? argv[1] : "";

    self = argv[0];
    keep(1, 10);
    if (strcmp(way, "leaf") == 0) {
        do_leaf((unsigned)atoi(argv[2]));
        return 0;
    }
    if (strcmp(way, "chain") == 0) {
        do_chain(atoi(argv[2]));
        write_ledger("chain");
        return 0;
    }
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
        if (strcmp(way, ways[i].name) == 0) {
            ways[i].run();
            write_ledger("root");
            return 0;
        }
    return 2;
}
