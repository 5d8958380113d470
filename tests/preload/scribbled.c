/* scribbled.c - a program whose control page somebody else writes to, or cuts off; and what
 * SIGBUS, by which that is noticed, does otherwise.
 *
 *     scribble   a child writes bytes by chance all over the page's file, 3000 times
 *     cut        the same, then it cuts the file short, and both again after a while
 *     default    a file of the program's own is cut short: it dies
 *     handler    the same, with a handler, which leaves by siglongjmp
 *     sent       SIGBUS is sent to it: it dies
 *     query      what is set for SIGBUS
 *
 * In the first two it allocates and frees all the while, and keeps 100 blocks of 93 bytes.
 */
#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static void *volatile kept[100];
static sigjmp_buf before;

/* The path of the page, as /proc has it; empty if this process has none. */
static void find_page(char *path, size_t size)
{
    FILE *maps = fopen("/proc/self/maps", "r");
    char line[5000];

    *path = '\0';
    while (maps && fgets(line, sizeof(line), maps)) {
        char *name = strchr(line, '/');

        line[strcspn(line, "\n")] = '\0';
        if (name && strlen(name) > 8 && strcmp(name + strlen(name) - 8, ".control") == 0)
            snprintf(path, size, "%s", name);
    }
    if (maps)
        fclose(maps);
}

static uint64_t next_random(void)
{
    static uint64_t state = 88172645463325252u;

    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

/* In a child. */
static void scribble(const char *path, int cut)
{
    int file = open(path, O_RDWR);
    uint64_t garbage[512];

    for (int i = 0; file >= 0 && i < 3000; i++) {
        size_t size = 1 + next_random() % (i % 10 == 0 ? sizeof(garbage) : 9);

        for (size_t j = 0; j < 512; j++)
            garbage[j] = next_random() | 0x0101010101010101u;
        if (pwrite(file, garbage, size, (off_t)(next_random() % (4097 - size))) < 0)
            _exit(1);
    }
    if (file >= 0 && cut && ftruncate(file, 0) != 0)
        _exit(1);
    _exit(0);
}

static void allocate(int count)
{
    for (int i = 0; i < count; i++)
        free(realloc(malloc((size_t)i % 300), 400));
}

static void be_scribbled_on(int cut)
{
    char path[4096];

    find_page(path, sizeof(path));
    for (int round = 0; round <= cut; round++) {
        pid_t child = fork();
        int status = 0;

        if (child == 0)
            scribble(path, cut);
        while (waitpid(child, &status, WNOHANG) == 0)
            allocate(100);
        printf("child: %d\n", status);
        allocate(100000);
    }
    for (int i = 0; i < 100; i++)
        kept[i] = malloc(93);
}

static void on_bus(int number, siginfo_t *info, void *context)
{
    (void)number;
    (void)context;
    printf("code %d\n", info->si_code);
    siglongjmp(before, 1);
}

static void touch_what_is_gone(void)
{
    FILE *file = tmpfile();
    volatile char *bytes;

    if (!file || ftruncate(fileno(file), 4096) != 0)
        exit(9);
    bytes = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fileno(file), 0);
    bytes[0] = 1;
    if (ftruncate(fileno(file), 0) != 0)
        exit(9);
    puts("touching");
    fflush(stdout);
    bytes[0] = 2;
    puts("alive");
}

static void with_handler(void)
{
    struct sigaction action = { .sa_sigaction = on_bus, .sa_flags = SA_SIGINFO }, was;

    sigaction(SIGBUS, &action, &was);
    printf("was default: %d\n", was.sa_handler == SIG_DFL);
    if (!sigsetjmp(before, 1))
        touch_what_is_gone();
    signal(SIGBUS, SIG_DFL);
    touch_what_is_gone();
}

int main(int argc, char **argv)
{
    const char *way = argc > 1 ? argv[1] : "";
    const struct rlimit no_core = { 0, 0 };
    struct sigaction was;

    setrlimit(RLIMIT_CORE, &no_core);
    if (strcmp(way, "scribble") == 0) {
        be_scribbled_on(0);
    } else if (strcmp(way, "cut") == 0) {
        be_scribbled_on(1);
    } else if (strcmp(way, "default") == 0) {
        touch_what_is_gone();
    } else if (strcmp(way, "handler") == 0) {
        with_handler();
    } else if (strcmp(way, "sent") == 0) {
        kill(getpid(), SIGBUS);
        puts("alive");
    } else {
        sigaction(SIGBUS, NULL, &was);
        printf("default: %d, flags %x\n", was.sa_handler == SIG_DFL, (unsigned)was.sa_flags);
        printf("ignored: %d", signal(SIGBUS, SIG_IGN) == SIG_DFL);
        printf(", then default: %d\n", signal(SIGBUS, SIG_DFL) == SIG_IGN);
    }
    return 5;
}
