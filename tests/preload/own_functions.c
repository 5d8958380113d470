/* own_functions.c - a program that has functions of its own by the names of some that we hook,
 * and goes on from them to the next of that name, as Erlang's does with sigaction.
 *
 * Ours must not come back to the program's. Each says that it was called.
 */
#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* Other names of libc's, in no header. */
int __sigaction(int number, const struct sigaction *action, struct sigaction *out_before);

static int calls[5];

#define NEXT(type, name) ((type)dlsym(RTLD_NEXT, name))

int sigaction(int number, const struct sigaction *action, struct sigaction *out_before)
{
    calls[0]++;
    return NEXT(int (*)(int, const struct sigaction *, struct sigaction *),
                "__sigaction")(number, action, out_before);
}

int __sigaction(int number, const struct sigaction *action, struct sigaction *out_before)
{
    calls[1]++;
    return NEXT(int (*)(int, const struct sigaction *, struct sigaction *),
                "sigaction")(number, action, out_before);
}

sighandler_t signal(int number, sighandler_t handler)
{
    calls[2]++;
    return NEXT(sighandler_t (*)(int, sighandler_t), "ssignal")(number, handler);
}

int execve(const char *path, char *const *arguments, char *const *variables)
{
    calls[3]++;
    (void)variables;
    return NEXT(int (*)(const char *, char *const *), "execv")(path, arguments);
}

void _exit(int status)
{
    calls[4]++;
    NEXT(void (*)(int), "_Exit")(status);
    abort();
}

static void on_signal(int number)
{
    (void)number;
}

int main(void)
{
    char *const arguments[] = { (char *)"/bin/true", NULL };
    struct sigaction action = { .sa_handler = on_signal }, before;
    int status = -1;

    if (sigaction(SIGUSR1, &action, NULL) != 0 || sigaction(SIGUSR1, NULL, &before) != 0 ||
        before.sa_handler != on_signal || __sigaction(SIGUSR1, NULL, &before) != 0 ||
        signal(SIGUSR2, on_signal) != SIG_DFL || signal(SIGUSR2, SIG_DFL) != on_signal)
        return 1;
    if (fork() == 0)
        execve(arguments[0], arguments, NULL);
    wait(&status);
    printf("%d %d %d %d %d, child %d\n", calls[0], calls[1], calls[2], calls[3], calls[4],
           status);
    fflush(stdout);
    _exit(5);
}
