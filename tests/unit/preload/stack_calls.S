/* stack_calls.S - a call from a frame whose CFA hangs on rbx. */

    .text
    .globl frames_rbx
    .type frames_rbx, @function
frames_rbx:
    .cfi_startproc
    push %rbx
    .cfi_def_cfa_offset 16
    .cfi_offset rbx, -16
    mov %rsp, %rbx
    .cfi_def_cfa_register rbx
    sub $512, %rsp
    and $-64, %rsp
    call *%rdi
    mov %rbx, %rsp
    .cfi_def_cfa_register rsp
    pop %rbx
    .cfi_def_cfa_offset 8
    .cfi_restore rbx
    ret
    .cfi_endproc
    .size frames_rbx, . - frames_rbx

    .section .note.GNU-stack, "", @progbits
