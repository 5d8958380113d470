#include "preload/threads.h"

#include "preload/arena.h"
#include "preload/path.h"
#include "preload/syscall.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/ptrace.h>
#include <string.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>

#define FIRST_CAPACITY 64u
#define READ_SIZE      4096u
#define PATIENCE       100000000u /* ns: a thread that waits for its vfork child does not stop */
#define MORE_PATIENCE  500000000u /* ns: with one that only has no processor */
#define ROUNDS         8          /* of looking for threads that others began meanwhile */
#define XSTATE_SIZE    16384u

#define RESTART (-513) /* -ERESTARTNOINTR: the kernel makes the call again */

/* ---- who there is ------------------------------------------------------------------ */

static struct thread_registers *find(struct threads *threads, uint32_t tid)
{
    for (uint32_t i = 0; i < threads->count; i++)
        if (threads->list[i].tid == tid)
            return &threads->list[i];
    return NULL;
}

static struct thread_registers *add(struct threads *threads, uint32_t tid)
{
    struct thread_registers *list;
    uint32_t capacity = threads->capacity ? threads->capacity * 2 : FIRST_CAPACITY;

    if (threads->count == threads->capacity) {
        list = arena_resize(threads->list, threads->capacity * sizeof *list,
                            capacity * sizeof *list, ARENA_OTHER);
        if (!list) {
            threads->error = ENOMEM;
            return NULL;
        }
        threads->list = list;
        threads->capacity = capacity;
    }
    list = &threads->list[threads->count++];
    memset(list, 0, sizeof *list);
    list->tid = tid;
    return list;
}

struct directory_entry {
    uint64_t inode, offset;
    uint16_t length;
    uint8_t type;
    char name[];
};

static uint32_t number_of(const char *name)
{
    uint32_t number = 0;

    for (; *name >= '0' && *name <= '9'; name++)
        number = number * 10 + (uint32_t)(*name - '0');
    return *name ? 0 : number;
}

