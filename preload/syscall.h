/* syscall.h - system calls without libc.
 *
 * libc's wrappers set errno, are cancellation points, and may be interposed by
 * the program or another preloaded library. These are none of that: they return
 * the kernel's answer, a negative errno value on failure, and may be called
 * anywhere, also by a task that shares the thread-locals of another.
 */
#ifndef PRELOAD_SYSCALL_H
#define PRELOAD_SYSCALL_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>

static inline long syscall_raw(long number, long a, long b, long c, long d, long e, long f)
{
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = f;
    long result;

    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
}

/* All that a naked function does that is called as syscall(): jump with the arguments as they came
 * to CATCHER, if the number is CAUGHT, else to where BELOW points, or, if that is NULL, to EARLY. */
#define SYSCALL_PASS_ON(caught, catcher, below, early) \
    __asm__("cmpq %[number], %%rdi\n\t"                \
            "je " catcher "\n\t"                       \
            "movq %[target], %%rax\n\t"                \
            "testq %%rax, %%rax\n\t"                   \
            "jz " early "\n\t"                         \
            "jmp *%%rax"                               \
            :                                          \
            : [number] "i"(caught), [target] "m"(below))

#define SYSCALL_6(n, a, b, c, d, e, f) \
    syscall_raw(n, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))
#define SYSCALL_0(n) SYSCALL_6(n, 0, 0, 0, 0, 0, 0)
#define SYSCALL_1(n, a) SYSCALL_6(n, a, 0, 0, 0, 0, 0)
#define SYSCALL_2(n, a, b) SYSCALL_6(n, a, b, 0, 0, 0, 0)
#define SYSCALL_3(n, a, b, c) SYSCALL_6(n, a, b, c, 0, 0, 0)
#define SYSCALL_4(n, a, b, c, d) SYSCALL_6(n, a, b, c, d, 0, 0)
#define SYSCALL_5(n, a, b, c, d, e) SYSCALL_6(n, a, b, c, d, e, 0)

/* The process we are really in: also right in a child of vfork or a bare clone. */
static inline uint32_t syscall_getpid(void)
{
    return (uint32_t)SYSCALL_0(SYS_getpid);
}

static inline uint32_t syscall_gettid(void)
{
    return (uint32_t)SYSCALL_0(SYS_gettid);
}

/* Whether the aligned word at ADDRESS, and so its page, can be read. Asks the kernel:
 * rt_sigprocmask reads the set before it looks at what to do with it, which is nothing. */
static inline bool syscall_can_read(uintptr_t address)
{
    return address != 0 && SYSCALL_4(SYS_rt_sigprocmask, -1, address, NULL, 8) == -EINVAL;
}

/* Take back the SIGXFSZ that a write beyond the limit on file sizes has sent the calling
 * thread, which has it blocked. */
static inline void syscall_take_back_xfsz(void)
{
    const uint64_t set = (uint64_t)1 << (25 - 1);
    const struct timespec now = { 0, 0 };

    SYSCALL_4(SYS_rt_sigtimedwait, &set, NULL, &now, sizeof set);
}

/* Nanoseconds of CLOCK (CLOCK_REALTIME, CLOCK_MONOTONIC). */
static inline uint64_t syscall_time(clockid_t clock)
{
    struct timespec time = { 0, 0 };

    SYSCALL_2(SYS_clock_gettime, clock, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

#endif
