/* threads.h - stops the threads of the program and reads their registers.
 *
 * By ptrace, from the task beside the program (image.h): a process of its own, so
 * it may. A thread that stops in a system call goes on in it, nothing returns early. Where
 * ptrace is refused (another tracer, a sandbox) nothing is stopped, and that is told; then it
 * is known at least how far the stacks of those reach that wait. Needs /proc. Memory comes from
 * the arena.
 */
#ifndef PRELOAD_THREADS_H
#define PRELOAD_THREADS_H

#include "preload/cfi.h"
#include "preload/waiting.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define THREADS_VECTORS     32u /* registers */
#define THREADS_VECTOR_SIZE 64u /* bytes */

struct thread_registers {
    uint32_t tid;
    bool seized, stopped;
    bool known;                     /* what follows; of the thread that asks it is given */
    bool waits;                     /* only the stack pointer and the pc are known */
    bool calls; /* it called us: below its stack pointer there is nothing of its own */
    int signal;                     /* that it stopped for, and is to get when it goes on */
    struct waiting waiting;
    struct cfi_registers general;
    uint8_t vectors[THREADS_VECTORS][THREADS_VECTOR_SIZE];
};

struct threads {
    struct thread_registers *list;
    uint32_t count, capacity;
    bool complete; /* these are all that there are */
    int error;     /* errno of why some did not stop; 0: none */
};

/* Stop all threads of the process PID into THREADS, zeroed memory, but for the thread ASKING,
 * which waits for the caller and has REGISTERS. */
void threads_stop(struct threads *threads, uint32_t pid, uint32_t asking,
                  const struct cfi_registers *registers);

/* In a copy of the process PID that was made after threads_stop(): find which of the threads that
 * did not stop waited when it was made. */
void threads_find_waiting(struct threads *threads, uint32_t pid);

/* Whether the stack pointer of THREAD is known. */
static inline bool threads_has_stack(const struct thread_registers *thread)
{
    return thread->known || thread->waits;
}

/* Let them go on. One that had not stopped in time may stop yet: until the caller ends, it
 * is to wait for it (__WALL) and pass on what it is told. */
void threads_resume(struct threads *threads);
void threads_stopped_late(long tid, int status);

/* Give the memory back. */
void threads_finish(struct threads *threads);

/* The registers of the calling function that calls preserve, into *REGISTERS. */
#define THREADS_CAPTURE(registers)                                                \
    do {                                                                          \
        __asm__ volatile("movq %%rbx, 24(%0)\n\t"                                 \
                         "movq %%rbp, 48(%0)\n\t"                                 \
                         "movq %%rsp, 56(%0)\n\t"                                 \
                         "movq %%r12, 96(%0)\n\t"                                 \
                         "movq %%r13, 104(%0)\n\t"                                \
                         "movq %%r14, 112(%0)\n\t"                                \
                         "movq %%r15, 120(%0)\n\t"                                \
                         "leaq 0(%%rip), %%rax\n\t"                               \
                         "movq %%rax, 128(%0)"                                    \
                         :                                                        \
                         : "r"((registers)->value)                                \
                         : "rax", "memory");                                      \
        (registers)->valid = 1u << CFI_RBX | 1u << CFI_REG_RBP | 1u << CFI_REG_RSP | \
                             0xfu << CFI_R12 | 1u << CFI_REG_PC;                  \
        (registers)->interrupted = true;                                          \
    } while (0)

#endif
