/* test_cfi.c - rules made by hand, and CFI that lies. PATH of the fixture is given. */
#include "cfi_check.h"
#include "cfi_fixture.h"
#include "child.h"

#include "preload/arena.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

static const char *fixture_path;
static struct cfi_fixture fixture;

static int load(void **state)
{
    (void)state;
    cfi_fixture_load(&fixture, fixture_path);
    return 0;
}

static uintptr_t symbol(const char *name)
{
    return cfi_fixture_symbol(&fixture, name);
}

/* ---- the rules of ordinary functions ---------------------------------------------- */

static void expect(uintptr_t pc, enum cfi_kind kind, int64_t offset, unsigned rbp_slot)
{
    cfi_rule rule = cfi_check_rule(pc);

    assert_int_equal(cfi_rule_kind(rule), kind);
    assert_int_equal(cfi_rule_offset(rule), offset);
    assert_int_equal(cfi_rule_rbp_slot(rule), rbp_slot);
}

static void the_rule_changes_with_the_pc(void **state)
{
    uintptr_t pc = symbol("prologue");

    (void)state;
    expect(pc, CFI_RSP, 8, 0);       /* push %rbp */
    expect(pc + 1, CFI_RSP, 16, 2);  /* mov %rsp, %rbp */
    expect(pc + 3, CFI_RSP, 16, 2);  /* its last byte */
    expect(pc + 4, CFI_RBP, 16, 2);  /* push %rbx */
    expect(pc + 6, CFI_RBP, 16, 2);  /* leave */
    expect(pc + 7, CFI_RSP, 8, 0);   /* ret */
    expect(pc + 8, CFI_RBP, 16, 2);  /* the state remembered */
    expect(pc + 307, CFI_RBP, 16, 2);
    expect(pc + 308, CFI_RBP, 32, 2);
    expect(pc + 308 + 69999, CFI_RBP, 32, 2);
    expect(pc + 308 + 70000, CFI_END, 0, 0);
}

static void realigned_and_outermost_functions_are_kinds(void **state)
{
    (void)state;
    expect(symbol("realigned") + 15, CFI_RSP, 8, 0);
    expect(symbol("realigned") + 16, CFI_REALIGNED, -8, 0);
    expect(symbol("outermost"), CFI_END, 0, 0);
}

/* Not code of any module: the stack, the heap, the first and the last byte. */
static void elsewhere_nothing_is_known(void **state)
{
    char local;

    (void)state;
    expect((uintptr_t)&local, CFI_UNKNOWN, 0, 0);
    expect(0, CFI_UNKNOWN, 0, 0);
    expect(1, CFI_UNKNOWN, 0, 0);
    expect(UINTPTR_MAX, CFI_UNKNOWN, 0, 0);
    expect((uintptr_t)1 << 48, CFI_UNKNOWN, 0, 0);
    expect((uintptr_t)fixture.header, CFI_UNKNOWN, 0, 0);
}

static void before_a_function_is_its_entry(void **state)
{
    uintptr_t first = symbol("blank"); /* behind _init, which has no CFI */

    (void)state;
    expect(first - 1, CFI_ENTRY, 0, 0);
}

/* ---- the table ---------------------------------------------------------------------- */

static void rules_are_remembered_until_forgotten(void **state)
{
    uintptr_t pc = symbol("blank") + 16;
    uint8_t *program = cfi_fixture_program(&fixture, symbol("blank"));

    (void)state;
    assert_true(cfi_init());
    expect(pc, CFI_RSP, 8, 0);
    program[0] = 0x0e; /* def_cfa_offset 64 */
    program[1] = 64;
    assert_int_equal(cfi_rule_offset(cfi_lookup(pc)), 8);
    cfi_forget();
    expect(pc, CFI_RSP, 64, 0);
    program[0] = program[1] = 0;
}

/* Many pcs share an entry; each gets its own rule whoever was there before. */
static void pcs_are_not_confused(void **state)
{
    uintptr_t begin = symbol("prologue"), end = begin + 308 + 70000;
    static cfi_rule computed[70308];

    (void)state;
    for (uintptr_t pc = begin; pc < end; pc++)
        computed[pc - begin] = cfi_lookup(pc);
    assert_true(cfi_init());
    for (int round = 0; round < 2; round++)
        for (uintptr_t pc = begin; pc < end; pc++)
            assert_int_equal(cfi_lookup(pc), computed[pc - begin]);
}

