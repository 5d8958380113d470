#include "preload/cfi.h"

#include "preload/arena.h"
#include "preload/cfi_expression.h"
#include "preload/cfi_find.h"
#include "preload/cfi_program.h"

#include <stdatomic.h>
#include <stddef.h>

/* ---- boiling a row down ------------------------------------------------------ */

static cfi_rule make_rule(enum cfi_kind kind, unsigned rbp_slot, int64_t offset)
{
    int64_t units = offset / 8 + (1 << 21);

    if (offset % 8 != 0 || units < 0 || units > 0x3fffff)
        return make_rule(CFI_FULL, 0, 0);
    return (uint32_t)kind << 29 | rbp_slot << 22 | (uint32_t)units;
}

/* Reads of an expression under examination: notes the address, yields PROBE_VALUE. */
#define PROBE_VALUE 0x7357u
struct probe {
    unsigned reads;
    uintptr_t address;
};

static bool probe_read(void *context, uintptr_t address, uint64_t *out_word)
{
    struct probe *probe = context;

    probe->reads++;
    probe->address = address;
    *out_word = PROBE_VALUE;
    return true;
}

/* Registers as an expression may find them, twice; nothing else is known. The two are not
 * aligned alike: an expression may round. Not on the caller's stack, which they are too
 * large for. */
#define PROBE_RSP 0x10008u
#define PROBE_RBP 0x900000u
#define PROBE_STEP 0x1018u
#define PROBE(rsp, rbp)                                                                   \
    {                                                                                     \
        .value = { [CFI_REG_RSP] = (rsp), [CFI_REG_RBP] = (rbp) },                        \
        .valid = 1u << CFI_REG_RSP | 1u << CFI_REG_RBP | 1u << CFI_REG_PC                 \
    }

static const struct cfi_registers probes[2] = {
    PROBE(PROBE_RSP, PROBE_RBP),
    PROBE(PROBE_RSP + PROBE_STEP, PROBE_RBP + 3 * PROBE_STEP),
};

/* Whether RULE says that the register lies at ADDRESS, given the probing INPUTS. */
static bool lies_at(const struct cfi_description *description, const struct cfi_row_rule *rule,
                    const struct cfi_inputs *inputs, uint64_t address)
{
    uint64_t cfa = PROBE_VALUE, value;

    return rule->place == CFI_AT_EXPRESSION &&
           cfi_evaluate(description, rule->value, inputs, &cfa, &value) && value == address;
}

/* The rule for a CFA that is computed: found out by trying two sets of registers,
 * since the expressions in use are linear in one of them. (PLT stubs: rsp plus 8 or
 * 16, by the pc; realigned functions; glibc's signal return.) */
static __attribute__((noinline)) cfi_rule
boil_expression(const struct cfi_description *description, const struct cfi_row *row,
                                uintptr_t pc, bool ordinary, int rbp_slot)
{
    const uint64_t rsp = PROBE_RSP, rbp = PROBE_RBP;
    const struct cfi_row_rule *caller_rsp = &row->registers[CFI_REG_RSP];
    struct probe probe = { 0, 0 };
    struct cfi_inputs inputs = { &probes[0], pc, probe_read, &probe };
    uint64_t first, second;

    if (!cfi_evaluate(description, row->cfa_offset, &inputs, NULL, &first))
        return make_rule(CFI_FULL, 0, 0);
    if (probe.reads == 1 && first == PROBE_VALUE) {
        if (description->signal_frame && probe.address == rsp + 160 &&
            lies_at(description, &row->registers[CFI_REG_PC], &inputs, rsp + 168) &&
            lies_at(description, &row->registers[CFI_REG_RBP], &inputs, rsp + 120) &&
            (caller_rsp->place == CFI_SAME || lies_at(description, caller_rsp, &inputs, rsp + 160)))
            return make_rule(CFI_SIGNAL, 0, 0);
        if (ordinary && lies_at(description, &row->registers[CFI_REG_RBP], &inputs, rbp) &&
            probe.address - rbp + 0x8000 < 0x10000)
            return make_rule(CFI_REALIGNED, 0, (int64_t)(probe.address - rbp));
    }
    if (probe.reads > 0 || !ordinary || rbp_slot < 0)
        return make_rule(CFI_FULL, 0, 0);
    inputs.registers = &probes[1];
    if (cfi_evaluate(description, row->cfa_offset, &inputs, NULL, &second) &&
        second == first + PROBE_STEP)
        return make_rule(CFI_RSP, (unsigned)rbp_slot, (int64_t)(first - rsp));
    return make_rule(CFI_FULL, 0, 0);
}

