#include "leaving.h"

#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define ERASE "\r\033[K"

static char file[PATH_MAX];
static volatile sig_atomic_t has_file, has_line;

static void on_signal(int number)
{
    ssize_t written = 0;

    if (has_file)
        unlink(file);
    if (has_line)
        written = write(STDERR_FILENO, ERASE, strlen(ERASE));
    (void)written;
    raise(number); /* its handler is the default again */
}

void leaving_watch(void)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
    static bool watching;

    for (size_t i = 0; !watching && i < sizeof(signals) / sizeof(signals[0]); i++) {
        struct sigaction action;

        if (sigaction(signals[i], NULL, &action) < 0 || action.sa_handler != SIG_DFL)
            continue;
        action = (struct sigaction){.sa_handler = on_signal,
                                    .sa_flags = (int)(SA_RESETHAND | SA_NODEFER)};
        sigaction(signals[i], &action, NULL);
    }
    watching = true;
}

void leaving_remove(const char *path)
{
    has_file = false;
    if (!path || strlen(path) >= sizeof(file))
        return;
    leaving_watch();
    strcpy(file, path);
    has_file = true;
}

void leaving_erase_line(bool there)
{
    has_line = there;
}
