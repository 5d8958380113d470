/* test_cfi_oracle.c - every row of the CFI of real libraries, as libdw reads it. */
#include "cfi_check.h"
#include "unit.h"

#include <dlfcn.h>
#include <dwarf.h>
#include <elfutils/libdw.h>
#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct counts {
    unsigned long rows, pcs, full;
};

/* ---- what libdw's operations come to ---------------------------------------------- */

#define STACK 64

/* Evaluate the COUNT operations OPS. OUT_IS_VALUE: it is the value itself, not where it lies. */
static uint64_t evaluate(const Dwarf_Op *ops, size_t count, const struct cfi_registers *registers,
                         uint64_t cfa, bool *out_is_value)
{
    uint64_t stack[STACK], top;
    size_t depth = 0;

    *out_is_value = false;
    for (const Dwarf_Op *op = ops; op < ops + count; op++) {
        assert_in_range(depth, 0, STACK - 1);
        switch (op->atom) {
        case DW_OP_call_frame_cfa: stack[depth++] = cfa; continue;
        case DW_OP_bregx: stack[depth++] = registers->value[op->number] + op->number2; continue;
        case DW_OP_const1u: case DW_OP_const1s: case DW_OP_const2u: case DW_OP_const2s:
        case DW_OP_const4u: case DW_OP_const4s: case DW_OP_const8u: case DW_OP_const8s:
        case DW_OP_constu: case DW_OP_consts: stack[depth++] = op->number; continue;
        case DW_OP_regx: *out_is_value = true; return registers->value[op->number];
        case DW_OP_stack_value: *out_is_value = true; continue;
        }
        if (op->atom >= DW_OP_breg0 && op->atom <= DW_OP_breg31) {
            stack[depth++] = registers->value[op->atom - DW_OP_breg0] + op->number;
            continue;
        }
        if (op->atom >= DW_OP_lit0 && op->atom <= DW_OP_lit31) {
            stack[depth++] = op->atom - DW_OP_lit0;
            continue;
        }
        if (op->atom >= DW_OP_reg0 && op->atom <= DW_OP_reg31) {
            *out_is_value = true;
            return registers->value[op->atom - DW_OP_reg0];
        }
        assert_true(depth > 0);
        top = stack[depth - 1];
        switch (op->atom) {
        case DW_OP_deref: stack[depth - 1] = cfi_check_word(top); continue;
        case DW_OP_plus_uconst: stack[depth - 1] = top + op->number; continue;
        }
        assert_true(depth > 1);
        depth--;
        switch (op->atom) {
        case DW_OP_plus: stack[depth - 1] += top; break;
        case DW_OP_minus: stack[depth - 1] -= top; break;
        case DW_OP_mul: stack[depth - 1] *= top; break;
        case DW_OP_and: stack[depth - 1] &= top; break;
        case DW_OP_shl: stack[depth - 1] <<= top; break;
        case DW_OP_ge: stack[depth - 1] = (int64_t)stack[depth - 1] >= (int64_t)top; break;
        default: fail_msg("this operation is new: 0x%x", op->atom);
        }
    }
    assert_true(depth > 0); /* below the result may lie the CFA, put there in advance */
    return stack[depth - 1];
}

/* Set *OUT_VALUE to the caller's register NUMBER as FRAME says; false if it says none. */
static bool caller_register(Dwarf_Frame *frame, int number, const struct cfi_registers *registers,
                            uint64_t cfa, uint64_t *out_value)
{
    Dwarf_Op memory[3], *ops;
    size_t count;
    bool is_value;
    uint64_t value;

    assert_int_equal(dwarf_frame_register(frame, number, memory, &ops, &count), 0);
    if (count == 0) {
        *out_value = registers->value[number];
        return ops == NULL; /* else "undefined" */
    }
    value = evaluate(ops, count, registers, cfa, &is_value);
    *out_value = is_value ? value : cfi_check_word(value);
    return true;
}

/* ---- comparing --------------------------------------------------------------------- */

static void compare(Dwarf_Frame *frame, uintptr_t pc, bool signal, unsigned turn)
{
    static const int numbers[] = { CFI_REG_PC, CFI_REG_RSP, CFI_REG_RBP, CFI_RBX, 12, 13, 14, 15 };
    const struct cfi_registers before = cfi_check_registers(pc, turn);
    struct cfi_registers after;
    uint64_t cfa, value;
    Dwarf_Op *ops;
    size_t count;
    bool end, is_value, stepped = cfi_step(&before, &after, cfi_check_read, NULL, &end);

    assert_int_equal(dwarf_frame_cfa(frame, &ops, &count), 0);
    cfa = evaluate(ops, count, &before, 0, &is_value);
    if (!caller_register(frame, CFI_REG_PC, &before, cfa, &value)) {
        assert_false(stepped);
        assert_true(end);
        return;
    }
    assert_true(stepped);
    assert_int_equal(after.interrupted, signal);
    for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
        bool known = caller_register(frame, numbers[i], &before, cfa, &value);

        /* libdw takes rax, not rbx, for preserved by calls if nothing is said. */
        assert_true(known == (after.valid >> numbers[i] & 1) || numbers[i] == CFI_RBX);
        if (known)
            assert_int_equal(after.value[numbers[i]], value);
    }
}

