/* every_wait.c - waits in one system call, and tells whether a request let it end early.
 *
 *     every_wait CALL       waits in CALL until it gets SIGUSR1
 *     every_wait --list     the names of all calls
 *     every_wait --graph CALL  the same while another thread takes 20 snapshots with the heap
 *                           graph, each of which stops this one, then sends SIGUSR1
 *
 * Prints "ready" and goes into the call. When that returns: "ends early"; when SIGUSR1
 * comes before: "goes on". So who tests asks for a snapshot, then sends SIGUSR1.
 */
#include "preload/heapdelta.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <mqueue.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LONG 100000 /* s */

static sigjmp_buf finished;
static volatile sig_atomic_t ended;

static void finish(int number)
{
    (void)number;
    if (!ended)
        siglongjmp(finished, 1);
}

static void fail(const char *what)
{
    perror(what);
    _exit(9);
}

/* Wait until the thread TID of this process waits. */
static void until_at_rest(pid_t tid)
{
    char path[64], line[256];
    const char *state;

    snprintf(path, sizeof path, "/proc/self/task/%d/stat", (int)tid);
    do {
        FILE *file = fopen(path, "r");

        state = file && fgets(line, sizeof line, file) ? strrchr(line, ')') : NULL;
        if (file)
            fclose(file);
    } while (!state || state[2] != 'S');
}

static bool with_graph;
static pthread_t waiting;
static pid_t waiting_tid;

static void *take_snapshots(void *unused)
{
    until_at_rest(waiting_tid);
    for (int i = 0; i < 20; i++) {
        int result = heapdelta_take_graph_snapshot(NULL);

        if (result < 0) {
            printf("no snapshot: %s\n", strerror(-result));
            break;
        }
    }
    pthread_kill(waiting, SIGUSR1);
    return unused;
}

static void ready(void)
{
    sigset_t all, before;
    pthread_t thread;

    if (write(1, "ready\n", 6) != 6)
        _exit(9);
    if (!with_graph)
        return;
    waiting = pthread_self();
    waiting_tid = gettid();
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_create(&thread, NULL, take_snapshots, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/* A child that does nothing until its parent ends. */
static pid_t make_child(void)
{
    int ends[2];
    pid_t child;
    char byte;

    if (pipe(ends) < 0 || (child = fork()) < 0)
        fail("fork");
    if (child == 0) {
        signal(SIGUSR1, SIG_IGN);
        close(ends[1]);
        while (read(ends[0], &byte, 1) < 0) {
        }
        _exit(0);
    }
    close(ends[0]);
    return child;
}

static struct timespec at_last(clockid_t clock)
{
    struct timespec time;

    clock_gettime(clock, &time);
    time.tv_sec += LONG;
    return time;
}

static const struct timespec long_time = {.tv_sec = LONG};
static const struct timeval long_timeval = {.tv_sec = LONG};
static char buffer[65536];

static int empty_pipe(void)
{
    int ends[2];

    if (pipe(ends) < 0)
        fail("pipe");
    return ends[0];
}

static int full_pipe(void)
{
    int ends[2];

    if (pipe(ends) < 0 || fcntl(ends[1], F_SETFL, O_NONBLOCK) < 0)
        fail("pipe");
    while (write(ends[1], buffer, sizeof(buffer)) > 0) {
    }
    fcntl(ends[1], F_SETFL, 0);
    return ends[1];
}

/* One end of a pair of sockets that waits for LONG at most, if TIMED. */
static int socket_end(int timed)
{
    int ends[2];

    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) < 0)
        fail("socketpair");
    if (timed && (setsockopt(ends[0], SOL_SOCKET, SO_RCVTIMEO, &long_timeval,
                             sizeof(long_timeval)) < 0))
        fail("setsockopt");
    return ends[0];
}

static int full_socket(void)
{
    int end = socket_end(0);

    while (send(end, buffer, sizeof(buffer), MSG_DONTWAIT) > 0) {
    }
    return end;
}

/* A socket that listens, with an abstract name at ADDRESS. */
static int listener(struct sockaddr_un *address)
{
    int made = socket(AF_UNIX, SOCK_STREAM, 0);

    memset(address, 0, sizeof(*address));
    address->sun_family = AF_UNIX;
    snprintf(address->sun_path + 1, sizeof(address->sun_path) - 1, "every_wait.%d", (int)getpid());
    if (made < 0 || bind(made, (struct sockaddr *)address, sizeof(*address)) < 0 ||
        listen(made, 0) < 0)
        fail("listen");
    return made;
}

