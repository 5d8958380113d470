/* every_signal.c - uses every signal, timer and wait there is, and logs what it sees.
 *
 * One round of all of it is logged to stdout; then "ready". Further rounds run until the
 * input ends, and only what differs from the first is logged. Each wait is for tens of
 * milliseconds, and nothing is allocated meanwhile, so requests for snapshots arrive in
 * the waits. Calls that a signal may end early are begun again (docs/requests.md); the
 * others must not end so.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/signalfd.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MS 1000000l /* ns */
#define A_WHILE (60 * MS) /* longer than a request waits for an allocation */

static char text[65536], first[65536];
static size_t length;

static void say(const char *format, ...)
{
    va_list values;

    va_start(values, format);
    length += (size_t)vsnprintf(text + length, sizeof(text) - length, format, values);
    va_end(values);
}

/* Begin CALL again as long as a signal ends it early. */
#define AGAIN(call)                                \
    ({                                             \
        long result_;                              \
        while ((result_ = (call)) < 0 && errno == EINTR) { \
        }                                          \
        result_;                                   \
    })

static long elapsed_since(const struct timespec *begin)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (now.tv_sec - begin->tv_sec) * 1000 * MS + now.tv_nsec - begin->tv_nsec;
}

static struct timespec now(clockid_t clock)
{
    struct timespec time;

    clock_gettime(clock, &time);
    return time;
}

static struct timespec in_a_while(clockid_t clock)
{
    struct timespec time = now(clock);

    time.tv_nsec += A_WHILE;
    if (time.tv_nsec >= 1000 * MS) {
        time.tv_nsec -= 1000 * MS;
        time.tv_sec++;
    }
    return time;
}

/* What a wait that began at BEGIN gave, when it was for A_WHILE. */
static void say_wait(const char *name, long result, const struct timespec *begin)
{
    say("%s: %ld%s, %s\n", name, result, result < 0 ? strerror(errno) : "",
        elapsed_since(begin) >= A_WHILE ? "the whole time" : "too early");
}

static sigset_t only(int number)
{
    sigset_t set;

    sigemptyset(&set);
    if (number)
        sigaddset(&set, number);
    return set;
}

static void change_mask(int how, int number)
{
    sigset_t set = only(number);

    sigprocmask(how, &set, NULL);
}

static void handle(int number, void (*handler)(int, siginfo_t *, void *), int flags)
{
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | flags}, before;

    sigaction(number, &action, &before);
    if (before.sa_handler != SIG_DFL)
        say("signal %d was not at its default\n", number);
}

static void unhandle(int number)
{
    struct sigaction action = {.sa_handler = SIG_DFL}, before;

    sigaction(number, &action, &before);
    if (!(before.sa_flags & SA_SIGINFO))
        say("signal %d was not handled\n", number);
}

/* ---- each signal ------------------------------------------------------------------------ */

static volatile sig_atomic_t got[65], got_total;
static volatile int got_code, got_value;
static volatile pid_t got_pid;

static void note(int number, siginfo_t *info, void *context)
{
    (void)context;
    got[number]++;
    got_total++;
    got_code = info->si_code;
    got_value = info->si_value.sival_int;
    got_pid = info->si_pid;
}

static void forget(void)
{
    memset((void *)got, 0, sizeof(got));
    got_total = 0;
}

/* 32 and 33 are libc's, and two can't be caught. */
static int is_free(int number)
{
    return number != SIGKILL && number != SIGSTOP && number != 32 && number != 33;
}

static void each_signal(void)
{
    sigset_t pending;

    forget();
    for (int number = 1; number <= 64; number++) {
        if (!is_free(number))
            continue;
        handle(number, note, 0);
        raise(number);
        say("%d: %d, code %d%s;", number, got[number], got_code,
            got_pid == getpid() ? "" : ", not from us");
        change_mask(SIG_BLOCK, number);
        sigqueue(getpid(), number, (union sigval){.sival_int = number + 100});
        sigpending(&pending);
        say(" pending %d;", sigismember(&pending, number));
        change_mask(SIG_UNBLOCK, number);
        say(" %d, value %d\n", got[number], got_value - 100);
    }
    say("all handled: %d signals\n", got_total);
    for (int number = 1; number <= 64; number++)
        if (is_free(number))
            unhandle(number);
}

static int order[8], ordered;

static void note_order(int number, siginfo_t *info, void *context)
{
    (void)number;
    (void)context;
    if (ordered < 8)
        order[ordered++] = info->si_value.sival_int;
}

