/* odd_frames.S - frames that can't be walked out of, or only just. */

.macro function name
    .globl \name
    .type \name, @function
    .balign 16
\name:
.endm

    .text

/* Call RDI. There is no CFI. */
function odd_blind
    push %rbx
    call *%rdi
    pop %rbx
    ret
    .size odd_blind, . - odd_blind

/* Call RDI. The CFI says that the caller's frame is where RSI points. */
function odd_lying
    push %rbp
    .cfi_startproc
    mov %rsi, %rbp
    .cfi_def_cfa rbp, 16
    .cfi_offset rbp, -16
    call *%rdi
    .cfi_def_cfa rsp, 16
    pop %rbp
    .cfi_def_cfa_offset 8
    ret
    .cfi_endproc
    .size odd_lying, . - odd_lying

/* Call RDI on the stack whose top is RSI. The CFI says that this is called from there, so
 * the return address is the first word above the top. */
function odd_on_stack
    .cfi_startproc
    push %rbx
    push %rbp
    sub $8, %rsp
    mov %rsp, %rbx
    mov %rsi, %rsp
    .cfi_def_cfa rsp, 8
    call *%rdi
    mov %rbx, %rsp
    add $8, %rsp
    pop %rbp
    pop %rbx
    ret
    .cfi_endproc
    .size odd_on_stack, . - odd_on_stack

    .section .note.GNU-stack, "", @progbits