static int temporary_file(void)
{
    char name[] = "every_wait.XXXXXX";
    int file = mkstemp(name);

    if (file < 0)
        fail(name);
    unlink(name);
    return file;
}

static mqd_t queue(int full)
{
    struct mq_attr attributes = {.mq_maxmsg = 1, .mq_msgsize = 8};
    char name[64];
    mqd_t made;

    snprintf(name, sizeof(name), "/every_wait.%d", (int)getpid());
    made = mq_open(name, O_RDWR | O_CREAT | O_EXCL, 0600, &attributes);
    if (made == (mqd_t)-1)
        fail("mq_open");
    mq_unlink(name);
    if (full)
        mq_send(made, "full", 4, 0);
    return made;
}

static int message_queue(void)
{
    int made = msgget(IPC_PRIVATE, 0600);

    if (made < 0)
        fail("msgget");
    return made;
}

static int semaphores(void)
{
    int made = semget(IPC_PRIVATE, 1, 0600);

    if (made < 0)
        fail("semget");
    return made;
}

static int kernel_queue = -1, kernel_semaphores = -1;

static void remove_kernel_objects(void)
{
    if (kernel_queue >= 0)
        msgctl(kernel_queue, IPC_RMID, NULL);
    if (kernel_semaphores >= 0)
        semctl(kernel_semaphores, 0, IPC_RMID);
}

static void *wait_forever(void *unused)
{
    for (;;)
        pause();
    return unused;
}

/* A thread that takes no signals. */
static pthread_t quiet_thread(void *(*run)(void *), void *argument)
{
    sigset_t all, before;
    pthread_t thread;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    if (pthread_create(&thread, NULL, run, argument) != 0)
        _exit(9);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return thread;
}

static pthread_barrier_t taken;

static void *take_mutex(void *mutex)
{
    pthread_mutex_lock(mutex);
    pthread_barrier_wait(&taken);
    return wait_forever(NULL);
}

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static sem_t semaphore;

static sigset_t only(int number)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, number);
    return set;
}

/* ---- the calls: what they return is not -1 (or an error) where they end well ---------- */