/* Compare the row that FRAME describes, of the addresses from START to END. */
static void compare_row(Dwarf_Frame *frame, Dwarf_Addr start, Dwarf_Addr end, bool signal,
                        uintptr_t bias, struct counts *counts)
{
    Dwarf_Addr last = end - 1;
    Dwarf_Op *ops;
    size_t count;

    assert_int_equal(dwarf_frame_cfa(frame, &ops, &count), 0);
    counts->rows++;
    /* A computed CFA may depend on the pc: then all pcs, up to some. */
    for (Dwarf_Addr at = start; at <= last; at = count > 1 && at < start + 64 ? at + 1 : last) {
        compare(frame, bias + at, signal, counts->pcs % 3);
        counts->full += cfi_rule_kind(cfi_check_rule(bias + at)) == CFI_FULL;
        counts->pcs++;
        if (at == last)
            break;
    }
}

/* The functions that the search table of .eh_frame_hdr at HEADER lists; OUT_COUNT: how many. */
static const int32_t *table_of(const uint8_t *header, uint32_t *out_count)
{
    assert_memory_equal(header, "\001\033\003\073", 4);
    memcpy(out_count, header + 8, sizeof(*out_count));
    return (const void *)(header + 12);
}

/* Compare all rows of one in EVERY functions of MAP's module, whose file is PATH. */
static struct counts compare_module(const struct link_map *map, const char *path, uint32_t every)
{
    struct counts counts = { 0, 0, 0 };
    struct dl_find_object object;
    const uint8_t *header;
    const int32_t *table;
    uint32_t functions;
    int file = open(path, O_RDONLY);
    Elf *elf;
    Dwarf_CFI *cfi;

    assert_true(file >= 0);
    elf_version(EV_CURRENT);
    elf = elf_begin(file, ELF_C_READ_MMAP, NULL);
    cfi = dwarf_getcfi_elf(elf);
    assert_non_null(cfi);
    assert_int_equal(_dl_find_object(map->l_ld, &object), 0);
    header = object.dlfo_eh_frame;
    table = table_of(header, &functions);
    for (uint32_t i = 0; i < functions; i += every) {
        Dwarf_Addr origin = (uintptr_t)header - map->l_addr, end;
        Dwarf_Addr at = origin + (Dwarf_Addr)table[2 * i];
        Dwarf_Addr next = i + 1 < functions ? origin + (Dwarf_Addr)table[2 * i + 2] : UINT64_MAX;
        Dwarf_Frame *frame;
        bool signal;

        for (; at < next && dwarf_cfi_addrframe(cfi, at, &frame) == 0; at = end) {
            Dwarf_Addr start;

            assert_true(dwarf_frame_info(frame, &start, &end, &signal) >= 0);
            compare_row(frame, at, end, signal, map->l_addr, &counts);
            free(frame);
        }
    }
    dwarf_cfi_end(cfi);
    elf_end(elf);
    close(file);
    return counts;
}

/* Compare one in EVERY functions of the library NAME, if it is installed, and expect not
 * more than FULL of 10,000 pcs to need all registers. */
static void compare_library(const char *name, uint32_t every, unsigned full)
{
    void *handle = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    struct counts counts;
    struct link_map *map;

    if (!handle)
        skip();
    assert_int_equal(dlinfo(handle, RTLD_DI_LINKMAP, &map), 0);
    counts = compare_module(map, map->l_name, every);
    print_message("# %s: %lu rows, %lu pcs, %lu need all registers\n", name, counts.rows,
                  counts.pcs, counts.full);
    assert_true(counts.rows > 100);
    assert_true(counts.full * 10000 <= counts.pcs * full);
    dlclose(handle);
}

static void libc(void **state)
{
    (void)state;
    compare_library("libc.so.6", 1, 10);
}

static void libstdcxx(void **state)
{
    (void)state;
    compare_library("libstdc++.so.6", 1, 10);
}

static void the_loader(void **state)
{
    (void)state;
    compare_library("ld-linux-x86-64.so.2", 1, 100);
}

static void much_assembly(void **state)
{
    (void)state;
    compare_library("libcrypto.so.3", 5, 1000);
}

static void this_program(void **state)
{
    struct link_map *map;

    (void)state;
    assert_int_equal(dlinfo(dlopen(NULL, RTLD_NOW), RTLD_DI_LINKMAP, &map), 0);
    assert_true(compare_module(map, "/proc/self/exe", 1).rows > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(libc),       cmocka_unit_test(libstdcxx),    cmocka_unit_test(the_loader),
        cmocka_unit_test(this_program), cmocka_unit_test(much_assembly),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
