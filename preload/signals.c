#include "preload/signals.h"

#include "preload/attention.h"
#include "preload/config.h"
#include "preload/control.h"
#include "preload/guard.h"
#include "preload/identity.h"
#include "preload/life.h"
#include "preload/real.h"
#include "preload/syscall.h"

#include <string.h>
#include <time.h>

static int request_signal;
static _Atomic int fatal_signal;

static void on_request(int number)
{
    (void)number;
    control_serve();
}

static void on_death(int number)
{
    atomic_store(&fatal_signal, number);
    if (guard_inside())
        attention_raise(ATTENTION_DEATH); /* when the hook is left */
    else
        signals_die();
}

/* Install HANDLER for SIGNAL_NUMBER if that is at its default. */
static bool take(int number, void (*handler)(int))
{
    struct sigaction now, ours;

    if (real.sigaction(number, NULL, &now) != 0 || now.sa_handler != SIG_DFL)
        return false;
    memset(&ours, 0, sizeof ours);
    ours.sa_handler = handler;
    ours.sa_flags = SA_RESTART | SA_ONSTACK;
    sigfillset(&ours.sa_mask);
    return real.sigaction(number, &ours, NULL) == 0;
}

static bool is_deadly(int number)
{
    return number == SIGINT || number == SIGTERM || number == SIGHUP;
}

/* Choose the signal for requests from those below number END. */
static void find_request_signal(int end)
{
    request_signal = 0;
    for (int number = end - 1; number > SIGRTMIN && !request_signal; number--)
        if (take(number, on_request))
            request_signal = number;
}

/* What is at its default does nothing to the first process of a container. */
static bool takes_deadly(void)
{
    return config->signals && identity->pid != 1;
}

void signals_init(void)
{
    find_request_signal(SIGRTMAX - 1);
    if (takes_deadly()) {
        take(SIGINT, on_death);
        take(SIGTERM, on_death);
        take(SIGHUP, on_death);
    }
}

int signals_request(void)
{
    return request_signal;
}

void signals_drop_request(void)
{
    const struct timespec none = { 0, 0 };
    uint64_t one = (uint64_t)1 << (request_signal - 1);

    if (request_signal)
        SYSCALL_4(SYS_rt_sigtimedwait, &one, NULL, &none, sizeof one);
}

void signals_die(void)
{
    int number = atomic_load(&fatal_signal);
    struct sigaction before;
    uint64_t one = (uint64_t)1 << (number - 1);

    memset(&before, 0, sizeof before);
    before.sa_handler = SIG_DFL;
    life_exit(SNAPSHOT_BY_SIGNAL);
    real.sigaction(number, &before, NULL);
    SYSCALL_3(SYS_tgkill, syscall_getpid(), syscall_gettid(), number);
    SYSCALL_4(SYS_rt_sigprocmask, SIG_UNBLOCK, &one, NULL, sizeof one);
}

bool signals_is_ours(void (*handler)(int))
{
    return handler == on_request || handler == on_death;
}

void signals_set(int number, bool to_default)
{
    if (syscall_getpid() != identity->pid)
        return; /* a child sets its signals in order before it execs */
    if (number == request_signal && !to_default) {
        find_request_signal(number);
        control_signal_changed();
    } else if (number == request_signal) {
        take(number, on_request);
    } else if (to_default && !request_signal && number > SIGRTMIN && number < SIGRTMAX - 1) {
        find_request_signal(number + 1); /* the program had taken them all */
        control_signal_changed();
    } else if (to_default && takes_deadly() && is_deadly(number)) {
        take(number, on_death);
    }
}