static void wait_read(void) { int file = empty_pipe(); ready(); read(file, buffer, 1); }
static void wait_write(void) { int file = full_pipe(); ready(); write(file, buffer, 1); }
static void wait_flock(void)
{
    char path[64];
    int file = temporary_file(), other;

    flock(file, LOCK_EX);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
    other = open(path, O_RDWR);
    ready();
    flock(other, LOCK_EX);
}
static void wait_fcntl(void)
{
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    char path[64];
    int file = temporary_file(), other;

    fcntl(file, F_OFD_SETLK, &whole);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
    other = open(path, O_RDWR);
    ready();
    fcntl(other, F_OFD_SETLKW, &whole);
}
static void wait_open(void)
{
    mkfifo("every_wait.fifo", 0600);
    ready();
    open("every_wait.fifo", O_RDONLY);
}
static void wait_recv(void) { int end = socket_end(0); ready(); recv(end, buffer, 1, 0); }
static void wait_recv_timed(void) { int end = socket_end(1); ready(); recv(end, buffer, 1, 0); }
static void wait_send(void) { int end = full_socket(); ready(); send(end, buffer, 9, 0); }
static void wait_accept(void)
{
    struct sockaddr_un address;
    int made = listener(&address);

    ready();
    accept(made, NULL, NULL);
}
static void wait_connect(void)
{
    struct sockaddr_un address;
    int first, second;

    listener(&address);
    first = socket(AF_UNIX, SOCK_STREAM, 0);
    second = socket(AF_UNIX, SOCK_STREAM, 0);
    connect(first, (struct sockaddr *)&address, sizeof(address));
    ready();
    connect(second, (struct sockaddr *)&address, sizeof(address));
}
static void wait_wait(void) { make_child(); ready(); wait(NULL); }
static void wait_waitpid(void) { make_child(); ready(); waitpid(-1, NULL, 0); }
static void wait_waitid(void)
{
    siginfo_t info;

    make_child();
    ready();
    waitid(P_ALL, 0, &info, WEXITED);
}
static void wait_mutex(void)
{
    pthread_barrier_init(&taken, NULL, 2);
    quiet_thread(take_mutex, &mutex);
    pthread_barrier_wait(&taken);
    ready();
    pthread_mutex_lock(&mutex);
}
static void wait_condition(void)
{
    pthread_mutex_lock(&mutex);
    ready();
    pthread_cond_wait(&condition, &mutex);
}
static void wait_condition_timed(void)
{
    struct timespec time = at_last(CLOCK_REALTIME);

    pthread_mutex_lock(&mutex);
    ready();
    pthread_cond_timedwait(&condition, &mutex, &time);
}
static void wait_join(void)
{
    pthread_t thread = quiet_thread(wait_forever, NULL);

    ready();
    pthread_join(thread, NULL);
}
static void wait_semaphore(void) { sem_init(&semaphore, 0, 0); ready(); sem_wait(&semaphore); }
static void wait_semaphore_timed(void)
{
    struct timespec time = at_last(CLOCK_REALTIME);

    sem_init(&semaphore, 0, 0);
    ready();
    sem_timedwait(&semaphore, &time);
}
static void wait_futex(void)
{
    static int word;

    ready();
    syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, NULL);
}
static void wait_futex_timed(void)
{
    static int word;

    ready();
    syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, &long_time);
}
static void wait_mq_receive(void)
{
    mqd_t made = queue(0);

    ready();
    mq_receive(made, buffer, sizeof(buffer), NULL);
}
static void wait_mq_send(void) { mqd_t made = queue(1); ready(); mq_send(made, "more", 4, 0); }
static void wait_eventfd(void) { int file = eventfd(0, 0); ready(); read(file, buffer, 8); }
static void wait_timerfd(void)
{
    const struct itimerspec time = {.it_value = {.tv_sec = LONG}};
    int file = timerfd_create(CLOCK_MONOTONIC, 0);

    timerfd_settime(file, 0, &time, NULL);
    ready();
    read(file, buffer, 8);
}
static void wait_signalfd(void)
{
    sigset_t set = only(SIGUSR2);
    int file;

    sigprocmask(SIG_BLOCK, &set, NULL);
    file = signalfd(-1, &set, 0);
    ready();
    read(file, buffer, sizeof(struct signalfd_siginfo));
}
static void wait_inotify(void)
{
    int file = inotify_init();

    inotify_add_watch(file, ".", IN_ATTRIB);
    ready();
    read(file, buffer, sizeof(buffer));
}
static void wait_poll(void) { ready(); poll(NULL, 0, -1); }
static void wait_ppoll(void) { ready(); ppoll(NULL, 0, NULL, NULL); }
static void wait_select(void) { ready(); select(0, NULL, NULL, NULL, NULL); }
static void wait_pselect(void) { ready(); pselect(0, NULL, NULL, NULL, NULL, NULL); }
static void wait_epoll(void)
{
    struct epoll_event event;
    int file = epoll_create1(0);

    ready();
    epoll_wait(file, &event, 1, -1);
}
static void wait_epoll_mask(void)
{
    struct epoll_event event;
    int file = epoll_create1(0);

    ready();
    epoll_pwait(file, &event, 1, -1, NULL);
}
static void wait_nanosleep(void) { ready(); nanosleep(&long_time, NULL); }
static void wait_clock_nanosleep(void) { ready(); clock_nanosleep(CLOCK_MONOTONIC, 0, &long_time, NULL); }
static void wait_until(void)
{
    struct timespec time = at_last(CLOCK_MONOTONIC);

    ready();
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL);
}
static void wait_sleep(void) { ready(); sleep(LONG); }
static void wait_usleep(void) { ready(); usleep(4000000000u); }
static void wait_pause(void) { ready(); pause(); }
static void wait_sigsuspend(void)
{
    sigset_t none;

    sigemptyset(&none);
    ready();
    sigsuspend(&none);
}
static void wait_sigwait(void)
{
    sigset_t set = only(SIGUSR2);
    int number;

    sigprocmask(SIG_BLOCK, &set, NULL);
    ready();
    sigwait(&set, &number);
}
static void wait_sigwaitinfo(void)
{
    sigset_t set = only(SIGUSR2);

    sigprocmask(SIG_BLOCK, &set, NULL);
    ready();
    sigwaitinfo(&set, NULL);
}
static void wait_sigtimedwait(void)
{
    sigset_t set = only(SIGUSR2);

    sigprocmask(SIG_BLOCK, &set, NULL);
    ready();
    sigtimedwait(&set, NULL, &long_time);
}
static void wait_semop(void)
{
    struct sembuf take = {.sem_op = -1};

    kernel_semaphores = semaphores();
    ready();
    semop(kernel_semaphores, &take, 1);
}
static void wait_msgrcv(void)
{
    kernel_queue = message_queue();
    ready();
    msgrcv(kernel_queue, buffer, 8, 0, 0);
}
static void wait_msgsnd(void)
{
    struct msgbuf *message = (struct msgbuf *)buffer;

    kernel_queue = message_queue();
    message->mtype = 1;
    while (msgsnd(kernel_queue, message, 8000, IPC_NOWAIT) == 0) {
    }
    ready();
    msgsnd(kernel_queue, message, 8000, 0);
}