static cfi_rule boil(const struct cfi_description *description, const struct cfi_row *row,
                     uintptr_t pc)
{
    const struct cfi_row_rule *ra = &row->registers[CFI_REG_PC];
    const struct cfi_row_rule *rbp = &row->registers[CFI_REG_RBP];
    bool ordinary = ra->place == CFI_AT_OFFSET && ra->value == -8 && !description->signal_frame &&
                    row->registers[CFI_REG_RSP].place == CFI_SAME; /* the CFA, that is */
    int rbp_slot = -1;

    if (ra->place == CFI_UNDEFINED)
        return make_rule(CFI_END, 0, 0);
    if (rbp->place == CFI_SAME)
        rbp_slot = 0;
    else if (rbp->place == CFI_AT_OFFSET && rbp->value < 0 && rbp->value % 8 == 0 &&
             rbp->value / -8 <= 0x7f)
        rbp_slot = rbp->value / -8;
    if (row->cfa_by_expression)
        return boil_expression(description, row, pc, ordinary, rbp_slot);
    if (!ordinary || rbp_slot < 0)
        return make_rule(CFI_FULL, 0, 0);
    if (row->cfa_register == CFI_REG_RSP)
        return make_rule(CFI_RSP, (unsigned)rbp_slot, row->cfa_offset);
    if (row->cfa_register == CFI_REG_RBP)
        return make_rule(CFI_RBP, (unsigned)rbp_slot, row->cfa_offset);
    return make_rule(CFI_FULL, 0, 0);
}

/* ---- the table of rules ------------------------------------------------------ */

/* Direct-mapped. A pc of 48 bits times an odd number, modulo 2^48, is a bijection:
 * its upper bits are the index, all the others the tag, so an entry that matches is
 * never another pc's. An entry is one word: it can't tear. */
#define TABLE_BITS 16
#define PC_BITS 48
#define SCRAMBLE 0x9e3779b97f4bull /* odd */
_Static_assert(PC_BITS - TABLE_BITS == 32, "tag and rule share a word");

static _Atomic uint64_t *table;

bool cfi_init(void)
{
    table = arena_map(sizeof *table << TABLE_BITS, ARENA_OTHER);
    return table != NULL;
}

/* The rule of DESCRIPTION for PC. By itself, so that the row is not on the stack while PC is looked up. */
static __attribute__((noinline)) cfi_rule of_row(const struct cfi_description *description,
                                                 uintptr_t pc)
{
    struct cfi_row row;

    return cfi_find_row(description, pc, &row) ? boil(description, &row, pc)
                                               : make_rule(CFI_UNKNOWN, 0, 0);
}

/* A rule for PC from its module; OUT_MODULE tells whether it has one. */
static cfi_rule compute(uintptr_t pc, bool *out_module)
{
    struct cfi_description description;

    if (!cfi_find(pc, &description, out_module))
        return make_rule(cfi_is_before_entry(pc, &description) ? CFI_ENTRY : CFI_UNKNOWN, 0, 0);
    return of_row(&description, pc);
}

