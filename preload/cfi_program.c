#include "preload/cfi_program.h"

#include <string.h>

#define MAX_REMEMBERED 2 /* compilers nest DW_CFA_remember_state once */

static void set(struct cfi_row *row, uint64_t number, enum cfi_place place, int64_t value,
                struct cfi_cursor *program)
{
    if (number >= CFI_REGISTERS)
        return; /* vector registers and the like */
    if (value < -(1 << 27) || value >= 1 << 27) {
        program->bad = true;
        return;
    }
    row->registers[number].place = (uint32_t)place;
    row->registers[number].value = (int32_t)value;
}

static void set_cfa_register(struct cfi_row *row, uint64_t number, struct cfi_cursor *program)
{
    if (number >= CFI_REGISTERS)
        program->bad = true;
    row->cfa_register = (uint8_t)number;
    row->cfa_by_expression = false;
}

static void set_cfa_offset(struct cfi_row *row, int64_t value, struct cfi_cursor *program)
{
    if (value != (int32_t)value)
        program->bad = true;
    row->cfa_offset = (int32_t)value;
}

/* NUMBER times FACTOR, without an overflow that C does not define. */
static int64_t times(int64_t number, int64_t factor)
{
    return (int64_t)((uint64_t)number * (uint64_t)factor);
}

/* Skip an expression; returns its distance from DESCRIPTION's base. */
static int64_t take_expression(struct cfi_cursor *program,
                               const struct cfi_description *description)
{
    int64_t place = program->at - description->base;

    cfi_skip(program, cfi_take_uleb(program));
    return place;
}

/* Execute PROGRAM on ROW until it is past PC. INITIAL is the row that the CIE left,
 * NULL while the CIE itself runs. */
static bool execute(struct cfi_cursor program, const struct cfi_description *description,
                    const struct cfi_row *initial, uintptr_t pc, struct cfi_row *row)
{
    struct cfi_row remembered[MAX_REMEMBERED];
    unsigned depth = 0;
    uintptr_t location = description->begin;
    int64_t factor = description->data_alignment;

    while (program.at < program.end && !program.bad) {
        uint8_t operation = (uint8_t)cfi_take_bytes(&program, 1);
        uint64_t low = operation & 0x3f, number;

        switch (operation & 0xc0) {
        case 0x40: /* advance_loc */
            location += low * description->code_alignment;
            if (location > pc)
                return true;
            continue;
        case 0x80: /* offset */
            set(row, low, CFI_AT_OFFSET, times((int64_t)cfi_take_uleb(&program), factor), &program);
            continue;
        case 0xc0: /* restore */
            if (initial && low < CFI_REGISTERS)
                row->registers[low] = initial->registers[low];
            continue;
        }
        switch (operation) {
        case 0x00: break;
        case 0x01: location = cfi_take_pointer(&program, description->encoding, 0); goto moved;
        case 0x02:
            location += cfi_take_bytes(&program, 1) * description->code_alignment;
            goto moved;
        case 0x03:
            location += cfi_take_bytes(&program, 2) * description->code_alignment;
            goto moved;
        case 0x04:
            location += cfi_take_bytes(&program, 4) * description->code_alignment;
            goto moved;
        moved:
            if (location > pc)
                return !program.bad;
            break;
        case 0x05: /* offset_extended */
            number = cfi_take_uleb(&program);
            set(row, number, CFI_AT_OFFSET, times((int64_t)cfi_take_uleb(&program), factor),
                &program);
            break;
        case 0x06: /* restore_extended */
            number = cfi_take_uleb(&program);
            if (initial && number < CFI_REGISTERS)
                row->registers[number] = initial->registers[number];
            break;
        case 0x07: set(row, cfi_take_uleb(&program), CFI_UNDEFINED, 0, &program); break;
        case 0x08: set(row, cfi_take_uleb(&program), CFI_SAME, 0, &program); break;
        case 0x09: /* register */
            number = cfi_take_uleb(&program);
            set(row, number, CFI_IN_REGISTER, (int64_t)cfi_take_uleb(&program), &program);
            break;
        case 0x0a: /* remember_state */
            if (depth == MAX_REMEMBERED)
                return false;
            remembered[depth++] = *row;
            break;
        case 0x0b: /* restore_state */
            if (depth == 0)
                return false;
            *row = remembered[--depth];
            break;
        case 0x0c: /* def_cfa */
            set_cfa_register(row, cfi_take_uleb(&program), &program);
            set_cfa_offset(row, (int64_t)cfi_take_uleb(&program), &program);
            break;
        case 0x0d: /* def_cfa_register: only of a CFA that has one */
            program.bad |= row->cfa_by_expression;
            set_cfa_register(row, cfi_take_uleb(&program), &program);
            break;
        case 0x0e: /* def_cfa_offset: the same */
            program.bad |= row->cfa_by_expression;
            set_cfa_offset(row, (int64_t)cfi_take_uleb(&program), &program);
            break;
        case 0x0f: /* def_cfa_expression */
            set_cfa_offset(row, take_expression(&program, description), &program);
            row->cfa_by_expression = true;
            break;
        case 0x10: /* expression */
            number = cfi_take_uleb(&program);
            set(row, number, CFI_AT_EXPRESSION, take_expression(&program, description), &program);
            break;
        case 0x11: /* offset_extended_sf */
            number = cfi_take_uleb(&program);
            set(row, number, CFI_AT_OFFSET, times(cfi_take_sleb(&program), factor), &program);
            break;
        case 0x12: /* def_cfa_sf */
            set_cfa_register(row, cfi_take_uleb(&program), &program);
            set_cfa_offset(row, times(cfi_take_sleb(&program), factor), &program);
            break;
        case 0x13: /* def_cfa_offset_sf */
            program.bad |= row->cfa_by_expression;
            set_cfa_offset(row, times(cfi_take_sleb(&program), factor), &program);
            break;
        case 0x14: /* val_offset */
            number = cfi_take_uleb(&program);
            set(row, number, CFI_IS_OFFSET, times((int64_t)cfi_take_uleb(&program), factor),
                &program);
            break;
        case 0x15: /* val_offset_sf */
            number = cfi_take_uleb(&program);
            set(row, number, CFI_IS_OFFSET, times(cfi_take_sleb(&program), factor), &program);
            break;
        case 0x16: /* val_expression */
            number = cfi_take_uleb(&program);
            set(row, number, CFI_IS_EXPRESSION, take_expression(&program, description), &program);
            break;
        case 0x2e: cfi_take_uleb(&program); break; /* GNU_args_size: of no use here */
        case 0x2f: /* GNU_negative_offset_extended */
            number = cfi_take_uleb(&program);
            set(row, number, CFI_AT_OFFSET,
                times(times((int64_t)cfi_take_uleb(&program), factor), -1), &program);
            break;
        default: return false;
        }
    }
    return !program.bad;
}

bool cfi_find_row(const struct cfi_description *description, uintptr_t pc, struct cfi_row *out_row)
{
    struct cfi_row initial;

    memset(&initial, 0, sizeof initial);
    if (!execute(description->cie_program, description, NULL, UINTPTR_MAX, &initial))
        return false;
    *out_row = initial;
    return execute(description->fde_program, description, &initial, pc, out_row);
}