static void *look_up_many(void *unused)
{
    uintptr_t begin = symbol("prologue");

    for (unsigned i = 0; i < 300000; i++) {
        uintptr_t offset = i * 7919u % 70308;
        int64_t wanted = offset < 308 ? 16 : 32;

        if (offset >= 8)
            assert_int_equal(cfi_rule_offset(cfi_lookup(begin + offset)), wanted);
    }
    return unused;
}

static void threads_share_the_table(void **state)
{
    pthread_t threads[4];

    (void)state;
    assert_true(cfi_init());
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, look_up_many, NULL), 0);
    for (int i = 0; i < 100; i++)
        cfi_forget();
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
}

static void without_memory_each_look_up_computes(void **state)
{
    (void)state;
    arena_fail_after(1);
    assert_false(cfi_init());
    cfi_forget();
    the_rule_changes_with_the_pc(state);
}

/* ---- programs made by hand ------------------------------------------------------------ */

struct program {
    const char *what;
    enum cfi_kind kind;
    int64_t offset;
    unsigned rbp_slot;
    uint8_t size;
    uint8_t bytes[64];
};

#define BYTES(...) sizeof((uint8_t[]){ __VA_ARGS__ }), { __VA_ARGS__ }

static const struct program programs[] = {
    { "nothing", CFI_RSP, 8, 0, BYTES(0) },
    { "def_cfa", CFI_RBP, 24, 0, BYTES(0x0c, 6, 24) },
    { "def_cfa_sf", CFI_RSP, 48, 0, BYTES(0x12, 7, 0x7a) },
    { "def_cfa_register, offset_sf", CFI_RBP, -16, 0, BYTES(0x0d, 6, 0x13, 2) },
    { "rbp far below", CFI_RSP, 8, 127, BYTES(0x86, 127) },
    { "rbp too far below", CFI_FULL, 0, 0, BYTES(0x05, 6, 0x80, 1) },
    { "rbp by offset_extended_sf", CFI_RSP, 8, 3, BYTES(0x11, 6, 3) },
    { "rbp by GNU_negative_offset_extended", CFI_FULL, 0, 0, BYTES(0x2f, 6, 3) },
    { "rbp above the CFA", CFI_FULL, 0, 0, BYTES(0x11, 6, 0x7d) },
    { "rbp is lost", CFI_FULL, 0, 0, BYTES(0x07, 6) },
    { "rbp in rbx", CFI_FULL, 0, 0, BYTES(0x09, 6, 3) },
    { "rbp the same after all", CFI_RSP, 8, 0, BYTES(0x86, 3, 0x08, 6) },
    { "rbp restored", CFI_RSP, 8, 0, BYTES(0x86, 3, 0xc6) },
    { "rbp restored, extended", CFI_RSP, 8, 0, BYTES(0x86, 3, 0x06, 6) },
    { "remembered twice", CFI_RSP, 16, 2,
      BYTES(0x0e, 16, 0x86, 2, 0x0a, 0x0e, 24, 0x0a, 0x0c, 6, 32, 0x0b, 0x0b) },
    { "a vector register saved", CFI_RSP, 8, 0, BYTES(0x05, 17, 4) },
    { "CFA from rbx", CFI_FULL, 0, 0, BYTES(0x0c, 3, 16) },
    { "CFA oddly offset", CFI_FULL, 0, 0, BYTES(0x0e, 17) },
    { "CFA as far as a rule can say", CFI_RSP, 16777208, 0, BYTES(0x0e, 0xf8, 0xff, 0xff, 7) },
    { "CFA farther", CFI_FULL, 0, 0, BYTES(0x0e, 0x80, 0x80, 0x80, 8) },
    { "return address elsewhere", CFI_FULL, 0, 0, BYTES(0x90, 2) },
    { "return address in rax", CFI_FULL, 0, 0, BYTES(0x09, 16, 0) },
    { "return address by expression", CFI_FULL, 0, 0, BYTES(0x10, 16, 2, 0x77, 0) },
    { "return address is the CFA", CFI_FULL, 0, 0, BYTES(0x14, 16, 0) },
    { "no return address", CFI_END, 0, 0, BYTES(0x07, 16) },
    { "rsp saved below the CFA", CFI_FULL, 0, 0, BYTES(0x87, 3) },
    { "rsp is not the CFA", CFI_FULL, 0, 0, BYTES(0x14, 7, 1) },
    { "rsp in rbx", CFI_FULL, 0, 0, BYTES(0x09, 7, 3) },
    { "rsp is the CFA, as said", CFI_FULL, 0, 0, BYTES(0x14, 7, 0) },
    /* computed */
    { "rsp + 24", CFI_RSP, 24, 0, BYTES(0x0f, 2, 0x77, 24) },
    { "rsp + 24, rbp saved", CFI_RSP, 24, 3, BYTES(0x0f, 2, 0x77, 24, 0x86, 3) },
    { "rsp + 24, rbp lost", CFI_FULL, 0, 0, BYTES(0x0f, 2, 0x77, 24, 0x07, 6) },
    { "a PLT entry at its begin", CFI_RSP, 8, 0,
      BYTES(0x0f, 11, 0x77, 8, 0x80, 0, 0x3f, 0x1a, 0x3b, 0x2a, 0x33, 0x24, 0x22) },
    { "rsp rounded down", CFI_FULL, 0, 0, BYTES(0x0f, 6, 0x77, 16, 0x09, 0xf0, 0x1a, 0x96) },
    { "rsp and rbp", CFI_FULL, 0, 0, BYTES(0x0f, 5, 0x77, 0, 0x76, 0, 0x22) },
    { "rbp + 24", CFI_FULL, 0, 0, BYTES(0x0f, 2, 0x76, 24) },
    { "rsp + 24, return address elsewhere", CFI_FULL, 0, 0,
      BYTES(0x0f, 2, 0x77, 24, 0x10, 16, 2, 0x77, 0) },
    { "rsp + 24, return address is a value", CFI_FULL, 0, 0,
      BYTES(0x0f, 2, 0x77, 24, 0x15, 16, 1) },
    { "rsp + 24, rsp elsewhere", CFI_FULL, 0, 0, BYTES(0x0f, 2, 0x77, 24, 0x09, 7, 3) },
    { "realigned by 16", CFI_REALIGNED, -16, 0,
      BYTES(0x0f, 3, 0x76, 0x70, 0x06, 0x10, 6, 2, 0x76, 0) },
    { "realigned, rbp elsewhere", CFI_FULL, 0, 0,
      BYTES(0x0f, 3, 0x76, 0x78, 0x06, 0x10, 6, 2, 0x76, 8) },
    { "realigned, rsp elsewhere", CFI_FULL, 0, 0,
      BYTES(0x0f, 3, 0x76, 0x78, 0x06, 0x10, 6, 2, 0x76, 0, 0x09, 7, 3) },
    { "realigned, a word above", CFI_FULL, 0, 0,
      BYTES(0x0f, 5, 0x76, 0x78, 0x06, 0x23, 8, 0x10, 6, 2, 0x76, 0) },
    { "the CFA on the heap", CFI_FULL, 0, 0, BYTES(0x0f, 3, 0x73, 0, 0x06) },
    /* impossible */
    { "CFA from no register", CFI_UNKNOWN, 0, 0, BYTES(0x0c, 17, 8) },
    { "CFA from a register that is none", CFI_UNKNOWN, 0, 0, BYTES(0x0c, 0xff, 0xff, 3, 8) },
    { "nothing to restore", CFI_UNKNOWN, 0, 0, BYTES(0x0b) },
    { "remembered without end", CFI_UNKNOWN, 0, 0,
      BYTES(0x0a, 0x0a, 0x0a, 0x0a, 0x0a, 0x0a, 0x0a, 0x0a, 0x0a, 0x0a, 0x0a) },
    { "an operation of another machine", CFI_UNKNOWN, 0, 0, BYTES(0x2d) },
    { "an operation nobody knows", CFI_UNKNOWN, 0, 0, BYTES(0x3f) },
    { "an offset too large", CFI_UNKNOWN, 0, 0, BYTES(0x86, 0xff, 0xff, 0xff, 0xff, 0x7f) },
    { "an offset that wraps", CFI_FULL, 0, 0,
      BYTES(0x86, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1) },
    { "a signed offset that wraps", CFI_FULL, 0, 0,
      BYTES(0x11, 6, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x7f) },
    { "the smallest number negated", CFI_FULL, 0, 0,
      BYTES(0x2f, 6, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1) },
    { "an expression longer than the module", CFI_UNKNOWN, 0, 0,
      BYTES(0x0f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1) },
    { "an offset to an expression", CFI_UNKNOWN, 0, 0, BYTES(0x0f, 2, 0x77, 8, 0x0e, 16) },
    { "a far offset to an expression", CFI_UNKNOWN, 0, 0,
      BYTES(0x0f, 2, 0x77, 8, 0x0e, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f) },
    { "a signed offset to an expression", CFI_UNKNOWN, 0, 0,
      BYTES(0x0f, 2, 0x77, 8, 0x13, 0xff, 0xff, 0xff, 0xff, 0x7f) },
    { "a register for an expression", CFI_UNKNOWN, 0, 0, BYTES(0x0f, 2, 0x77, 8, 0x0d, 6) },
};

