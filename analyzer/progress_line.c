#include "progress_line.h"

#include "leaving.h"
#include "model/clock.h"
#include "model/progress.h"
#include "views/utf8.h"

#include <locale.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>
#include <wchar.h>

#define DELAY          1000000000u /* ns: shorter work is not worth a line */
#define INTERVAL       200000000u
#define DEFAULT_COLUMNS 80

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static const struct progress *phase; /* NULL: between phases */
static uint64_t phase_begun;         /* ns */
static bool drawn;                   /* there is a line */
static bool running;                 /* the thread that draws it */
static const char *who;

static size_t columns(void)
{
    struct winsize size;

    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col ? size.ws_col
                                                                      : DEFAULT_COLUMNS;
}

/* Print SECONDS to OUT, roughly. */
static void print_time(FILE *out, uint64_t seconds)
{
    if (seconds < 120)
        fprintf(out, "%u s", (unsigned)seconds);
    else
        fprintf(out, "%u min", (unsigned)((seconds + 30) / 60));
}

/* What the line says, for free(). NULL for lack of memory. */
static char *describe(void)
{
    uint64_t total = atomic_load(&phase->total), done = atomic_load(&phase->done);
    double passed = (double)(clock_now() - phase_begun) / 1e9;
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    if (!out)
        return NULL;
    fprintf(out, "heapdelta %s: ", who);
    utf8_print(out, phase->what);
    if (done > 0 && done < total) {
        double share = (double)done / (double)total;

        fprintf(out, ", %u %%, ", (unsigned)(share * 100));
        print_time(out, (uint64_t)(passed / share * (1 - share)) + 1);
        fputs(" left", out);
    } else if (passed >= 1) {
        fputs(", ", out);
        print_time(out, (uint64_t)passed);
    }
    fclose(out);
    return text;
}

/* How many bytes of TEXT fit in ROOM columns. */
static size_t fitting(const char *text, size_t room)
{
    size_t at = 0;

    while (text[at]) {
        uint32_t code = 0;
        size_t size = utf8_next(text + at, &code);
        int width = wcwidth((wchar_t)code);
        size_t wanted = width < 0 ? 1 : (size_t)width;

        if (wanted > room)
            break;
        room -= wanted;
        at += size;
    }
    return at;
}

static void draw(void)
{
    char *text;

    /* A terminal that others are in the foreground of is theirs. */
    if (tcgetpgrp(STDERR_FILENO) != getpgrp() || !(text = describe()))
        return;
    drawn = true;
    leaving_erase_line(true);
    fprintf(stderr, "\r%.*s\033[K", (int)fitting(text, columns() - 1), text);
    fflush(stderr);
    free(text);
}

static void *draw_now_and_then(void *unused)
{
    struct timespec delay = {DELAY / 1000000000u, DELAY % 1000000000u};
    locale_t locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);

    if (locale) /* how wide characters are; of this thread only */
        uselocale(locale);
    for (;;) {
        nanosleep(&delay, NULL);
        delay = (struct timespec){.tv_nsec = INTERVAL};
        pthread_mutex_lock(&lock);
        if (phase)
            draw();
        pthread_mutex_unlock(&lock);
    }
    return unused;
}

/* Let there be a thread that draws; where that is not possible, nobody does. */
static void start(void)
{
    sigset_t all, before;
    pthread_attr_t attributes;
    pthread_t thread;

    running = true;
    leaving_watch(); /* here: the thread that draws is not the one that has files to be removed */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are for those who know of them */
    if (pthread_attr_init(&attributes) == 0) {
        pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
        pthread_create(&thread, &attributes, draw_now_and_then, NULL);
        pthread_attr_destroy(&attributes);
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static void begun(const struct progress *progress)
{
    pthread_mutex_lock(&lock);
    phase = progress;
    phase_begun = clock_now();
    if (!running)
        start();
    pthread_mutex_unlock(&lock);
}

static void ended(void)
{
    pthread_mutex_lock(&lock);
    phase = NULL;
    if (drawn) {
        fputs("\r\033[K", stderr);
        fflush(stderr);
        leaving_erase_line(false);
    }
    drawn = false;
    pthread_mutex_unlock(&lock);
}

void progress_line_enable(const char *command)
{
    static const struct progress_watcher watcher = {begun, ended};
    const char *terminal = getenv("TERM");

    if (!isatty(STDERR_FILENO) || !terminal || strcmp(terminal, "dumb") == 0)
        return;
    who = command;
    progress_watch(&watcher);
}
