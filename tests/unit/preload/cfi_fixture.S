/* cfi_fixture.S - a library with call frame information to be overwritten.
 *
 * The functions are never called; only pcs in them are looked up. `blank` and
 * `blank_signal` have room for a program of 200 bytes, behind a mark that the
 * test looks for. All are DW_CFA_GNU_args_size, which means nothing to us: the
 * linker drops operations that mean nothing at all.
 */

.macro room
    .cfi_escape 0x2e, 0x2a, 0x2e, 0x55, 0x2e, 0x2a
    .rept 100
    .cfi_escape 0x2e, 0x00
    .endr
.endm

    .text
    .globl blank, blank_signal, prologue, realigned, outermost
    .type blank, @function
    .type blank_signal, @function
    .type prologue, @function
    .type realigned, @function
    .type outermost, @function

    .balign 16
blank:
    .cfi_startproc
    .skip 16, 0x90
    room
    .skip 48, 0x90
    .cfi_endproc
    .size blank, . - blank

    .balign 16
blank_signal:
    .cfi_startproc
    .cfi_signal_frame
    .skip 16, 0x90
    room
    .skip 48, 0x90
    .cfi_endproc
    .size blank_signal, . - blank_signal

    .balign 16
prologue:
    .cfi_startproc
    push %rbp
    .cfi_def_cfa_offset 16
    .cfi_offset rbp, -16
    mov %rsp, %rbp
    .cfi_def_cfa_register rbp
    push %rbx
    .cfi_offset rbx, -24
    nop
    .cfi_remember_state
    leave
    .cfi_def_cfa rsp, 8
    .cfi_restore rbp
    ret
    .cfi_restore_state
    .skip 300, 0x90
    .cfi_def_cfa_offset 32
    .skip 70000, 0x90
    .cfi_undefined rip
    nop
    .cfi_endproc
    .size prologue, . - prologue

    .balign 16
realigned:                      /* as gcc does it: the CFA lies at rbp-8 */
    .cfi_startproc
    .skip 16, 0x90
    .cfi_escape 0x0f, 0x03, 0x76, 0x78, 0x06
    .cfi_escape 0x10, 0x06, 0x02, 0x76, 0x00
    .skip 16, 0x90
    .cfi_endproc
    .size realigned, . - realigned

    .balign 16
outermost:
    .cfi_startproc
    .cfi_undefined rip
    .skip 16, 0x90
    .cfi_endproc
    .size outermost, . - outermost

    .section .note.GNU-stack, "", @progbits