/* Write SIZE BYTES as the program of the blank function at ADDRESS. */
static void write_program(uintptr_t address, const uint8_t *bytes, size_t size)
{
    uint8_t *program = cfi_fixture_program(&fixture, address);

    assert_in_range(size, 0, FIXTURE_PROGRAM_SIZE);
    memset(program, 0, FIXTURE_PROGRAM_SIZE);
    memcpy(program, bytes, size);
}

static void each_program_has_its_rule(void **state)
{
    uintptr_t address = symbol("blank");

    (void)state;
    for (size_t i = 0; i < sizeof(programs) / sizeof(*programs); i++) {
        cfi_rule rule;

        write_program(address, programs[i].bytes, programs[i].size);
        rule = cfi_lookup(address + 16);
        if (cfi_rule_kind(rule) != programs[i].kind ||
            cfi_rule_offset(rule) != programs[i].offset ||
            cfi_rule_rbp_slot(rule) != programs[i].rbp_slot)
            fail_msg("%s: kind %d, offset %ld, slot %u", programs[i].what, cfi_rule_kind(rule),
                     (long)cfi_rule_offset(rule), cfi_rule_rbp_slot(rule));
        cfi_check_rule(address + 16);
    }
}

/* As glibc describes where a signal handler returns to. */
static void a_signal_frame_is_recognised(void **state)
{
    static const uint8_t restorer[] = {
        0x0f, 4, 0x77, 0xa0, 0x01, 0x06,    /* the CFA at rsp+160 */
        0x10, 16, 3, 0x77, 0xa8, 0x01,      /* rip at rsp+168 */
        0x10, 6, 3, 0x77, 0xf8, 0x00,       /* rbp at rsp+120 */
        0x10, 7, 3, 0x77, 0xa0, 0x01,       /* rsp at rsp+160 */
        0x10, 3, 3, 0x77, 0x80, 0x01,       /* rbx at rsp+128 */
    };
    uintptr_t address = symbol("blank_signal");
    uint8_t other[sizeof(restorer)];

    (void)state;
    write_program(address, restorer, sizeof(restorer));
    expect(address + 16, CFI_SIGNAL, 0, 0);
    for (int i = 0; i < 3; i++) { /* one of them lies elsewhere */
        memcpy(other, restorer, sizeof(other));
        other[(int[]){ 3, 10, 16 }[i]] ^= 8;
        write_program(address, other, sizeof(other));
        expect(address + 16, CFI_FULL, 0, 0);
    }
    memcpy(other, restorer, sizeof(other));
    other[22] ^= 8; /* rsp is not that of the CFA */
    write_program(address, other, sizeof(other));
    expect(address + 16, CFI_FULL, 0, 0);
    /* the same in a function that is none */
    write_program(symbol("blank"), restorer, sizeof(restorer));
    expect(symbol("blank") + 16, CFI_FULL, 0, 0);
}