static const struct {
    const char *name;
    void (*wait)(void);
} calls[] = {
    {"read", wait_read},
    {"write", wait_write},
    {"open of a FIFO", wait_open},
    {"flock", wait_flock},
    {"fcntl F_SETLKW", wait_fcntl},
    {"recv", wait_recv},
    {"send", wait_send},
    {"accept", wait_accept},
    {"connect", wait_connect},
    {"wait", wait_wait},
    {"waitpid", wait_waitpid},
    {"waitid", wait_waitid},
    {"pthread_mutex_lock", wait_mutex},
    {"pthread_cond_wait", wait_condition},
    {"pthread_cond_timedwait", wait_condition_timed},
    {"pthread_join", wait_join},
    {"sem_wait", wait_semaphore},
    {"futex FUTEX_WAIT", wait_futex},
    {"mq_receive", wait_mq_receive},
    {"mq_send", wait_mq_send},
    {"read of an eventfd", wait_eventfd},
    {"read of a timerfd", wait_timerfd},
    {"read of a signalfd", wait_signalfd},
    {"read of an inotify", wait_inotify},
    {"recv with SO_RCVTIMEO", wait_recv_timed},
    {"sem_timedwait", wait_semaphore_timed},
    {"futex FUTEX_WAIT with a time", wait_futex_timed},
    {"poll", wait_poll},
    {"ppoll", wait_ppoll},
    {"select", wait_select},
    {"pselect", wait_pselect},
    {"epoll_wait", wait_epoll},
    {"epoll_pwait", wait_epoll_mask},
    {"nanosleep", wait_nanosleep},
    {"clock_nanosleep", wait_clock_nanosleep},
    {"clock_nanosleep TIMER_ABSTIME", wait_until},
    {"sleep", wait_sleep},
    {"usleep", wait_usleep},
    {"pause", wait_pause},
    {"sigsuspend", wait_sigsuspend},
    {"semop", wait_semop},
    {"msgrcv", wait_msgrcv},
    {"msgsnd", wait_msgsnd},
    {"sigwait", wait_sigwait},
    {"sigwaitinfo", wait_sigwaitinfo},
    {"sigtimedwait", wait_sigtimedwait},
};

#define CALLS (sizeof(calls) / sizeof(calls[0]))

int main(int argc, char **argv)
{
    const struct sigaction action = {.sa_handler = finish};
    volatile size_t call = 0; /* after siglongjmp, too */

    for (size_t i = 0; argc == 2 && strcmp(argv[1], "--list") == 0 && i < CALLS; i++)
        puts(calls[i].name);
    if (argc == 3 && strcmp(argv[1], "--graph") == 0) {
        with_graph = true;
        argv++;
        argc--;
    }
    while (argc == 2 && call < CALLS && strcmp(argv[1], calls[call].name) != 0)
        call++;
    if (argc != 2 || call == CALLS)
        return argc == 2 ? 0 : 2;
    sigaction(SIGUSR1, &action, NULL);
    if (sigsetjmp(finished, 1) == 0) {
        calls[call].wait();
        ended = 1;
        puts("ends early");
    } else {
        puts("goes on");
    }
    remove_kernel_objects();
    return 0;
}
