#include "ending.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <unistd.h>

static const int ending_signals[] = {SIGINT, SIGTERM, SIGHUP};

#define ENDING_SIGNALS (sizeof(ending_signals) / sizeof(ending_signals[0]))

volatile sig_atomic_t ending_signal;

static int ends[2] = {-1, -1}; /* of a pipe: poll() may begin just after the signal came */

static void on_signal(int number)
{
    int code = errno;
    ssize_t written = write(ends[1], "", 1);

    (void)written;
    ending_signal = number;
    errno = code;
}

void ending_watch(void)
{
    if (ends[0] < 0 && pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
        ends[0] = ends[1] = -1;
    for (size_t i = 0; i < ENDING_SIGNALS; i++) {
        struct sigaction action;

        if (sigaction(ending_signals[i], NULL, &action) < 0 || action.sa_handler == SIG_IGN)
            continue;
        action = (struct sigaction){.sa_handler = on_signal};
        sigaction(ending_signals[i], &action, NULL);
    }
}

int ending_descriptor(void)
{
    return ends[0];
}

void ending_drain(void)
{
    char bytes[16];

    while (ends[0] >= 0 && read(ends[0], bytes, sizeof(bytes)) > 0)
        ;
}

void ending_obey(void)
{
    if (!ending_signal)
        return;
    signal(ending_signal, SIG_DFL);
    raise(ending_signal);
}
