/* seccomp.c - a program that forbids itself nearly all system calls, in the WAY that its
 * argument says, and goes on allocating.
 *
 *     strict     by prctl, nothing but read, write and exit
 *     prctl      a filter by prctl: any call but those that malloc and stdio make is deadly
 *     call       the same by the system call
 *     threads    the same for all of 4 threads, which allocate all the while and end then
 *     child      the same in a child of fork
 *     tries      100 filters that the kernel does not take, then one that it takes, by prctl
 *     refused    filters that the kernel does not take, and questions about them
 *
 * It keeps 9 blocks of 91 bytes before and 5 of 92 bytes after it.
 */
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define ALLOW(name)                                       \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##name, 0, 1), \
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

static struct sock_filter steps[] = {
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
    /* malloc */
    ALLOW(brk), ALLOW(mmap), ALLOW(munmap), ALLOW(mremap), ALLOW(mprotect), ALLOW(madvise),
    ALLOW(futex),
    /* stdio and the end */
    ALLOW(write), ALLOW(newfstatat), ALLOW(exit_group),
    /* the ends of threads, as libc makes them */
    ALLOW(exit), ALLOW(rt_sigprocmask), ALLOW(set_robust_list),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
};
static struct sock_fprog filter = { sizeof(steps) / sizeof(*steps), steps };

static void *volatile kept[16];
static int count;
static atomic_bool filtered;

static void keep(size_t size, int times)
{
    while (times-- > 0)
        kept[count++] = malloc(size);
}

static void churn(void)
{
    for (size_t i = 0; i < 3000; i++) {
        void *volatile block = malloc(i * 7 % 70000);

        block = realloc(block, i * 11 % 200000 + 1);
        free(block);
    }
}

static void say(const char *text)
{
    if (write(1, text, strlen(text)) < 0)
        _exit(9);
}

static void forbid(void)
{
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter, 0, 0) != 0)
        exit(77);
}

static void forbid_by_call(unsigned flags)
{
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &filter) != 0)
        exit(77);
}

static void at_exit(void)
{
    free(malloc(100));
    say("at exit\n");
}

static pthread_barrier_t begun;

static void *allocate(void *unused)
{
    free(malloc(500)); /* libc looks how many processors there are */
    pthread_barrier_wait(&begun);
    while (!atomic_load(&filtered))
        free(malloc(500));
    for (int i = 0; i < 10000; i++)
        free(malloc((size_t)i));
    return unused;
}

static void with_threads(void)
{
    pthread_t threads[4];

    pthread_barrier_init(&begun, NULL, 5);
    for (int i = 0; i < 4; i++)
        if (pthread_create(&threads[i], NULL, allocate, NULL) != 0)
            exit(9);
    pthread_barrier_wait(&begun);
    forbid_by_call(SECCOMP_FILTER_FLAG_TSYNC);
    atomic_store(&filtered, true);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
}

static void in_child(void)
{
    pid_t child = fork();
    int status;

    if (child == 0) {
        forbid();
        churn();
        puts("child");
        exit(4);
    }
    waitpid(child, &status, 0);
    printf("child: status %d, signal %d\n", WEXITSTATUS(status), WTERMSIG(status));
}

static void refused(void)
{
    struct sock_fprog empty = { 0, steps };

    errno = 0;
    printf("empty: %d", prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &empty, 0, 0));
    printf(", errno %d\n", errno);
    printf("no mode: %d", prctl(PR_SET_SECCOMP, 99, &filter, 0, 0));
    printf(", errno %d\n", errno);
    printf("no filter: %ld", syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, NULL));
    printf(", errno %d\n", errno);
    printf("strict with flags: %ld", syscall(SYS_seccomp, SECCOMP_SET_MODE_STRICT, 1, NULL));
    printf(", errno %d\n", errno);
    printf("mode now: %d, name: %d\n", prctl(PR_GET_SECCOMP), prctl(PR_SET_NAME, "refused"));
    printf("no call: %ld", syscall(9999, 1, 2, 3, 4, 5, 6));
    printf(", errno %d\n", errno);
    printf("parent: %d\n", syscall(SYS_getppid) == getppid());
}

int main(int argc, char **argv)
{
    const char *way = argc > 1 ? argv[1] : "";
    const struct rlimit no_core = { 0, 0 };

    setrlimit(RLIMIT_CORE, &no_core);
    atexit(at_exit);
    keep(91, 9);
    free(malloc(60000)); /* so that there is some room for the strict */
    if (strcmp(way, "strict") == 0) {
        if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) != 0)
            exit(77);
        keep(92, 5);
        for (int i = 0; i < 500; i++)
            free(realloc(malloc(100), 1000));
        say("strict\n");
        syscall(SYS_exit, 5);
    } else if (strcmp(way, "prctl") == 0) {
        forbid();
    } else if (strcmp(way, "tries") == 0) {
        struct sock_fprog empty = { 0, steps };

        for (int i = 0; i < 100; i++)
            if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &empty, 0, 0) == 0)
                exit(9);
        forbid();
    } else if (strcmp(way, "call") == 0) {
        forbid_by_call(0);
    } else if (strcmp(way, "threads") == 0) {
        with_threads();
    } else if (strcmp(way, "child") == 0) {
        in_child();
    } else {
        refused();
    }
    churn();
    keep(92, 5);
    puts(way);
    return 5;
}
