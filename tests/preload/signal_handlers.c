/* signal_handlers.c - allocates in signal handlers, in ways that work without us too.
 *
 * usage: signal_handlers busy        a timer interrupts a loop that does not allocate;
 *                                    the handler keeps 300 blocks of 51 bytes
 *        signal_handlers in-malloc   a timer interrupts a loop of malloc and free; the
 *                                    handler keeps 300 blocks of 52 bytes
 *        signal_handlers mapped      a timer interrupts a loop of malloc and free; where
 *                                    it finds heapdelta at work, the handler allocates and
 *                                    frees a block of 1 MiB, which is mapped on its own
 *        signal_handlers small-stack handlers on an alternate stack of 8 KiB beside a
 *                                    guard page keep 20 blocks of 53 bytes, and free others
 *        signal_handlers fault       SIGSEGV from a bad address; the handler keeps a block
 *                                    of 54 bytes and leaves by siglongjmp, 100 times
 *        signal_handlers snapshots   a timer that restarts no system call, while 30
 *                                    snapshots are taken; the handler keeps 300 blocks of
 *                                    55 bytes
 *        signal_handlers gone        a timer interrupts a loop of malloc and free; where it
 *                                    finds heapdelta at work, the handler frees a block,
 *                                    reallocates one and fails to reallocate another, and
 *                                    another thread takes snapshots "gone" meanwhile
 *
 * "in-malloc" is sound because the loop's blocks always come from glibc's
 * per-thread cache, and the handler's from another size's bin of it, which main
 * fills beforehand: neither takes a lock nor meets the other's list.
 */
#include "preload/heapdelta.h"

#include <link.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#define HITS 300
#define CACHED 7 /* blocks that a bin of the per-thread cache holds */

static volatile sig_atomic_t hits;
static volatile sig_atomic_t interrupted; /* by now hidden from the loop's optimiser */
static size_t handler_size;
static void *volatile kept[1024];
static uintptr_t shim_start;
static size_t shim_size; /* of its code; 0: not loaded */
static sigjmp_buf escape;

static void set_handler(int signal, void (*handler)(int), int flags)
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = flags};

    sigaction(signal, &action, NULL);
}

static void set_timer(long microseconds)
{
    const struct itimerval interval = {{0, microseconds}, {0, microseconds}};

    setitimer(ITIMER_REAL, &interval, NULL);
}

static void keep_one(int signal)
{
    (void)signal;
    if (hits < HITS) {
        kept[hits] = malloc(handler_size);
        hits = hits + 1;
    }
    interrupted = 1;
}

static void busy(void)
{
    volatile unsigned long sum = 0;

    handler_size = 51;
    set_handler(SIGALRM, keep_one, SA_RESTART);
    set_timer(500);
    while (hits < HITS)
        sum = sum + 1;
    set_timer(0);
}

/* Put CACHED blocks of SIZE into this thread's cache. */
static void fill_cache(size_t size)
{
    void *blocks[CACHED];

    for (int i = 0; i < CACHED; i++)
        blocks[i] = malloc(size);
    for (int i = 0; i < CACHED; i++)
        free(blocks[i]);
}

static void in_malloc(void)
{
    handler_size = 52;
    set_handler(SIGALRM, keep_one, SA_RESTART);
    while (hits < HITS) {
        set_timer(0);
        fill_cache(handler_size);
        fill_cache(300);
        set_timer(200);
        for (int refill_at = hits + CACHED; hits < refill_at && hits < HITS;) {
            void *volatile block = malloc(300);

            free(block);
        }
        set_timer(0);
    }
}

static void use_small_stack(int signal)
{
    (void)signal;
    free(malloc(40));
    free(realloc(malloc(100), 3000));
    kept[hits] = malloc(53);
    hits = hits + 1;
}

static int find_shim(struct dl_phdr_info *info, size_t size, void *unused)
{
    (void)size;
    (void)unused;
    for (int i = 0; strstr(info->dlpi_name, "libheapdelta") && i < info->dlpi_phnum; i++)
        if (info->dlpi_phdr[i].p_type == PT_LOAD && info->dlpi_phdr[i].p_flags & PF_X) {
            shim_start = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
            shim_size = info->dlpi_phdr[i].p_memsz;
        }
    return 0;
}