static void queued_in_order(void)
{
    ordered = 0;
    handle(SIGRTMIN + 1, note_order, 0);
    change_mask(SIG_BLOCK, SIGRTMIN + 1);
    for (int i = 0; i < 8; i++)
        sigqueue(getpid(), SIGRTMIN + 1, (union sigval){.sival_int = i});
    change_mask(SIG_UNBLOCK, SIGRTMIN + 1);
    say("queued:");
    for (int i = 0; i < ordered; i++)
        say(" %d", order[i]);
    say("\n");
    unhandle(SIGRTMIN + 1);
}

/* ---- timers ------------------------------------------------------------------------------- */

/* Wait, with SIGNAL blocked, until COUNT of it have come. */
static void suspend_until(int number, int count)
{
    sigset_t none = only(0);

    while (got[number] < count)
        sigsuspend(&none);
}

static void interval_timer(int which, int number)
{
    struct itimerval time = {{0, 20000}, {0, 20000}}, off = {{0, 0}, {0, 0}};
    volatile unsigned long turns = 0;

    forget();
    handle(number, note, 0);
    change_mask(SIG_BLOCK, number);
    setitimer(which, &time, NULL);
    if (which == ITIMER_REAL) {
        suspend_until(number, 3);
    } else {
        change_mask(SIG_UNBLOCK, number);
        while (got[number] < 2)
            turns++;
    }
    setitimer(which, &off, NULL);
    say("interval timer %d: %s, %d of others\n", which, got[number] >= 2 ? "enough" : "too few",
        got_total - got[number]);
    change_mask(SIG_UNBLOCK, number);
    unhandle(number);
}

static void posix_timer(void)
{
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN + 2};
    struct itimerspec time = {.it_value = {0, A_WHILE}};
    sigset_t set = only(SIGRTMIN + 2);
    siginfo_t info;
    timer_t timer;

    event.sigev_value.sival_int = 7;
    change_mask(SIG_BLOCK, SIGRTMIN + 2);
    timer_create(CLOCK_MONOTONIC, &event, &timer);
    timer_settime(timer, 0, &time, NULL);
    say("timer: signal %ld", AGAIN(sigwaitinfo(&set, &info)) - SIGRTMIN);
    say(", by a timer %d, value %d, overruns %d\n", info.si_code == SI_TIMER, info.si_int,
        timer_getoverrun(timer));
    timer_delete(timer);
    change_mask(SIG_UNBLOCK, SIGRTMIN + 2);
}

static void timer_descriptor(void)
{
    struct itimerspec time = {.it_value = {0, A_WHILE}};
    struct timespec begin = now(CLOCK_MONOTONIC);
    int file = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    uint64_t count = 0;

    timerfd_settime(file, 0, &time, NULL);
    say_wait("timerfd", read(file, &count, sizeof(count)), &begin);
    say("timerfd %d: %d expired\n", file, (int)count);
    close(file);
}

static void alarms(void)
{
    struct itimerval soon = {{0, 0}, {0, A_WHILE / 1000}};
    struct timespec begin;

    forget();
    handle(SIGALRM, note, 0);
    say("alarm: %u", alarm(1000));
    say(", %d", alarm(0) > 990);
    say(", %u\n", alarm(0));
    begin = now(CLOCK_MONOTONIC);
    setitimer(ITIMER_REAL, &soon, NULL);
    while (!got[SIGALRM])
        poll(NULL, 0, 5000); /* not pause(): it may come in between */
    say_wait("alarm", got[SIGALRM], &begin);
    unhandle(SIGALRM);
}

/* ---- signals as data ----------------------------------------------------------------------- */

/* A child that sends us SIGNAL after a while, if that is not 0, and ends with STATUS. */
static pid_t child(int number, int status)
{
    pid_t made = fork();

    if (made == 0) {
        const struct timespec time = {0, A_WHILE};

        nanosleep(&time, NULL);
        if (number)
            kill(getppid(), number);
        _exit(status);
    }
    return made;
}

static void say_child(pid_t made, pid_t found, const int *status)
{
    say(" child: %s, status %d;", found == made ? "ours" : found < 0 ? strerror(errno) : "another",
        WEXITSTATUS(*status));
}

