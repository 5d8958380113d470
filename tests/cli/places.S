/* places.S - an executable whose functions and lines lie where the snapshots say.
 *
 * Never run. Written by hand so that every compiler puts it at the same
 * addresses: the code begins at 0x401000, `bare`, which has no lines, at 0x402000, the
 * variables at 0x403000.
 */
    .file 1 "/src/app/main.c"
    .file 2 "/src/app/cache.c"
    .file 3 "/src/lib/cache.c"
    .file 4 "/src/lib/xmalloc.c"

    .macro nops             /* real ones: .fill would have no line */
    .rept 16
    nop
    .endr
    .endm

    .macro function name
    .globl \name
    .type \name, @function
\name:
    .endm

    .text
.Ltext:
    function main
    .loc 1 10
    nops
    .loc 1 11
    nops
    .size main, . - main
    function cache_add
    .loc 2 31
    nops
    .size cache_add, . - cache_add
    function cache_fill
    .loc 3 31
    nops
    .size cache_fill, . - cache_fill
    function xmalloc
    .loc 4 5
    nops
    .size xmalloc, . - xmalloc
.Ltext_end:

    .section .bare, "ax", @progbits
    function bare
    nops
    .size bare, . - bare

    .macro variable name, size
    .type \name, @object
    .size \name, \size
\name:
    .skip \size
    .endm

    .section .variables, "aw", @nobits
    variable handlers, 8    /* static: not .globl */
    .globl first
    variable first, 8
    variable slots, 64

    .section .debug_info, "", @progbits
    .4byte .Linfo_end - .Linfo
.Linfo:
    .2byte 4                /* DWARF version */
    .4byte .debug_abbrev
    .byte 8                 /* size of an address */
    .uleb128 1              /* the only unit, without children */
    .4byte .Lline
    .8byte .Ltext
    .8byte .Ltext_end - .Ltext
    .asciz "/src/app/main.c"
    .asciz "/src"
.Linfo_end:

    .section .debug_abbrev, "", @progbits
    .uleb128 1
    .uleb128 0x11           /* DW_TAG_compile_unit */
    .byte 0
    .uleb128 0x10, 0x17     /* DW_AT_stmt_list, DW_FORM_sec_offset */
    .uleb128 0x11, 0x01     /* DW_AT_low_pc, DW_FORM_addr */
    .uleb128 0x12, 0x07     /* DW_AT_high_pc, DW_FORM_data8 */
    .uleb128 0x03, 0x08     /* DW_AT_name, DW_FORM_string */
    .uleb128 0x1b, 0x08     /* DW_AT_comp_dir, DW_FORM_string */
    .uleb128 0, 0
    .byte 0

    .section .debug_line, "", @progbits
.Lline:

    .section .note.GNU-stack, "", @progbits