/* ---- expressions ------------------------------------------------------------------------ */

struct expression {
    const char *what;
    uint64_t value; /* what it comes to */
    uint8_t size;
    uint8_t bytes[40];
};

#define ONES_5   0x31, 0x31, 0x31, 0x31, 0x31
#define PLUSES_7 0x22, 0x22, 0x22, 0x22, 0x22, 0x22, 0x22

#define RSP 0x100007000000 /* of cfi_check_registers(), turn 0 */

static const struct expression expressions[] = {
    { "addr", 0x1122334455667788, BYTES(0x03, 0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11) },
    { "const1u", 0xfe, BYTES(0x08, 0xfe) },
    { "const1s", (uint64_t)-2, BYTES(0x09, 0xfe) },
    { "const2u", 0xfffe, BYTES(0x0a, 0xfe, 0xff) },
    { "const2s", (uint64_t)-2, BYTES(0x0b, 0xfe, 0xff) },
    { "const4u", 0xfffffffe, BYTES(0x0c, 0xfe, 0xff, 0xff, 0xff) },
    { "const4s", (uint64_t)-2, BYTES(0x0d, 0xfe, 0xff, 0xff, 0xff) },
    { "const8u", 0x8000000000000001, BYTES(0x0e, 1, 0, 0, 0, 0, 0, 0, 0x80) },
    { "const8s", 0x8000000000000001, BYTES(0x0f, 1, 0, 0, 0, 0, 0, 0, 0x80) },
    { "constu", 300, BYTES(0x10, 0xac, 2) },
    { "constu, much longer than needed", 5,
      BYTES(0x10, 0x85, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0) },
    { "consts", (uint64_t)-300, BYTES(0x11, 0xd4, 0x7d) },
    { "dup", 6, BYTES(0x33, 0x12, 0x22) },
    { "drop", 3, BYTES(0x33, 0x34, 0x13) },
    { "over", 8, BYTES(0x33, 0x35, 0x14, 0x22) },
    { "over, below", 3, BYTES(0x33, 0x35, 0x14) },
    { "pick", 1, BYTES(0x31, 0x32, 0x33, 0x15, 2) },
    { "swap", 1, BYTES(0x33, 0x34, 0x16, 0x1c) },
    { "rot, the top", 2, BYTES(0x31, 0x32, 0x33, 0x17) },
    { "rot, below it", 1, BYTES(0x31, 0x32, 0x33, 0x17, 0x13) },
    { "rot, third", 3, BYTES(0x31, 0x32, 0x33, 0x17, 0x13, 0x13) },
    { "abs", 7, BYTES(0x09, 0xf9, 0x19) },
    { "and", 0x18, BYTES(0x08, 0x1c, 0x08, 0xfb, 0x1a) },
    { "div", (uint64_t)-3, BYTES(0x09, 0xf9, 0x32, 0x1b) },
    { "minus", (uint64_t)-1, BYTES(0x33, 0x34, 0x1c) },
    { "mod", 1, BYTES(0x37, 0x33, 0x1d) },
    { "mul", 21, BYTES(0x37, 0x33, 0x1e) },
    { "neg", (uint64_t)-3, BYTES(0x33, 0x1f) },
    { "not", ~(uint64_t)3, BYTES(0x33, 0x20) },
    { "or", 7, BYTES(0x33, 0x36, 0x21) },
    { "plus", 9, BYTES(0x33, 0x36, 0x22) },
    { "plus_uconst", 303, BYTES(0x33, 0x23, 0xac, 2) },
    { "shl", 24, BYTES(0x33, 0x33, 0x24) },
    { "shl by 64", 0, BYTES(0x33, 0x08, 64, 0x24) },
    { "shr", 0x7fffffffffffffff, BYTES(0x09, 0xff, 0x31, 0x25) },
    { "shr by 200", 0, BYTES(0x33, 0x08, 200, 0x25) },
    { "shra", (uint64_t)-2, BYTES(0x09, 0xfc, 0x31, 0x26) },
    { "shra by 200", (uint64_t)-1, BYTES(0x09, 0xfc, 0x08, 200, 0x26) },
    { "xor", 5, BYTES(0x33, 0x36, 0x27) },
    { "bra, taken", 5, BYTES(0x31, 0x35, 0x16, 0x28, 1, 0, 0x13, 0x96) },
    { "bra, not taken", 9, BYTES(0x39, 0x35, 0x30, 0x28, 1, 0, 0x13, 0x96) },
    { "skip", 5, BYTES(0x35, 0x2f, 1, 0, 0x13) },
    { "skip to the end", 5, BYTES(0x35, 0x2f, 0, 0) },
    { "a loop: 10 times 3", 30,
      BYTES(0x30, 0x3a, 0x16, 0x23, 3, 0x16, 0x31, 0x1c, 0x12, 0x28, 0xf6, 0xff, 0x13) },
    { "eq", 1, BYTES(0x33, 0x33, 0x29) },
    { "ge", 0, BYTES(0x09, 0xff, 0x33, 0x2a) },
    { "gt", 1, BYTES(0x34, 0x33, 0x2b) },
    { "le", 1, BYTES(0x33, 0x33, 0x2c) },
    { "lt", 1, BYTES(0x09, 0xff, 0x33, 0x2d) },
    { "ne", 0, BYTES(0x33, 0x33, 0x2e) },
    { "lit0", 0, BYTES(0x30) },
    { "lit31", 31, BYTES(0x4f) },
    { "breg7", RSP - 16, BYTES(0x77, 0x70) },
    { "breg3", 0x100003000000, BYTES(0x73, 0) },
    { "bregx", RSP + 300, BYTES(0x92, 7, 0xac, 2) },
    { "15 on the stack", 15, BYTES(ONES_5, ONES_5, ONES_5, PLUSES_7, PLUSES_7) },
};