static void signals_as_data(void)
{
    sigset_t set = only(SIGUSR1);
    struct signalfd_siginfo read_info = {0};
    const struct timespec time = {0, A_WHILE};
    struct timespec begin;
    siginfo_t info;
    int file, number, status;
    pid_t made;

    change_mask(SIG_BLOCK, SIGUSR1);
    file = signalfd(-1, &set, SFD_CLOEXEC);
    made = child(SIGUSR1, 1);
    say("signalfd %d: %ld bytes", file, (long)read(file, &read_info, sizeof(read_info)));
    say(", signal %u, of the child %d;", read_info.ssi_signo, (pid_t)read_info.ssi_pid == made);
    say_child(made, waitpid(made, &status, 0), &status);
    close(file);
    made = child(SIGUSR1, 2);
    say("\nsigwait: %d, ", sigwait(&set, &number));
    say("signal %d;", number);
    say_child(made, wait(&status), &status);
    made = child(SIGUSR1, 3);
    say("\nsigwaitinfo: %ld, ", AGAIN(sigwaitinfo(&set, &info)));
    say("of the child %d;", info.si_pid == made);
    say_child(made, wait(&status), &status);
    say("\n");
    begin = now(CLOCK_MONOTONIC);
    say_wait("sigtimedwait", AGAIN(sigtimedwait(&set, &info, &time)), &begin);
    change_mask(SIG_UNBLOCK, SIGUSR1);
}

static int pipe_ends[2];

static void write_to_pipe(int number, siginfo_t *info, void *context)
{
    char byte = (char)number;
    int error = errno;

    (void)info;
    (void)context;
    write(pipe_ends[1], &byte, 1);
    errno = error;
}

/* How many bytes are in the pipe, and which is the last. */
static void say_pipe(const char *name, long result)
{
    char bytes[64];
    ssize_t count = read(pipe_ends[0], bytes, sizeof(bytes));

    say("self-pipe by %s: %ld, %zd bytes, signal %d\n", name, result, count,
        count > 0 ? bytes[count - 1] : 0);
}

static void self_pipe(void)
{
    struct epoll_event event = {.events = EPOLLIN};
    struct pollfd look;
    fd_set set;
    int queue;

    pipe2(pipe_ends, O_CLOEXEC);
    say("descriptors %d %d\n", pipe_ends[0], pipe_ends[1]);
    handle(SIGUSR2, write_to_pipe, SA_RESTART);
    look = (struct pollfd){.fd = pipe_ends[0], .events = POLLIN};
    child(SIGUSR2, 0);
    say_pipe("poll", AGAIN(poll(&look, 1, -1)));
    wait(NULL);
    child(SIGUSR2, 0);
    FD_ZERO(&set);
    FD_SET(pipe_ends[0], &set);
    say_pipe("select", AGAIN(select(pipe_ends[0] + 1, &set, NULL, NULL, NULL)));
    wait(NULL);
    child(SIGUSR2, 0);
    queue = epoll_create1(EPOLL_CLOEXEC);
    epoll_ctl(queue, EPOLL_CTL_ADD, pipe_ends[0], &event);
    say_pipe("epoll_wait", AGAIN(epoll_wait(queue, &event, 1, -1)));
    wait(NULL);
    close(queue);
    child(SIGUSR2, 0);
    say_pipe("read", 0); /* blocks, and goes on: the handler is set with SA_RESTART */
    wait(NULL);
    close(pipe_ends[0]);
    close(pipe_ends[1]);
    unhandle(SIGUSR2);
}

/* ---- children -------------------------------------------------------------------------------- */

static void children(void)
{
    siginfo_t info = {0};
    pid_t made, all[3];
    int status = 0;

    forget();
    handle(SIGCHLD, note, SA_RESTART);
    for (int i = 0; i < 4; i++) {
        const struct timespec begin = now(CLOCK_MONOTONIC); /* before it can begin to wait */

        made = child(0, 10 + i);
        if (i == 0)
            say("wait(-1):"), say_child(made, waitpid(-1, &status, 0), &status);
        if (i == 1)
            say("wait:"), say_child(made, wait(&status), &status);
        if (i == 2)
            say("waitid: %d,", waitid(P_ALL, 0, &info, WEXITED)),
                status = info.si_status << 8, say_child(made, info.si_pid, &status);
        if (i == 3) {
            while (got[SIGCHLD] < 4)
                poll(NULL, 0, 5000);
            say_wait("a child's end", got[SIGCHLD], &begin);
            say_child(made, waitpid(-1, &status, WNOHANG), &status);
        }
        say(" SIGCHLD %d, of it %d\n", got[SIGCHLD], got_pid == made);
    }
    say("no child: %d", wait(NULL));
    say(" %d %s\n", waitpid(-1, NULL, WNOHANG), strerror(errno));
    unhandle(SIGCHLD);
    for (int i = 0; i < 3; i++)
        all[i] = child(0, i);
    for (int i = 0; i < 3; i++)
        say_child(all[i], waitpid(all[i], &status, 0), &status);
    signal(SIGCHLD, SIG_IGN);
    child(0, 1);
    say("\nignored: %d %s\n", wait(NULL), strerror(errno));
    signal(SIGCHLD, SIG_DFL);
}

