/* rounds.c - does the same again and again, and leaks or not.
 *
 *     rounds mark N MODE     N times, each ended by heapdelta_mark()
 *     rounds lines MODE      once for each line of its standard input, which it answers
 *     rounds closes MODE     never: closes its standard input, and ends when nobody writes to it any more
 *     rounds quiet MODE      once, and waits for input that does not come before it ends
 *     rounds wait MODE       once for each USR2 that it gets, which it answers with a line, until TERM
 *
 * MODE: steady, lost, lost_empty (blocks of no size), grows, grows_empty (of no size), grows_with_names, cleared (grows, and lets all go at its end), warms_up (a cache that
 * is full after three rounds), now_and_then (a block in three rounds of ten), replaced (a queue of five),
 * fails (exit status 3), fails_and_leaks, skipped (exit status 77); and of `wait`, exits_143 or exits_1 at TERM.
 */
#include "preload/heapdelta.h"

#include <dirent.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define APART __attribute__((noinline, noclone))
#define ROOM 4096

struct thing {
    char *name;
    char rest[88];
};

static struct thing *registry[ROOM];
static void *volatile empty[ROOM];
static size_t registered;
static void *volatile cache[3], *volatile queue[5];
static void *volatile sink;

APART static struct thing *make_thing(void)
{
    return calloc(1, sizeof(struct thing));
}

APART static void work(const char *mode, size_t round)
{
    /* What comes and goes. */
    sink = malloc(1000 + round);
    free(sink);
    sink = NULL;
    if (strcmp(mode, "lost") == 0 || strcmp(mode, "fails_and_leaks") == 0)
        sink = malloc(33);
    if (strcmp(mode, "lost_empty") == 0)
        sink = malloc(0);
    sink = NULL;
    if (strcmp(mode, "grows") == 0 || strcmp(mode, "cleared") == 0)
        registry[registered++] = make_thing();
    if (strcmp(mode, "grows_empty") == 0)
        empty[registered++] = malloc(0);
    if (strcmp(mode, "grows_with_names") == 0) {
        registry[registered] = make_thing();
        registry[registered++]->name = strdup("a name that somebody holds");
    }
    if (strcmp(mode, "warms_up") == 0 && round < 3)
        cache[round] = malloc(500);
    if (strcmp(mode, "now_and_then") == 0 && round % 10 < 3)
        registry[registered++] = make_thing();
    if (strcmp(mode, "replaced") == 0) {
        free(queue[round % 5]);
        queue[round % 5] = malloc(100 + round % 3);
    }
}

static int end(const char *mode)
{
    if (strcmp(mode, "cleared") == 0) {
        for (size_t i = 0; i < registered; i++)
            free(registry[i]);
    }
    if (strcmp(mode, "skipped") == 0)
        return 77;
    return strncmp(mode, "fails", 5) == 0 ? 3 : 0;
}

static volatile sig_atomic_t came;

static void exit_143(int number)
{
    _exit(128 + number);
}

static void exit_1(int number)
{
    (void)number;
    _exit(1);
}

static void on_signal(int number)
{
    (void)number;
    came = 1;
}

/* Does our parent have PIPE, as /proc names it, open? */
static bool parent_has(const char *pipe)
{
    char path[PATH_MAX], link[64];
    struct dirent *entry;
    bool found = false;
    DIR *directory;

    snprintf(path, sizeof(path), "/proc/%d/fd", (int)getppid());
    directory = opendir(path);
    while (directory && !found && (entry = readdir(directory))) {
        ssize_t size = readlinkat(dirfd(directory), entry->d_name, link, sizeof(link) - 1);

        link[size > 0 ? size : 0] = '\0';
        found = strcmp(link, pipe) == 0;
    }
    if (directory)
        closedir(directory);
    return found;
}

/* Close our standard input, wait until our parent has noticed, and do a little more. */
static void close_input(void)
{
    char pipe[64];
    ssize_t size = readlink("/proc/self/fd/0", pipe, sizeof(pipe) - 1);

    pipe[size > 0 ? size : 0] = '\0';
    fclose(stdin);
    while (parent_has(pipe))
        poll(NULL, 0, 1);
    for (size_t i = 0; i < 50; i++)
        poll(NULL, 0, 1);
}

int main(int argc, char **argv)
{
    const char *how = argc > 2 ? argv[1] : "", *mode = argv[argc - 1];
    size_t count = argc > 3 ? strtoul(argv[2], NULL, 10) : 0;
    char line[256];

    setvbuf(stdout, NULL, _IOLBF, 0);
    if (strcmp(how, "mark") == 0) {
        for (size_t i = 0; i < count; i++) {
            work(mode, i);
            heapdelta_mark("round");
        }
    } else if (strcmp(how, "lines") == 0) {
        for (size_t i = 0; fgets(line, sizeof(line), stdin); i++) {
            work(mode, i);
            printf("%zu %s", i, line);
        }
    } else if (strcmp(how, "closes") == 0) {
        close_input();
        work(mode, 0);
    } else if (strcmp(how, "quiet") == 0) {
        work(mode, 0);
        poll(&(struct pollfd){.fd = 0, .events = POLLIN}, 1, 300);
    } else if (strcmp(how, "wait") == 0) {
        sigset_t set, before;

        sigemptyset(&set);
        sigaddset(&set, SIGUSR2);
        sigprocmask(SIG_BLOCK, &set, &before);
        signal(SIGUSR2, on_signal);
        if (strcmp(mode, "exits_143") == 0)
            signal(SIGTERM, exit_143);
        if (strcmp(mode, "exits_1") == 0)
            signal(SIGTERM, exit_1);
        puts("ready");
        for (size_t i = 0;; i++) {
            while (!came)
                sigsuspend(&before);
            came = 0;
            work(mode, i);
            printf("%zu\n", i);
        }
    } else {
        return 2;
    }
    return end(mode);
}