/* Step out of the blank function, the CFA of which is the expression of SIZE BYTES. */
static bool step(const uint8_t *bytes, size_t size, struct cfi_registers *out_registers)
{
    uintptr_t address = symbol("blank");
    uint8_t program[FIXTURE_PROGRAM_SIZE] = { 0x0f, (uint8_t)size };
    struct cfi_registers registers;
    bool end, stepped;

    memcpy(program + 2, bytes, size);
    write_program(address, program, size + 2);
    cfi_check_rule(address + 16);
    registers = cfi_check_registers(address + 16, 0);
    stepped = cfi_step(&registers, out_registers, cfi_check_read, NULL, &end);
    assert_false(end);
    return stepped;
}

static void expressions_are_computed(void **state)
{
    struct cfi_registers registers;

    (void)state;
    for (size_t i = 0; i < sizeof(expressions) / sizeof(*expressions); i++) {
        const struct expression *expression = &expressions[i];

        if (!step(expression->bytes, expression->size, &registers) ||
            registers.value[CFI_REG_RSP] != expression->value)
            fail_msg("%s: %lx", expression->what, (long)registers.value[CFI_REG_RSP]);
        assert_int_equal(registers.value[CFI_REG_PC], cfi_check_word(expression->value - 8));
    }
}

static void memory_is_read_by_expressions(void **state)
{
    static const uint8_t deref[] = { 0x77, 8, 0x06, 0x06 };
    static const uint8_t sizes[] = { 1, 2, 4, 8 };
    struct cfi_registers registers;
    uint64_t word = cfi_check_word(RSP + 8);

    (void)state;
    assert_true(step(deref, sizeof(deref), &registers));
    assert_true(registers.value[CFI_REG_RSP] == cfi_check_word(word));
    for (int i = 0; i < 4; i++) {
        uint8_t bytes[] = { 0x77, 8, 0x94, sizes[i] };

        assert_true(step(bytes, sizeof(bytes), &registers));
        assert_true(registers.value[CFI_REG_RSP] ==
                    (word & (UINT64_MAX >> (64 - 8 * sizes[i]))));
    }
}