cfi_rule cfi_lookup(uintptr_t pc)
{
    uint64_t scrambled = pc * SCRAMBLE & (((uint64_t)1 << PC_BITS) - 1);
    uint64_t tag = scrambled << 32; /* the bits that the index has not */
    uint64_t index = scrambled >> (PC_BITS - TABLE_BITS), entry;
    bool in_module;
    cfi_rule rule;

    if (pc >> PC_BITS || !table)
        return compute(pc, &in_module);
    entry = atomic_load_explicit(&table[index], memory_order_relaxed);
    if ((entry & ~(uint64_t)UINT32_MAX) == tag && (cfi_rule)entry)
        return (cfi_rule)entry;
    rule = compute(pc, &in_module);
    if (in_module) /* elsewhere, code may come to be at any time */
        atomic_store_explicit(&table[index], tag | rule, memory_order_relaxed);
    return rule;
}

void cfi_forget(void)
{
    for (size_t i = 0; table && i < (size_t)1 << TABLE_BITS; i++)
        if (atomic_load_explicit(&table[i], memory_order_relaxed))
            atomic_store_explicit(&table[i], 0, memory_order_relaxed);
}

/* ---- the full evaluator ------------------------------------------------------ */

/* The caller's value of register NUMBER by RULE; false if it can't be known. */
static bool recover(const struct cfi_description *description, const struct cfi_row_rule *rule,
                    const struct cfi_inputs *inputs, unsigned number, uint64_t cfa,
                    uint64_t *out_value)
{
    const struct cfi_registers *registers = inputs->registers;
    unsigned from = number;
    uint64_t address;

    switch ((enum cfi_place)rule->place) {
    case CFI_IN_REGISTER:
        from = (unsigned)rule->value;
        if (from >= CFI_REGISTERS)
            return false;
        /* fall through */
    case CFI_SAME:
        *out_value = registers->value[from];
        return registers->valid >> from & 1;
    case CFI_AT_OFFSET:
        return inputs->read(inputs->context, cfa + (uint64_t)(int64_t)rule->value, out_value);
    case CFI_IS_OFFSET:
        *out_value = cfa + (uint64_t)(int64_t)rule->value;
        return true;
    case CFI_AT_EXPRESSION:
        return cfi_evaluate(description, rule->value, inputs, &cfa, &address) &&
               inputs->read(inputs->context, address, out_value);
    case CFI_IS_EXPRESSION:
        return cfi_evaluate(description, rule->value, inputs, &cfa, out_value);
    case CFI_UNDEFINED:
        break;
    }
    return false;
}

bool cfi_step(const struct cfi_registers *registers, struct cfi_registers *out_caller,
              cfi_read *read, void *context, bool *out_end)
{
    uintptr_t pc = registers->value[CFI_REG_PC] - (registers->interrupted ? 0 : 1);
    struct cfi_inputs inputs = { registers, registers->value[CFI_REG_PC], read, context };
    struct cfi_description description;
    struct cfi_row row;
    uint64_t cfa;
    bool in_module;

    *out_end = false;
    if (!cfi_find(pc, &description, &in_module)) {
        *out_end = !registers->interrupted && cfi_is_before_entry(pc, &description);
        return false;
    }
    if (!cfi_find_row(&description, pc, &row))
        return false;
    if (row.registers[CFI_REG_PC].place == CFI_UNDEFINED) {
        *out_end = true;
        return false;
    }
    if (row.cfa_by_expression) {
        if (!cfi_evaluate(&description, row.cfa_offset, &inputs, NULL, &cfa))
            return false;
    } else {
        if (!(registers->valid >> row.cfa_register & 1))
            return false;
        cfa = registers->value[row.cfa_register] + (uint64_t)(int64_t)row.cfa_offset;
    }
    out_caller->valid = 0;
    for (unsigned number = 0; number < CFI_REGISTERS; number++)
        if (number == CFI_REG_RSP && row.registers[number].place == CFI_SAME) {
            out_caller->value[number] = cfa;
            out_caller->valid |= 1u << number;
        } else if (recover(&description, &row.registers[number], &inputs, number, cfa,
                           &out_caller->value[number])) {
            out_caller->valid |= 1u << number;
        }
    out_caller->interrupted = description.signal_frame;
    return out_caller->valid >> CFI_REG_PC & out_caller->valid >> CFI_REG_RSP & 1;
}
