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

typedef void handler(int number, siginfo_t *info, void *context);

static void on_request(int number, siginfo_t *info, void *context)
{
    (void)number, (void)info, (void)context;
    control_serve();
}

static void on_death(int number, siginfo_t *info, void *context)
{
    (void)info, (void)context;
    atomic_store(&fatal_signal, number);
    if (guard_inside())
        attention_raise(ATTENTION_DEATH); /* when the hook is left */
    else
        signals_die();
}

/* At the default, with what the signal would do without us. */
static void die_of(int number)
{
    uint64_t one = (uint64_t)1 << (number - 1);
    struct sigaction none;

    memset(&none, 0, sizeof none);
    none.sa_handler = SIG_DFL;
    real.sigaction(number, &none, NULL);
    SYSCALL_3(SYS_tgkill, syscall_getpid(), syscall_gettid(), number);
    SYSCALL_4(SYS_rt_sigprocmask, SIG_UNBLOCK, &one, NULL, sizeof one);
}

static void on_bus(int number, siginfo_t *info, void *context)
{
    static const struct sigaction none = { .sa_handler = SIG_DFL };

    (void)context;
    if (info->si_code <= 0) /* sent by somebody */
        die_of(number);
    else if (!control_lost(info->si_addr))
        real.sigaction(number, &none, NULL); /* the instruction is tried again */
}

/* Install OURS_IS for signal NUMBER if that is at its default. */
static bool take(int number, handler *ours_is)
{
    struct sigaction now, ours;

    if (real.sigaction(number, NULL, &now) != 0 || now.sa_handler != SIG_DFL)
        return false;
    memset(&ours, 0, sizeof ours);
    ours.sa_sigaction = ours_is;
    ours.sa_flags = SA_RESTART | SA_ONSTACK | SA_SIGINFO;
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
    take(SIGBUS, on_bus);
    if (takes_deadly()) {
        take(SIGINT, on_death);
        take(SIGTERM, on_death);
        take(SIGHUP, on_death);
    }
}

void signals_give_back(void)
{
    struct sigaction now, none;

    memset(&none, 0, sizeof none);
    none.sa_handler = SIG_DFL;
    for (int number = 1; number < SIGRTMAX; number++)
        if (real.sigaction(number, NULL, &now) == 0 && signals_is_ours(now.sa_handler))
            real.sigaction(number, &none, NULL);
    request_signal = 0;
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

    if (number == 0)
        return; /* somebody else wrote into the page */
    life_exit(SNAPSHOT_BY_SIGNAL);
    die_of(number);
}

uint64_t signals_deadly(void)
{
    static const int numbers[] = { SIGINT, SIGTERM, SIGHUP };
    struct sigaction now;
    uint64_t set = 0;

    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (real.sigaction(numbers[i], NULL, &now) == 0 && now.sa_handler == SIG_DFL)
            set |= (uint64_t)1 << (numbers[i] - 1);
    return set;
}

bool signals_is_ours(void (*set)(int))
{
    const uintptr_t address = (uintptr_t)set;

    return address == (uintptr_t)on_request || address == (uintptr_t)on_death ||
           address == (uintptr_t)on_bus;
}

void signals_set(int number, bool to_default)
{
    if (atomic_load(&guard_silent) || syscall_getpid() != identity->pid)
        return; /* a child sets its signals in order before it execs */
    if (number == request_signal && !to_default) {
        find_request_signal(number);
        control_signal_changed();
    } else if (number == request_signal) {
        take(number, on_request);
    } else if (to_default && !request_signal && number > SIGRTMIN && number < SIGRTMAX - 1) {
        find_request_signal(number + 1); /* the program had taken them all */
        control_signal_changed();
    } else if (to_default && number == SIGBUS) {
        take(SIGBUS, on_bus);
    } else if (to_default && takes_deadly() && is_deadly(number)) {
        take(number, on_death);
    }
}