static const struct expression impossible[] = {
    { "nothing", 0, 0, { 0 } },
    { "nothing left", 0, BYTES(0x31, 0x13) },
    { "operands missing", 0, BYTES(0x31, 0x22) },
    { "an operand missing", 0, BYTES(0x1f) },
    { "rot of two", 0, BYTES(0x31, 0x31, 0x17) },
    { "pick below the stack", 0, BYTES(0x31, 0x31, 0x15, 2) },
    { "over of one", 0, BYTES(0x31, 0x14) },
    { "branch on nothing", 0, BYTES(0x28, 0, 0) },
    { "division by zero", 0, BYTES(0x31, 0x30, 0x1b) },
    { "remainder by zero", 0, BYTES(0x31, 0x30, 0x1d) },
    { "division that overflows", 0,
      BYTES(0x0e, 0, 0, 0, 0, 0, 0, 0, 0x80, 0x09, 0xff, 0x1b) },
    { "a loop", 0, BYTES(0x31, 0x2f, 0xfd, 0xff) },
    { "a loop that grows", 0, BYTES(0x31, 0x2f, 0xfc, 0xff) },
    { "a jump before the begin", 0, BYTES(0x31, 0x2f, 0xf0, 0xff) },
    { "a jump behind the end", 0, BYTES(0x31, 0x2f, 1, 0) },
    { "a jump far away", 0, BYTES(0x31, 0x2f, 0xff, 0x7f) },
    { "cut off", 0, BYTES(0x31, 0x08) },
    { "cut off in a number", 0, BYTES(0x31, 0x10, 0x80) },
    { "a stack too deep", 0, BYTES(ONES_5, ONES_5, ONES_5, ONES_5) },
    { "a register that is none", 0, BYTES(0x81, 0) },
    { "register 300", 0, BYTES(0x92, 0xac, 2, 0) },
    { "in a register", 0, BYTES(0x57) },
    { "in pieces", 0, BYTES(0x31, 0x93, 8) },
    { "of no size", 0, BYTES(0x77, 0, 0x94, 0) },
    { "of too large a size", 0, BYTES(0x77, 0, 0x94, 9) },
    { "call", 0, BYTES(0x31, 0x98, 0, 0) },
    { "not an operation", 0, BYTES(0x31, 0xff) },
};

