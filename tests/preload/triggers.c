/* triggers.c - grows, shrinks and waits, so that snapshots are taken without being
 * asked for. Its argument says how; what is true about it goes to stdout.
 */
#include "preload/heapdelta.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define KIB ((size_t)1024)
#define MIB (1024 * KIB)

static void *kept[100000];
static size_t count;

/* Keep blocks of SIZE bytes, TOTAL bytes in all. */
static void grow(size_t total, size_t size)
{
    for (; total >= size; total -= size)
        memset(kept[count++] = malloc(size), 1, size);
}

static void shrink(size_t blocks)
{
    while (blocks-- > 0)
        free(kept[--count]);
}

/* Whether whoever holds the other end of stdin still wants us to go on. */
static int going_on(void)
{
    struct pollfd input = { 0, POLLIN, 0 };

    return poll(&input, 1, 0) == 0;
}

/* 10 MiB, in small blocks and with much coming and going. */
static void do_grow(void)
{
    for (int i = 0; i < 10 * 256; i++) {
        grow(4 * KIB, KIB);
        for (int k = 0; k < 10; k++)
            free(malloc(100));
    }
}

/* 10 MiB at once. */
static void do_leap(void)
{
    grow(10 * MIB, 10 * MIB);
    for (int i = 0; i < 100; i++)
        free(malloc(100));
}

/* Up and down between 2 and 3 MiB, ten times: growth happens once. */
static void do_swing(void)
{
    grow(2 * MIB, KIB);
    for (int i = 0; i < 10; i++) {
        grow(MIB + 10 * KIB, KIB);
        shrink(1034);
    }
}

/* Five peaks, of which each but the third is a tenth above all before. */
static void do_peaks(void)
{
    static const size_t peaks[] = { 1000, 1200, 1250, 2000, 4000 };

    for (size_t i = 0; i < sizeof peaks / sizeof *peaks; i++) {
        grow(peaks[i] * KIB, KIB);
        shrink(peaks[i]);
    }
}

/* Allocate until stdin ends. */
static void do_loop(void)
{
    while (going_on())
        free(malloc(100));
}

/* The same, seldom: one event in some milliseconds. */
static void do_slow_loop(void)
{
    struct pollfd input = { 0, POLLIN, 0 };

    while (poll(&input, 1, 20) == 0)
        free(malloc(100));
}

/* A snapshot every few allocations, until stdin ends. */
static void do_storm(void)
{
    unsigned random = 1;

    for (unsigned i = 0;; i++) {
        random = random * 1103515245 + 12345;
        if (count > 5000)
            shrink(5000);
        grow(random % 2000 + 1, random % 2000 + 1);
        if (i % 50 == 0)
            heapdelta_take_snapshot("storm");
    }
}

/* Dormant for a while, then traced. */
static void do_start(void)
{
    grow(100 * KIB, KIB);
    printf("traced %d\n", heapdelta_is_tracing());
    printf("start %d\n", heapdelta_start(0));
    printf("traced %d\n", heapdelta_is_tracing());
    grow(50 * 777, 777);
    shrink(60); /* ten of them not known */
    grow(40 * 777, 777);
}

/* Growth goes on where it was after an exec that failed, in a child, and after all is
 * forgotten from the beginning. */
static void do_watch(void)
{
    char *const command[] = { (char *)(size_t) "nothing", NULL };
    pid_t child;

    grow(5 * MIB + 512 * KIB, KIB);
    for (int i = 0; i < 10; i++) {
        execv("/nonexistent", command);
        free(malloc(100));
    }
    fflush(stdout);
    child = fork();
    if (child == 0) {
        free(malloc(100));
        grow(MIB, KIB); /* one step */
        _exit(0);
    }
    waitpid(child, NULL, 0);
    grow(512 * KIB + KIB, KIB); /* the sixth */
    heapdelta_clear_traces();
    grow(2 * MIB + KIB, KIB); /* two more */
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } ways[] = {
        { "grow", do_grow },   { "leap", do_leap },           { "swing", do_swing },
        { "peaks", do_peaks }, { "loop", do_loop },           { "slow-loop", do_slow_loop },
        { "storm", do_storm }, { "start", do_start },         { "watch", do_watch },
    };

    setvbuf(stdout, NULL, _IONBF, 0);
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
        if (argc > 1 && strcmp(argv[1], ways[i].name) == 0) {
            ways[i].run();
            return 0;
        }
    return 2;
}
