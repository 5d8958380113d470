/* rounds.c - does the same again and again, and leaks or not.
 *
 *     rounds mark N MODE     N times, each ended by heapdelta_mark()
 *     rounds lines MODE      once for each line of its standard input, which it answers
 *     rounds wait MODE       once for each USR2 that it gets, which it answers with a line, until TERM
 *
 * MODE: steady, lost, grows, grows_with_names, cleared (grows, and lets all go at its end), warms_up (a cache that
 * is full after three rounds), now_and_then (a block in three rounds of ten), replaced (a queue of five),
 * fails (exit status 3), fails_and_leaks, skipped (exit status 77).
 */
#include "preload/heapdelta.h"

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define APART __attribute__((noinline, noclone))
#define ROOM 4096

struct thing {
    char *name;
    char rest[88];
};

static struct thing *registry[ROOM];
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
    sink = NULL;
    if (strcmp(mode, "grows") == 0 || strcmp(mode, "cleared") == 0)
        registry[registered++] = make_thing();
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

static void on_signal(int number)
{
    (void)number;
    came = 1;
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
    } else if (strcmp(how, "wait") == 0) {
        sigset_t set, before;

        sigemptyset(&set);
        sigaddset(&set, SIGUSR2);
        sigprocmask(SIG_BLOCK, &set, &before);
        signal(SIGUSR2, on_signal);
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