static void impossible_expressions_end_the_walk(void **state)
{
    struct cfi_registers registers;

    (void)state;
    for (size_t i = 0; i < sizeof(impossible) / sizeof(*impossible); i++)
        if (step(impossible[i].bytes, impossible[i].size, &registers))
            fail_msg("%s: %lx", impossible[i].what, (long)registers.value[CFI_REG_RSP]);
}

/* ---- stepping ---------------------------------------------------------------------------- */

static bool read_nothing(void *context, uintptr_t address, uint64_t *out_word)
{
    (void)context;
    (void)address;
    (void)out_word;
    return false;
}

static void what_cannot_be_read_or_known_ends_the_walk(void **state)
{
    uintptr_t pc = symbol("prologue") + 4;
    struct cfi_registers registers = cfi_check_registers(pc, 0), caller;
    bool end;

    (void)state;
    assert_false(cfi_step(&registers, &caller, read_nothing, NULL, &end));
    assert_false(end);
    registers.valid &= ~(1u << CFI_REG_RBP); /* the CFA is computed from it */
    assert_false(cfi_step(&registers, &caller, cfi_check_read, NULL, &end));
    assert_false(end);
}

static void a_return_address_belongs_to_the_call_before_it(void **state)
{
    uintptr_t pc = symbol("prologue");
    struct cfi_registers registers = cfi_check_registers(pc + 1, 0), caller;
    bool end;

    (void)state;
    registers.interrupted = false;
    assert_true(cfi_step(&registers, &caller, cfi_check_read, NULL, &end));
    assert_int_equal(caller.value[CFI_REG_RSP], RSP + 8);
    registers = cfi_check_registers(pc + 1, 0);
    assert_true(cfi_step(&registers, &caller, cfi_check_read, NULL, &end));
    assert_int_equal(caller.value[CFI_REG_RSP], RSP + 16);
}

/* ---- lies ----------------------------------------------------------------------------------- */

static uint64_t random_next(uint64_t *random)
{
    *random = *random * 6364136223846793005u + 1442695040888963407u;
    return *random >> 33;
}

