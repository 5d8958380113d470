/* signal_listener.c - tells which signals reach it.
 *
 * Blocks all, prints "ready PID PARENT", and then a line for each signal in the
 * order of arrival: its name, and the value sent with it if there is one. Ends
 * with status 0 after SIGTERM, or, with the argument `default`, as SIGTERM ends
 * a program.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    int by_default = argc > 1 && strcmp(argv[1], "default") == 0;
    sigset_t all;
    siginfo_t info;

    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    printf("ready %d %d\n", (int)getpid(), (int)getppid());
    fflush(stdout);
    for (;;) {
        if (sigwaitinfo(&all, &info) < 0)
            continue;
        if (info.si_signo >= SIGRTMIN)
            printf("RTMIN+%d", info.si_signo - SIGRTMIN);
        else
            printf("%s", sigabbrev_np(info.si_signo));
        if (info.si_code == SI_QUEUE)
            printf(" %d", info.si_value.sival_int);
        printf("\n");
        fflush(stdout);
        if (info.si_signo != SIGTERM)
            continue;
        if (!by_default)
            return 0;
        sigprocmask(SIG_UNBLOCK, &all, NULL);
        raise(SIGTERM);
    }
}
