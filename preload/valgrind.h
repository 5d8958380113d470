/* valgrind.h - whether valgrind runs this program.
 *
 * It answers the question number 0x1001, which a processor takes for nothing.
 */
#ifndef PRELOAD_VALGRIND_H
#define PRELOAD_VALGRIND_H

#include <stdbool.h>
#include <stdint.h>

static inline bool valgrind_runs_us(void)
{
    const uint64_t question[6] = { 0x1001 };
    uint64_t answer = 0;

    __asm__ volatile("rolq $3, %%rdi\n\t"
                     "rolq $13, %%rdi\n\t"
                     "rolq $61, %%rdi\n\t"
                     "rolq $51, %%rdi\n\t"
                     "xchgq %%rbx, %%rbx"
                     : "+d"(answer)
                     : "a"(question)
                     : "cc", "memory");
    return answer != 0;
}

#endif