/* Look some pcs up, whatever comes out. */
static void look(void)
{
    static const char *const names[] = { "blank", "blank_signal", "prologue", "realigned" };

    for (int i = 0; i < 4; i++) {
        uintptr_t pc = symbol(names[i]) + 20;
        struct cfi_registers registers = cfi_check_registers(pc, 0), caller;
        bool end;

        cfi_lookup(pc);
        cfi_step(&registers, &caller, cfi_check_read, NULL, &end);
    }
}

static void entries_as_long_as_the_module_stay_inside(void **state)
{
    uintptr_t address = symbol("outermost");
    uint8_t *fde = cfi_fixture_fde(&fixture, address);
    struct dl_find_object object;
    uint32_t length, kept;

    (void)state;
    memcpy(&kept, fde, sizeof(kept));
    assert_int_equal(_dl_find_object((void *)address, &object), 0);
    for (length = (uint32_t)((uint8_t *)object.dlfo_map_end - fde) - 16; length > 64; length /= 2) {
        memcpy(fde, &length, sizeof(length));
        cfi_lookup(address);
    }
    for (length = 0xfffffff0; length > 64; length /= 2) {
        memcpy(fde, &length, sizeof(length));
        cfi_lookup(address);
    }
    memcpy(fde, &kept, sizeof(kept));
    expect(address, CFI_END, 0, 0);
}

/* The bytes without end: numbers, strings and programs of all CFI there is. */
static void what_never_ends_is_left(void **state)
{
    static const uint8_t fillings[] = { 0x00, 0x80, 0xff, 0x0a, 0x0b, 0x2e, 0x0f, 0x41, 0x01, 'z' };
    static uint8_t kept[1 << 16];
    size_t size = (size_t)(fixture.end - fixture.cfi);
    uint64_t random = 1;

    (void)state;
    assert_in_range(size, 1, sizeof(kept));
    memcpy(kept, fixture.cfi, size);
    for (unsigned i = 0; i < 3000; i++) {
        size_t at = random_next(&random) % size;
        size_t length = 1 + random_next(&random) % (size - at);

        memset(fixture.cfi + at, fillings[i % sizeof(fillings)], length);
        look();
        memcpy(fixture.cfi, kept, size);
    }
}

static void no_lie_is_a_fault(void **state)
{
    static uint8_t kept[1 << 16];
    size_t size = (size_t)(fixture.end - fixture.cfi);
    uint64_t random = 2;

    (void)state;
    assert_in_range(size, 1, sizeof(kept));
    for (size_t i = 0; i < sizeof(programs) / sizeof(*programs); i++) {
        write_program(symbol("blank"), programs[i].bytes, programs[i].size);
        write_program(symbol("blank_signal"), programs[(i + 7) % 40].bytes,
                      programs[(i + 7) % 40].size);
        memcpy(kept, fixture.cfi, size);
        for (unsigned j = 0; j < 600; j++) {
            for (uint64_t changes = 1 + random_next(&random) % 4; changes > 0; changes--) {
                uint8_t *at = fixture.cfi + random_next(&random) % size;

                if (random_next(&random) % 2)
                    *at ^= (uint8_t)(1u << random_next(&random) % 8);
                else
                    *at = (uint8_t)random_next(&random);
            }
            look();
            memcpy(fixture.cfi, kept, size);
        }
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        child_test(the_rule_changes_with_the_pc),
        child_test(realigned_and_outermost_functions_are_kinds),
        child_test(elsewhere_nothing_is_known),
        child_test(before_a_function_is_its_entry),
        child_test(rules_are_remembered_until_forgotten),
        child_test(pcs_are_not_confused),
        child_test(threads_share_the_table),
        child_test(without_memory_each_look_up_computes),
        child_test(each_program_has_its_rule),
        child_test(a_signal_frame_is_recognised),
        child_test(expressions_are_computed),
        child_test(memory_is_read_by_expressions),
        child_test(impossible_expressions_end_the_walk),
        child_test(what_cannot_be_read_or_known_ends_the_walk),
        child_test(a_return_address_belongs_to_the_call_before_it),
        child_test(entries_as_long_as_the_module_stay_inside),
        child_test(what_never_ends_is_left),
        child_test(no_lie_is_a_fault),
    };

    if (argc != 2)
        return 2;
    fixture_path = argv[1];
    return cmocka_run_group_tests(tests, load, NULL);
}
