#include "preload/cfi_expression.h"

#define EXPRESSION_STACK 16
#define EXPRESSION_STEPS 1000 /* it may loop */

static bool compare(uint8_t operation, int64_t left, int64_t right)
{
    switch (operation) {
    case 0x29: return left == right;
    case 0x2a: return left >= right;
    case 0x2b: return left > right;
    case 0x2c: return left <= right;
    case 0x2d: return left < right;
    default: return left != right;
    }
}

/* LEFT operation RIGHT, for the DWARF operations with two operands. */
static bool combine(uint8_t operation, uint64_t left, uint64_t right, uint64_t *out_value)
{
    switch (operation) {
    case 0x1a: *out_value = left & right; return true;
    case 0x1b:
        if (right == 0 || (left == (uint64_t)INT64_MIN && right == (uint64_t)-1))
            return false;
        *out_value = (uint64_t)((int64_t)left / (int64_t)right);
        return true;
    case 0x1c: *out_value = left - right; return true;
    case 0x1d:
        if (right == 0)
            return false;
        *out_value = left % right;
        return true;
    case 0x1e: *out_value = left * right; return true;
    case 0x21: *out_value = left | right; return true;
    case 0x22: *out_value = left + right; return true;
    case 0x24: *out_value = right < 64 ? left << right : 0; return true;
    case 0x25: *out_value = right < 64 ? left >> right : 0; return true;
    case 0x26: *out_value = (uint64_t)((int64_t)left >> (right < 64 ? right : 63)); return true;
    case 0x27: *out_value = left ^ right; return true;
    default: *out_value = compare(operation, (int64_t)left, (int64_t)right); return true;
    }
}

bool cfi_evaluate(const struct cfi_description *description, int64_t place,
                     const struct cfi_inputs *inputs, const uint64_t *initial, uint64_t *out_value)
{
    struct cfi_cursor code = { description->base + place, description->cfi_end, false };
    uint64_t stack[EXPRESSION_STACK], length = cfi_take_uleb(&code), value = 0, number;
    const uint8_t *begin = code.at;
    unsigned depth = 0;

    if (code.bad || length > (uint64_t)(code.end - code.at))
        return false;
    code.end = code.at + length;
    if (initial)
        stack[depth++] = *initial;
    for (int steps = 0; code.at < code.end; steps++) {
        uint8_t operation = (uint8_t)cfi_take_bytes(&code, 1);
        unsigned needs;

        /* How many operands it takes off, or at least looks at. */
        switch (operation) {
        case 0x06: case 0x12: case 0x13: case 0x19: case 0x1f: case 0x20: case 0x23: case 0x28:
        case 0x94: needs = 1; break;
        case 0x14: case 0x16: needs = 2; break;
        case 0x17: needs = 3; break;
        default:
            needs = (operation >= 0x1a && operation <= 0x2e && operation != 0x23) ? 2 : 0;
        }
        if (steps == EXPRESSION_STEPS || depth < needs || depth >= EXPRESSION_STACK)
            return false;
        switch (operation) {
        case 0x03: case 0x0e: case 0x0f: value = cfi_take_bytes(&code, 8); break;
        case 0x08: value = cfi_take_bytes(&code, 1); break;
        case 0x09: value = (uint64_t)cfi_take_signed(&code, 1); break;
        case 0x0a: value = cfi_take_bytes(&code, 2); break;
        case 0x0b: value = (uint64_t)cfi_take_signed(&code, 2); break;
        case 0x0c: value = cfi_take_bytes(&code, 4); break;
        case 0x0d: value = (uint64_t)cfi_take_signed(&code, 4); break;
        case 0x10: value = cfi_take_uleb(&code); break;
        case 0x11: value = (uint64_t)cfi_take_sleb(&code); break;
        case 0x06: /* deref */
            if (!inputs->read(inputs->context, stack[--depth], &value))
                return false;
            break;
        case 0x94: /* deref_size */
            number = cfi_take_bytes(&code, 1);
            if (number == 0 || number > 8 ||
                !inputs->read(inputs->context, stack[--depth], &value))
                return false;
            if (number < 8)
                value &= ((uint64_t)1 << 8 * number) - 1;
            break;
        case 0x12: value = stack[depth - 1]; break; /* dup */
        case 0x13: depth--; continue;               /* drop */
        case 0x14: value = stack[depth - 2]; break; /* over */
        case 0x15:                                  /* pick */
            number = cfi_take_bytes(&code, 1);
            if (number >= depth)
                return false;
            value = stack[depth - 1 - number];
            break;
        case 0x16: /* swap */
            value = stack[depth - 2];
            stack[depth - 2] = stack[depth - 1];
            depth--;
            break;
        case 0x17: /* rot: the top goes third */
            value = stack[depth - 2];
            number = stack[depth - 1];
            stack[depth - 2] = stack[depth - 3];
            stack[depth - 3] = number;
            depth--;
            break;
        case 0x19: /* abs */
            value = stack[--depth];
            value = (int64_t)value < 0 ? -value : value;
            break;
        case 0x1f: value = -stack[--depth]; break;
        case 0x20: value = ~stack[--depth]; break;
        case 0x23: value = stack[--depth] + cfi_take_uleb(&code); break; /* plus_uconst */
        case 0x28: case 0x2f: { /* bra, skip */
            int64_t distance = cfi_take_signed(&code, 2);

            if (code.bad || distance < begin - code.at || distance > code.end - code.at)
                return false;
            if (operation == 0x2f || stack[--depth])
                code.at += distance;
            continue;
        }
        case 0x96: continue; /* nop */
        default:
            if (operation >= 0x1a && operation <= 0x2e) {
                depth -= 2;
                if (!combine(operation, stack[depth], stack[depth + 1], &value))
                    return false;
            } else if (operation >= 0x30 && operation <= 0x4f) { /* lit */
                value = operation - 0x30u;
            } else if ((operation >= 0x70 && operation <= 0x8f) || operation == 0x92) { /* breg */
                number = operation == 0x92 ? cfi_take_uleb(&code) : operation - 0x70u;
                if (number >= CFI_REGISTERS || !(inputs->registers->valid >> number & 1))
                    return false;
                value = number == CFI_REG_PC ? inputs->pc : inputs->registers->value[number];
                value += (uint64_t)cfi_take_sleb(&code);
            } else {
                return false;
            }
        }
        if (code.bad)
            return false;
        stack[depth++] = value;
    }
    if (depth == 0)
        return false;
    *out_value = stack[depth - 1];
    return true;
}
