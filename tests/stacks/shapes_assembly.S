/* shapes_assembly.S - frames that no compiler makes. All walk on with walk_next(edi - 1). */

/* Call the next shape. */
.macro go_on
    push %rdi
    .cfi_adjust_cfa_offset 8
    sub $8, %rsp
    .cfi_adjust_cfa_offset 8
    call walk_next@PLT
    add $8, %rsp
    .cfi_adjust_cfa_offset -8
    pop %rdi
    .cfi_adjust_cfa_offset -8
    sub $1, %edi
    call *%rax
.endm

.macro function name
    .globl \name
    .type \name, @function
    .balign 16
\name:
.endm

    .text

/* rbp as any other register: saved, then a number. ESI: what is in it. */
function assembly_rbp_number
    .cfi_startproc
    push %rbp
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset rbp, 0
    movslq %esi, %rbp
    go_on
    pop %rbp
    .cfi_adjust_cfa_offset -8
    .cfi_restore rbp
    ret
    .cfi_endproc
    .size assembly_rbp_number, . - assembly_rbp_number

/* rbp not touched, so that a frame above depends on what the one below saved. */
function assembly_rbp_passed
    .cfi_startproc
    sub $24, %rsp
    .cfi_adjust_cfa_offset 24
    go_on
    add $24, %rsp
    .cfi_adjust_cfa_offset -24
    ret
    .cfi_endproc
    .size assembly_rbp_passed, . - assembly_rbp_passed

/* A frame pointer, far from its frame's own variables. */
function assembly_rbp_frame
    .cfi_startproc
    push %rbp
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset rbp, 0
    mov %rsp, %rbp
    .cfi_def_cfa_register rbp
    mov %esi, %eax
    and $0xff0, %eax
    sub %rax, %rsp
    push %rdi
    sub $8, %rsp
    call walk_next@PLT
    add $8, %rsp
    pop %rdi
    sub $1, %edi
    call *%rax
    leave
    .cfi_def_cfa rsp, 8
    .cfi_restore rbp
    ret
    .cfi_endproc
    .size assembly_rbp_frame, . - assembly_rbp_frame

/* The caller's rbp lies in another place than where pushes put it. */
function assembly_rbp_aside
    .cfi_startproc
    sub $56, %rsp
    .cfi_adjust_cfa_offset 56
    mov %rbp, 16(%rsp)
    .cfi_rel_offset rbp, 16
    mov %rsp, %rbp
    go_on
    mov 16(%rsp), %rbp
    .cfi_restore rbp
    add $56, %rsp
    .cfi_adjust_cfa_offset -56
    ret
    .cfi_endproc
    .size assembly_rbp_aside, . - assembly_rbp_aside

/* The caller's rbp lies in r15: three registers are not enough. (Not in rbx: libunwind
 * restores registers by number, each at once, and would take the caller's rbx for it.) */
function assembly_rbp_in_r15
    .cfi_startproc
    push %r15
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset r15, 0
    mov %rbp, %r15
    .cfi_register rbp, r15
    movslq %esi, %rbp
    go_on
    mov %r15, %rbp
    .cfi_restore rbp
    pop %r15
    .cfi_adjust_cfa_offset -8
    .cfi_restore r15
    ret
    .cfi_endproc
    .size assembly_rbp_in_r15, . - assembly_rbp_in_r15

/* The CFA hangs on r12. */
function assembly_cfa_r12
    .cfi_startproc
    push %r12
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset r12, 0
    mov %rsp, %r12
    .cfi_def_cfa_register r12
    and $-128, %rsp
    sub $112, %rsp
    push %rdi
    sub $8, %rsp
    call walk_next@PLT
    add $8, %rsp
    pop %rdi
    sub $1, %edi
    call *%rax
    mov %r12, %rsp
    .cfi_def_cfa_register rsp
    pop %r12
    .cfi_adjust_cfa_offset -8
    .cfi_restore r12
    ret
    .cfi_endproc
    .size assembly_cfa_r12, . - assembly_cfa_r12

/* No CFI at all. */
function assembly_blind
    push %rbx
    mov %edi, %ebx
    call walk_next@PLT
    lea -1(%rbx), %edi
    call *%rax
    pop %rbx
    ret
    .size assembly_blind, . - assembly_blind

/* Call RSI with EDI on the stack whose top is RDX; CFI leads back. */
function assembly_on_stack
    .cfi_startproc
    push %rbp
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset rbp, 0
    mov %rsp, %rbp
    .cfi_def_cfa_register rbp
    mov %rdx, %rsp
    call *%rsi
    leave
    .cfi_def_cfa rsp, 8
    .cfi_restore rbp
    ret
    .cfi_endproc
    .size assembly_on_stack, . - assembly_on_stack

/* The same, as small coroutine libraries do it: above the call there is only a 0 for a
 * return address, and the way back is where nobody looks. */
function assembly_on_own_stack
    .cfi_startproc
    push %rbx
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset rbx, 0
    push %rbp
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset rbp, 0
    sub $8, %rsp
    .cfi_adjust_cfa_offset 8
    mov %rsp, %rbx
    mov %rdx, %rsp
    .cfi_remember_state
    .cfi_def_cfa rsp, 16
    .cfi_undefined rip
    xor %ebp, %ebp
    call *%rsi
    mov %rbx, %rsp
    .cfi_restore_state
    add $8, %rsp
    .cfi_adjust_cfa_offset -8
    pop %rbp
    .cfi_adjust_cfa_offset -8
    .cfi_restore rbp
    pop %rbx
    .cfi_adjust_cfa_offset -8
    .cfi_restore rbx
    ret
    .cfi_endproc
    .size assembly_on_own_stack, . - assembly_on_own_stack

    .section .note.GNU-stack, "", @progbits