/* ---- sleeping -------------------------------------------------------------------------------- */

static void sleeping(void)
{
    const struct timespec time = {0, A_WHILE};
    struct timespec begin = now(CLOCK_MONOTONIC), rest = time, until = in_a_while(CLOCK_MONOTONIC);
    struct epoll_event event;
    struct timeval left = {0, A_WHILE / 1000};
    int queue;
    long result;

    say_wait("nanosleep", AGAIN(nanosleep(&rest, &rest)), &begin);
    begin = now(CLOCK_MONOTONIC);
    until = in_a_while(CLOCK_MONOTONIC);
    while ((result = clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL)) == EINTR) {
    }
    say_wait("clock_nanosleep", result, &begin);
    begin = now(CLOCK_MONOTONIC);
    say_wait("select", AGAIN(select(0, NULL, NULL, NULL, &left)), &begin);
    begin = now(CLOCK_MONOTONIC);
    while ((result = poll(NULL, 0, 60)) != 0 || elapsed_since(&begin) < A_WHILE) {
    }
    say_wait("poll", result, &begin);
    queue = epoll_create1(EPOLL_CLOEXEC);
    begin = now(CLOCK_MONOTONIC);
    while ((result = epoll_wait(queue, &event, 1, 60)) != 0 || elapsed_since(&begin) < A_WHILE) {
    }
    say_wait("epoll_wait", result, &begin);
    close(queue);
    begin = now(CLOCK_MONOTONIC);
    while (elapsed_since(&begin) < A_WHILE)
        sleep(1); /* what it returns is rounded down */
    say_wait("sleep", 0, &begin);
}

/* ---- threads ---------------------------------------------------------------------------------- */

static pthread_t noted_thread;
static sem_t noted;

static void note_thread(int number, siginfo_t *info, void *context)
{
    (void)number;
    (void)info;
    (void)context;
    noted_thread = pthread_self();
    sem_post(&noted);
}

static void *sleep_a_while(void *unused)
{
    struct timespec rest = {0, 2 * A_WHILE};

    AGAIN(nanosleep(&rest, &rest));
    return unused;
}

static void threads(void)
{
    static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
    struct timespec begin, until;
    pthread_t thread;
    int result;

    sem_init(&noted, 0, 0);
    handle(SIGUSR1, note_thread, SA_RESTART);
    pthread_create(&thread, NULL, sleep_a_while, NULL);
    pthread_kill(thread, SIGUSR1);
    say("pthread_kill: %ld", AGAIN(sem_wait(&noted)));
    say(", that thread %d", pthread_equal(noted_thread, thread) != 0);
    say(", join %d\n", pthread_join(thread, NULL));
    unhandle(SIGUSR1);
    begin = now(CLOCK_MONOTONIC);
    until = in_a_while(CLOCK_REALTIME);
    say_wait("sem_timedwait", AGAIN(sem_timedwait(&noted, &until)), &begin);
    begin = now(CLOCK_MONOTONIC);
    until = in_a_while(CLOCK_REALTIME);
    pthread_mutex_lock(&mutex);
    result = pthread_cond_timedwait(&condition, &mutex, &until);
    pthread_mutex_unlock(&mutex);
    say_wait("pthread_cond_timedwait", result == ETIMEDOUT, &begin);
}

/* ---- rounds ------------------------------------------------------------------------------------ */

static void play_round(void)
{
    length = 0;
    each_signal();
    queued_in_order();
    interval_timer(ITIMER_REAL, SIGALRM);
    interval_timer(ITIMER_VIRTUAL, SIGVTALRM);
    interval_timer(ITIMER_PROF, SIGPROF);
    posix_timer();
    timer_descriptor();
    alarms();
    signals_as_data();
    self_pipe();
    children();
    sleeping();
    threads();
}

static int input_has_ended(void)
{
    struct pollfd input = {.fd = 0, .events = POLLIN};

    return poll(&input, 1, 0) == 1;
}

int main(void)
{
    close_range(3, ~0u, 0); /* what the test holds */
    signal(SIGINT, SIG_DFL); /* a shell lets what runs in the background ignore these two */
    signal(SIGQUIT, SIG_DFL);
    play_round();
    memcpy(first, text, length + 1);
    fputs(first, stdout);
    puts("ready");
    fflush(stdout);
    do {
        play_round();
        if (strcmp(text, first) != 0)
            printf("another round:\n%s", text);
    } while (!input_has_ended());
    return 0;
}
