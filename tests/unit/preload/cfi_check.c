#include "cfi_check.h"

#include "unit.h"

#include <string.h>

#define TURNS 3u

uint64_t cfi_check_word(uintptr_t address)
{
    uint64_t word = (address + 1) * 0x9e3779b97f4a7c15u;

    return word ^ word >> 31;
}

bool cfi_check_read(void *unused, uintptr_t address, uint64_t *out_word)
{
    (void)unused;
    *out_word = cfi_check_word(address);
    return true;
}

struct cfi_registers cfi_check_registers(uintptr_t pc, unsigned turn)
{
    struct cfi_registers registers;

    memset(&registers, 0, sizeof(registers));
    for (unsigned i = 0; i < CFI_REGISTERS; i++)
        registers.value[i] = 0x100000000000 * (turn + 1) + 0x1000000 * i + 8 * turn;
    registers.value[CFI_REG_PC] = pc;
    registers.valid = (1u << CFI_REGISTERS) - 1;
    registers.interrupted = true;
    return registers;
}

/* Step by RULE, which is one of those with three registers. */
static void step_by_rule(cfi_rule rule, struct cfi_registers *registers)
{
    uint64_t sp = registers->value[CFI_REG_RSP], bp = registers->value[CFI_REG_RBP], cfa = 0;
    uint64_t offset = (uint64_t)cfi_rule_offset(rule);

    switch (cfi_rule_kind(rule)) {
    case CFI_RSP:
        cfa = sp + offset;
        break;
    case CFI_RBP:
        cfa = bp + offset;
        break;
    case CFI_REALIGNED:
        cfa = cfi_check_word(bp + offset);
        bp = cfi_check_word(bp);
        break;
    case CFI_SIGNAL: /* offsets of rip, rbp and rsp in a ucontext_t */
        registers->value[CFI_REG_PC] = cfi_check_word(sp + 168);
        registers->value[CFI_REG_RBP] = cfi_check_word(sp + 120);
        registers->value[CFI_REG_RSP] = cfi_check_word(sp + 160);
        return;
    default:
        fail();
    }
    if (cfi_rule_rbp_slot(rule))
        bp = cfi_check_word(cfa - 8 * cfi_rule_rbp_slot(rule));
    registers->value[CFI_REG_PC] = cfi_check_word(cfa - 8);
    registers->value[CFI_REG_RBP] = bp;
    registers->value[CFI_REG_RSP] = cfa;
}

cfi_rule cfi_check_rule(uintptr_t pc)
{
    cfi_rule rule = cfi_lookup(pc);

    for (unsigned turn = 0; turn < TURNS; turn++) {
        struct cfi_registers by_rule = cfi_check_registers(pc, turn), registers;
        bool end, stepped = cfi_step(&by_rule, &registers, cfi_check_read, NULL, &end);

        switch (cfi_rule_kind(rule)) {
        case CFI_FULL:
            break;
        case CFI_UNKNOWN:
        case CFI_ENTRY:
            assert_false(stepped);
            assert_false(end);
            break;
        case CFI_END:
            assert_false(stepped);
            assert_true(end);
            break;
        default:
            assert_true(stepped);
            step_by_rule(rule, &by_rule);
            assert_int_equal(registers.value[CFI_REG_PC], by_rule.value[CFI_REG_PC]);
            assert_int_equal(registers.value[CFI_REG_RSP], by_rule.value[CFI_REG_RSP]);
            assert_int_equal(registers.value[CFI_REG_RBP], by_rule.value[CFI_REG_RBP]);
            assert_int_equal(registers.interrupted, cfi_rule_kind(rule) == CFI_SIGNAL);
        }
    }
    return rule;
}
