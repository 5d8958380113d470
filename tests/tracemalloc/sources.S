/* sources.S - an executable whose lines lie in files with all sorts of names.
 *
 * Never run. Each place is 16 bytes long, from 0x401000 on, the places in the order of the list
 * below: oracle.py has the same one. Some of the files are there when the tests run, below the
 * working directory; the others are nowhere.
 */
    .macro place file, line
    .loc \file \line
    .rept 16
    nop
    .endr
    .endm

    .file 1 "/src/a.c"
    .file 2 "/src/b.c"
    .file 3 "/src/lib/a.c"
    .file 4 "a.c"
    .file 5 "sources/plain.c"
    .file 6 "sources/latin1.c"
    .file 7 "sources/line_ends.c"
    .file 8 "/src/ünï/é.c"
    .file 9 "/src/日本.c"
    .file 10 "/src/\377.c"
    .file 11 "/src/😀.c"
    .file 12 "/src/�.c"
    .file 13 "/src/x.pyc"
    .file 14 "/src/x.py"
    .file 15 "/src/[b].c"
    .file 16 "/src/a*.c"
    .file 17 "<string>"
    .file 18 "/src/with space.c"
    .file 19 "/src/B.c"
    .file 20 "sources/no_such.c"
    .file 21 "/src/a.c.pyc"
    .file 22 "sources"
    .file 23 "/src/a-c"
    .file 24 "/src/!x"
    .file 25 "/src/\342\202.c"

    .text
    .globl _start
    .type _start, @function
_start:
.Ltext:
    .irp file, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25
    .irp line, 1, 2, 3, 9, 10, 1000
    place \file, \line
    .endr
    .endr
.Ltext_end:
    .size _start, . - _start

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
    .asciz "a.c"
.Linfo_end:

    .section .debug_abbrev, "", @progbits
    .uleb128 1
    .uleb128 0x11           /* DW_TAG_compile_unit */
    .byte 0
    .uleb128 0x10, 0x17     /* DW_AT_stmt_list, DW_FORM_sec_offset */
    .uleb128 0x11, 0x01     /* DW_AT_low_pc, DW_FORM_addr */
    .uleb128 0x12, 0x07     /* DW_AT_high_pc, DW_FORM_data8 */
    .uleb128 0x03, 0x08     /* DW_AT_name, DW_FORM_string */
    .uleb128 0, 0
    .byte 0

    .section .debug_line, "", @progbits
.Lline:

    .section .note.GNU-stack, "", @progbits