/* Sound because glibc itself is not at work where heapdelta is. */
static void map_and_unmap(int signal, siginfo_t *unused, void *context)
{
    uintptr_t pc = (uintptr_t)((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];

    (void)signal;
    (void)unused;
    if (pc - shim_start < shim_size) {
        void *volatile block = malloc(1 << 20);

        free(block);
        hits = hits + 1;
    }
    interrupted = 1;
}

static void mapped(void)
{
    struct sigaction action = {.sa_sigaction = map_and_unmap, .sa_flags = SA_RESTART | SA_SIGINFO};

    dl_iterate_phdr(find_shim, NULL);
    sigaction(SIGALRM, &action, NULL);
    set_timer(200);
    while (hits < HITS && shim_size > 0) {
        void *volatile block = malloc(300);

        free(block);
    }
    set_timer(0);
    hits = HITS;
}

static _Atomic int wanted, taken; /* snapshots */

static void *take_wanted(void *unused)
{
    while (wanted < 1 << 30)
        if (wanted > taken) {
            /* Refused where the interrupted thread is at the tables: it waits for us. */
            int result = heapdelta_take_snapshot("gone");

            if (result != 0 && result != -ETIMEDOUT && result != -ENOSYS)
                printf("snapshot: %s\n", strerror(-result));
            taken = taken + 1;
        }
    return unused;
}

/* Let the other thread take a snapshot, but don't wait for long: it may need what the
 * interrupted code holds. */
static void want_snapshot(void)
{
    time_t end = time(NULL) + 5;

    wanted = wanted + 1;
    while (taken < wanted && time(NULL) < end)
        continue;
}

/* Sound as map_and_unmap(). */
static void free_and_reallocate(int signal, siginfo_t *unused, void *context)
{
    uintptr_t pc = (uintptr_t)((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];

    (void)signal;
    (void)unused;
    if (pc - shim_start < shim_size && hits < 40) {
        free(kept[3 * hits]);
        kept[3 * hits + 1] = realloc(kept[3 * hits + 1], 5000);
        if (realloc(kept[3 * hits + 2], (size_t)PTRDIFF_MAX - 4096))
            abort();
        if (hits % 2 == 0)
            want_snapshot();
        hits = hits + 1;
    }
}

/* Something to do for heapdelta: a stack that it has not seen. */
static __attribute__((noinline)) void allocate_somewhere(unsigned path)
{
    void *volatile block;

    if (path > 1) {
        if (path & 1)
            allocate_somewhere(path / 2);
        else
            allocate_somewhere(path / 2);
        return;
    }
    block = malloc(300);
    free(block);
}

static void gone(void)
{
    struct sigaction action = {.sa_sigaction = free_and_reallocate,
                               .sa_flags = SA_RESTART | SA_SIGINFO};
    sigset_t alarm;
    pthread_t thread;

    for (int i = 0; i < 120; i++)
        kept[i] = malloc(56);
    dl_iterate_phdr(find_shim, NULL);
    sigemptyset(&alarm);
    sigaddset(&alarm, SIGALRM);
    pthread_sigmask(SIG_BLOCK, &alarm, NULL);
    if (pthread_create(&thread, NULL, take_wanted, NULL) != 0)
        exit(1);
    pthread_sigmask(SIG_UNBLOCK, &alarm, NULL);
    sigaction(SIGALRM, &action, NULL);
    set_timer(500);
    for (unsigned path = 1; hits < 40 && shim_size > 0; path++)
        allocate_somewhere(path);
    set_timer(0);
    wanted = 1 << 30;
    pthread_join(thread, NULL);
    hits = 40;
}

static void small_stack(void)
{
    const size_t size = 8192;
    char *memory = mmap(NULL, 4096 + size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    stack_t stack = {.ss_sp = memory + 4096, .ss_size = size};

    if (memory == MAP_FAILED || mprotect(memory + 4096, size, PROT_READ | PROT_WRITE) != 0 ||
        sigaltstack(&stack, NULL) != 0)
        exit(1);
    set_handler(SIGUSR1, use_small_stack, SA_ONSTACK);
    for (int i = 0; i < 20; i++)
        raise(SIGUSR1);
}

static void leave_fault(int signal)
{
    (void)signal;
    kept[hits] = malloc(54);
    hits = hits + 1;
    siglongjmp(escape, 1);
}

static void fault(void)
{
    char *volatile nowhere = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    set_handler(SIGSEGV, leave_fault, 0);
    while (hits < 100)
        if (sigsetjmp(escape, 1) == 0)
            *nowhere = 1;
}

static volatile sig_atomic_t taking, while_taking; /* a snapshot; handlers that ran meanwhile */

static void keep_one_and_note(int signal)
{
    if (taking && hits < HITS)
        while_taking = while_taking + 1;
    keep_one(signal);
}

/* How many handlers interrupted the taking goes to a file, for it depends on the machine. */
static void snapshots(void)
{
    FILE *file;

    handler_size = 55;
    set_handler(SIGALRM, keep_one_and_note, 0);
    set_timer(300);
    for (int i = 0; i < 30; i++) {
        int result;

        taking = 1;
        result = heapdelta_take_snapshot("interrupted");
        taking = 0;
        if (result != 0 && result != -ENOSYS)
            printf("snapshot %d: %s\n", i, strerror(-result));
    }
    while (hits < HITS)
        continue;
    set_timer(0);
    file = fopen("while_taking", "w");
    if (!file || fprintf(file, "%d", (int)while_taking) < 0 || fclose(file) != 0)
        exit(1);
}

int main(int argc, char **argv)
{
    const char *way = argc > 1 ? argv[1] : "";

    if (strcmp(way, "busy") == 0)
        busy();
    else if (strcmp(way, "in-malloc") == 0)
        in_malloc();
    else if (strcmp(way, "mapped") == 0)
        mapped();
    else if (strcmp(way, "gone") == 0)
        gone();
    else if (strcmp(way, "small-stack") == 0)
        small_stack();
    else if (strcmp(way, "fault") == 0)
        fault();
    else if (strcmp(way, "snapshots") == 0)
        snapshots();
    else
        return 2;
    printf("%d\n", (int)hits);
    return 0;
}