/* Add the threads of PID that are not in THREADS. Returns how many; negative: the error. */
static int look_for_more(struct threads *threads, uint32_t pid)
{
    char path[64] = "/proc/", entries[READ_SIZE] __attribute__((aligned(8)));
    int found = 0;
    long directory, size;

    path_append_number(path, sizeof path, pid, 1);
    path_append(path, sizeof path, "/task");
    directory = SYSCALL_4(SYS_openat, AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    if (directory < 0)
        return (int)directory;
    while ((size = SYSCALL_3(SYS_getdents64, directory, entries, sizeof entries)) > 0)
        for (long at = 0; at < size;) {
            const struct directory_entry *entry = (const void *)(entries + at);
            uint32_t tid = number_of(entry->name);

            if (tid && !find(threads, tid) && add(threads, tid))
                found++;
            at += entry->length;
        }
    SYSCALL_1(SYS_close, directory);
    return found;
}

/* ---- stopping ---------------------------------------------------------------------- */

static void seize(struct threads *threads, struct thread_registers *thread)
{
    long result = SYSCALL_4(SYS_ptrace, PTRACE_SEIZE, thread->tid, 0, 0);

    if (result == -ESRCH)
        return; /* it has ended */
    if (result < 0) {
        threads->error = (int)-result;
        return;
    }
    thread->seized = true;
    SYSCALL_4(SYS_ptrace, PTRACE_INTERRUPT, thread->tid, 0, 0);
}

/* Read the status of the thread TID of PID into the SIZE bytes at TEXT. */
static bool read_status(uint32_t pid, uint32_t tid, char *text, size_t size)
{
    char path[64] = "/proc/";
    long file, got;

    path_append_number(path, sizeof path, pid, 1);
    path_append(path, sizeof path, "/task/");
    path_append_number(path, sizeof path, tid, 1);
    path_append(path, sizeof path, "/status");
    file = SYSCALL_4(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
    if (file < 0)
        return false;
    got = SYSCALL_3(SYS_read, file, text, size - 1);
    SYSCALL_1(SYS_close, file);
    text[got > 0 ? got : 0] = '\0';
    return got > 0;
}

/* Whether the thread TID of PID can be stopped once it gets a processor. */
static bool can_stop(uint32_t pid, uint32_t tid)
{
    char text[READ_SIZE];
    const char *state = read_status(pid, tid, text, sizeof text) ? strstr(text, "State:\t") : NULL;

    return state && state[sizeof "State:\t" - 1] != 'D';
}

/* Wait until THREAD of PID stands still, but not beyond DEADLINE, or if it will, somewhat more. */
static void wait_for(struct threads *threads, struct thread_registers *thread, uint32_t pid,
                     uint64_t deadline)
{
    const struct timespec nap = { .tv_nsec = 20000 };
    int status = 0;
    long result;

    while ((result = SYSCALL_4(SYS_wait4, thread->tid, &status, __WALL | WNOHANG, NULL)) == 0 ||
           result == -EINTR) {
        uint64_t now = syscall_time(CLOCK_MONOTONIC);

        if (now > deadline && (now > deadline + MORE_PATIENCE || !can_stop(pid, thread->tid))) {
            threads->error = ETIMEDOUT;
            return;
        }
        SYSCALL_2(SYS_nanosleep, &nap, NULL);
    }
    if (result < 0 || !WIFSTOPPED(status)) {
        thread->seized = false; /* it has ended */
        return;
    }
    thread->stopped = true;
    thread->signal = status >> 16 ? 0 : WSTOPSIG(status);
}

/* ---- registers --------------------------------------------------------------------- */

/* The value of the line of TEXT that begins with NAME, hexadecimal. */
static uint64_t field_of(const char *text, const char *name)
{
    const char *at = strstr(text, name);
    uint64_t value = 0;

    for (at += at ? strlen(name) : 0; at && (*at == '\t' || *at == ' '); at++)
        ;
    for (; at && *at > ' '; at++)
        value = value << 4 | (uint64_t)(*at <= '9' ? *at - '0' : *at - 'a' + 10);
    return value;
}

/* Whether a signal waits for the thread TID of PID, which it will get. */
static bool is_signalled(uint32_t pid, uint32_t tid)
{
    char text[READ_SIZE];

    if (!read_status(pid, tid, text, sizeof text))
        return true; /* to be careful */
    return (field_of(text, "SigPnd:") | field_of(text, "ShdPnd:")) & ~field_of(text, "SigBlk:");
}

/* Where the kernel's XSAVE area has the component NUMBER. */
static uint32_t component_offset(uint32_t number)
{
    uint32_t a = 0xd, b, c = number, d;

    __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
    return b;
}

/* Copy COUNT parts of SIZE bytes of vector registers, from FIRST on, of the component NUMBER in
 * the LENGTH bytes at STATE, to their place AT in each. */
static void take_vectors(struct thread_registers *thread, const uint8_t *state, size_t length,
                         uint32_t offset, uint32_t first, uint32_t count, uint32_t at, uint32_t size)
{
    for (uint32_t i = 0; i < count && offset + (i + 1) * size <= length; i++)
        memcpy(&thread->vectors[first + i][at], state + offset + i * size, size);
}

enum { XSTATE_SSE = 1, XSTATE_AVX = 2, XSTATE_ZMM_HIGH = 6, XSTATE_HIGH_ZMM = 7 };
#define XSTATE_XMM_OFFSET  160u /* of the legacy area */
#define XSTATE_USED_OFFSET 512u /* which components there are */

static void read_vectors(struct thread_registers *thread, uint8_t *state)
{
    struct iovec vector = { state, XSTATE_SIZE };
    uint64_t used;

    if (SYSCALL_4(SYS_ptrace, PTRACE_GETREGSET, thread->tid, NT_X86_XSTATE, &vector) < 0 ||
        vector.iov_len < XSTATE_USED_OFFSET + sizeof used)
        return;
    memcpy(&used, state + XSTATE_USED_OFFSET, sizeof used);
    if (used >> XSTATE_SSE & 1)
        take_vectors(thread, state, vector.iov_len, XSTATE_XMM_OFFSET, 0, 16, 0, 16);
    if (used >> XSTATE_AVX & 1)
        take_vectors(thread, state, vector.iov_len, component_offset(XSTATE_AVX), 0, 16, 16, 16);
    if (used >> XSTATE_ZMM_HIGH & 1)
        take_vectors(thread, state, vector.iov_len, component_offset(XSTATE_ZMM_HIGH), 0, 16, 32,
                     32);
    if (used >> XSTATE_HIGH_ZMM & 1)
        take_vectors(thread, state, vector.iov_len, component_offset(XSTATE_HIGH_ZMM), 16, 16, 0,
                     64);
}

static void take_general(struct thread_registers *thread, const struct user_regs_struct *user)
{
    const uint64_t values[CFI_REGISTERS] = {
        user->rax, user->rdx, user->rcx, user->rbx, user->rsi, user->rdi, user->rbp, user->rsp,
        user->r8,  user->r9,  user->r10, user->r11, user->r12, user->r13, user->r14, user->r15,
        user->rip,
    };

    memcpy(thread->general.value, values, sizeof values);
    thread->general.valid = (1u << CFI_REGISTERS) - 1;
    thread->general.interrupted = true;
    thread->known = true;
}

static void read_registers(struct threads *threads, struct thread_registers *thread, uint32_t pid,
                           uint8_t *state)
{
    struct user_regs_struct user;
    struct iovec vector = { &user, sizeof user };
    long result = SYSCALL_4(SYS_ptrace, PTRACE_GETREGSET, thread->tid, NT_PRSTATUS, &vector);

    if (result < 0) {
        threads->error = (int)-result;
        return;
    }
    take_general(thread, &user);
    if (state)
        read_vectors(thread, state);
    /* A call that would end early because we stopped it is made again. */
    if ((long)user.orig_rax >= 0 && (long)user.rax == -EINTR && !thread->signal &&
        !is_signalled(pid, thread->tid)) {
        user.rax = (unsigned long long)RESTART;
        SYSCALL_4(SYS_ptrace, PTRACE_SETREGSET, thread->tid, NT_PRSTATUS, &vector);
    }
}

/* ---- all of them ------------------------------------------------------------------- */

void threads_stop(struct threads *threads, uint32_t pid, uint32_t asking,
                  const struct cfi_registers *registers)
{
    struct thread_registers *self = add(threads, asking);
    uint64_t deadline = syscall_time(CLOCK_MONOTONIC) + PATIENCE;
    uint8_t *state = arena_map(XSTATE_SIZE, ARENA_OTHER);
    uint32_t first = 1;
    int found = 0;

    if (!self)
        return;
    self->general = *registers;
    self->known = true;
    for (int round = 0; round < ROUNDS && (found = look_for_more(threads, pid)) > 0; round++) {
        for (uint32_t i = first; i < threads->count; i++)
            seize(threads, &threads->list[i]);
        for (uint32_t i = first; i < threads->count; i++)
            if (threads->list[i].seized)
                wait_for(threads, &threads->list[i], pid, deadline);
        first = threads->count;
    }
    if (found < 0)
        threads->error = -found;
    threads->complete = found == 0;
    for (uint32_t i = 0; i < threads->count; i++)
        if (threads->list[i].stopped)
            read_registers(threads, &threads->list[i], pid, state);
        else if (!threads->list[i].known)
            waiting_ask(pid, threads->list[i].tid, &threads->list[i].waiting);
    arena_unmap(state, XSTATE_SIZE, ARENA_OTHER);
}

void threads_find_waiting(struct threads *threads, uint32_t pid)
{
    for (uint32_t i = 0; i < threads->count; i++) {
        struct thread_registers *thread = &threads->list[i];

        if (thread->known || !waiting_still(pid, thread->tid, &thread->waiting))
            continue;
        thread->waits = true;
        thread->general.value[CFI_REG_RSP] = thread->waiting.sp;
        thread->general.value[CFI_REG_PC] = thread->waiting.pc;
        thread->general.valid = 1u << CFI_REG_RSP | 1u << CFI_REG_PC;
        thread->general.interrupted = true;
    }
}

void threads_resume(struct threads *threads)
{
    for (uint32_t i = 0; i < threads->count; i++) {
        struct thread_registers *thread = &threads->list[i];
        if (thread->stopped)
            SYSCALL_4(SYS_ptrace, PTRACE_DETACH, thread->tid, 0, thread->signal);
    }
}

void threads_stopped_late(long tid, int status)
{
    if (WIFSTOPPED(status))
        SYSCALL_4(SYS_ptrace, PTRACE_DETACH, tid, 0, status >> 16 ? 0 : WSTOPSIG(status));
}

void threads_finish(struct threads *threads)
{
    arena_unmap(threads->list, threads->capacity * sizeof *threads->list, ARENA_OTHER);
    threads->list = NULL;
    threads->count = threads->capacity = 0;
}
