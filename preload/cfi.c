#include "preload/cfi.h"

#include "preload/arena.h"
#include "preload/object.h"

#include <stdatomic.h>
#include <stddef.h>
#include <string.h>

#define RA_COLUMN CFI_REG_PC
#define MAX_REMEMBERED 2 /* compilers nest DW_CFA_remember_state once */

/* ---- the bytes of the module ---------------------------------------------- */

/* Reads forward from `at`, never at or behind `end`; once `bad`, all is 0. */
struct cursor {
    const uint8_t *at, *end;
    bool bad;
};

static uint64_t take_bytes(struct cursor *cursor, size_t size)
{
    uint64_t value = 0;

    if (cursor->bad || (size_t)(cursor->end - cursor->at) < size) {
        cursor->bad = true;
        return 0;
    }
    for (size_t i = 0; i < size; i++)
        value |= (uint64_t)*cursor->at++ << 8 * i;
    return value;
}

static int64_t take_signed(struct cursor *cursor, size_t size)
{
    unsigned unused = 64 - 8 * (unsigned)size;

    return (int64_t)(take_bytes(cursor, size) << unused) >> unused;
}

static uint64_t take_leb(struct cursor *cursor, bool is_signed)
{
    uint64_t value = 0;
    unsigned shift = 0;
    uint8_t byte;

    do {
        byte = (uint8_t)take_bytes(cursor, 1);
        if (shift < 64)
            value |= (uint64_t)(byte & 0x7f) << shift;
        shift += 7;
    } while (byte & 0x80 && !cursor->bad);
    if (is_signed && byte & 0x40 && shift < 64)
        value |= ~(uint64_t)0 << shift;
    return value;
}

static uint64_t take_uleb(struct cursor *cursor)
{
    return take_leb(cursor, false);
}

static int64_t take_sleb(struct cursor *cursor)
{
    return (int64_t)take_leb(cursor, true);
}

static void skip(struct cursor *cursor, uint64_t size)
{
    if (cursor->bad || (uint64_t)(cursor->end - cursor->at) < size)
        cursor->bad = true;
    else
        cursor->at += size;
}

/* A pointer encoded as ENCODING (DW_EH_PE_*) says; DATA is what "datarel" is relative to. */
static uintptr_t take_pointer(struct cursor *cursor, uint8_t encoding, uintptr_t data)
{
    uintptr_t here = (uintptr_t)cursor->at;
    uint64_t value;

    switch (encoding & 0x0f) {
    case 0x00: case 0x04: case 0x0c: value = take_bytes(cursor, 8); break;
    case 0x01: value = take_uleb(cursor); break;
    case 0x02: value = take_bytes(cursor, 2); break;
    case 0x03: value = take_bytes(cursor, 4); break;
    case 0x09: value = (uint64_t)take_sleb(cursor); break;
    case 0x0a: value = (uint64_t)take_signed(cursor, 2); break;
    case 0x0b: value = (uint64_t)take_signed(cursor, 4); break;
    default: cursor->bad = true; return 0;
    }
    switch (encoding & 0x70) {
    case 0x00: return value;
    case 0x10: return here + value;
    case 0x30: return data + value;
    default: cursor->bad = true; return 0;
    }
}

/* ---- from a pc to its FDE ------------------------------------------------- */

/* A frame description with its CIE. */
struct description {
    const uint8_t *cfi_start, *cfi_end; /* the segment it lies in: no read leaves it */
    const uint8_t *base;    /* what places of expressions are relative to */
    struct cursor cie_program, fde_program;
    uintptr_t begin, size;  /* the code it covers */
    uint64_t code_alignment;
    int64_t data_alignment;
    uint8_t encoding;       /* of code addresses */
    bool augmented;         /* the FDE has augmentation data, too */
    bool signal_frame;
};

/* The entry (CIE or FDE) at AT without its length field; false if it is none. */
static bool open_entry(const uint8_t *at, const uint8_t *cfi_end, struct cursor *out_entry)
{
    struct cursor entry = { at, cfi_end, false };
    uint64_t length = take_bytes(&entry, 4);

    if (length == 0xffffffff)
        length = take_bytes(&entry, 8);
    if (entry.bad || length == 0 || length > (uint64_t)(cfi_end - entry.at))
        return false;
    entry.end = entry.at + length;
    *out_entry = entry;
    return true;
}

static bool read_cie(const uint8_t *at, struct description *description)
{
    struct cursor cie;
    const char *augmentation;
    uint64_t version;

    if (at < description->cfi_start || at >= description->cfi_end ||
        !open_entry(at, description->cfi_end, &cie) || take_bytes(&cie, 4) != 0)
        return false;
    version = take_bytes(&cie, 1);
    augmentation = (const char *)cie.at;
    while (take_bytes(&cie, 1))
        ;
    if (version == 4)
        skip(&cie, 2); /* sizes of addresses and segments */
    else if (version != 1 && version != 3)
        return false;
    description->code_alignment = take_uleb(&cie);
    description->data_alignment = take_sleb(&cie);
    if ((version == 1 ? take_bytes(&cie, 1) : take_uleb(&cie)) != RA_COLUMN || cie.bad)
        return false;
    description->encoding = 0;
    description->signal_frame = false;
    description->augmented = augmentation[0] == 'z';
    if (description->augmented) {
        uint64_t size = take_uleb(&cie);
        const uint8_t *program;

        if (cie.bad || size > (uint64_t)(cie.end - cie.at))
            return false;
        program = cie.at + size;
        for (const char *letter = augmentation + 1; *letter; letter++) {
            uint8_t encoding;

            switch (*letter) {
            case 'R': description->encoding = (uint8_t)take_bytes(&cie, 1); break;
            case 'L': skip(&cie, 1); break;
            case 'P':
                encoding = (uint8_t)take_bytes(&cie, 1);
                take_pointer(&cie, encoding & 0x7f, 0);
                break;
            case 'S': description->signal_frame = true; break;
            case 'B': break;
            default: return false;
            }
        }
        if (cie.bad)
            return false;
        cie.at = program;
    } else if (augmentation[0]) {
        return false;
    }
    description->cie_program = cie;
    return true;
}

static bool read_fde(const uint8_t *at, struct description *description)
{
    struct cursor fde;
    const uint8_t *pointer;
    uint64_t distance;

    if (at < description->cfi_start || at >= description->cfi_end ||
        !open_entry(at, description->cfi_end, &fde))
        return false;
    description->base = pointer = fde.at;
    distance = take_bytes(&fde, 4);
    if (fde.bad || distance == 0 || distance > (uint64_t)(pointer - description->cfi_start) ||
        !read_cie(pointer - distance, description))
        return false;
    description->begin = take_pointer(&fde, description->encoding, 0);
    description->size = take_pointer(&fde, description->encoding & 0x0f, 0);
    if (description->augmented)
        skip(&fde, take_uleb(&fde));
    description->fde_program = fde;
    return !fde.bad;
}

/* The last FDE that begins at or before PC, by the search table of .eh_frame_hdr
 * at HEADER. NULL if there is no such table. */
static const uint8_t *search(const uint8_t *header, const uint8_t *segment_end, uintptr_t pc)
{
    struct cursor cursor = { header, segment_end, false };
    uint64_t version = take_bytes(&cursor, 1);
    uint8_t frame_encoding = (uint8_t)take_bytes(&cursor, 1);
    uint8_t count_encoding = (uint8_t)take_bytes(&cursor, 1);
    uint8_t table_encoding = (uint8_t)take_bytes(&cursor, 1);
    int64_t target = (int64_t)(pc - (uintptr_t)header);
    uint64_t count, low = 0, high;
    int32_t entry[2];

    take_pointer(&cursor, frame_encoding, (uintptr_t)header);
    count = take_pointer(&cursor, count_encoding, (uintptr_t)header);
    if (cursor.bad || version != 1 || table_encoding != 0x3b /* datarel | sdata4 */ ||
        count > (uint64_t)(segment_end - cursor.at) / sizeof entry)
        return NULL;
    for (high = count; low < high;) { /* low: entries known to begin at or before PC */
        uint64_t middle = low + (high - low) / 2;

        memcpy(entry, cursor.at + middle * sizeof entry, sizeof entry);
        if (entry[0] <= target)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0)
        return NULL;
    memcpy(entry, cursor.at + (low - 1) * sizeof entry, sizeof entry);
    return header + entry[1];
}

/* Find what describes PC. OUT_MODULE tells whether PC is in a module at all. */
static bool find(uintptr_t pc, struct description *out_description, bool *out_module)
{
    const uint8_t **start = &out_description->cfi_start, **end = &out_description->cfi_end, *fde;
    struct object object;

    *out_module = object_find(pc, &object);
    if (!*out_module || !object_segment(&object, object.frame_header, start, end))
        return false;
    fde = search(object.frame_header, *end, pc);
    return fde && object_segment(&object, fde, start, end) && /* it need not be the same */
           read_fde(fde, out_description) && pc >= out_description->begin &&
           pc - out_description->begin < out_description->size;
}

/* Whether PC + 1, before which nothing is described, is where a function begins. */
static bool before_entry(uintptr_t pc, struct description *scratch)
{
    bool in_module;

    return find(pc + 1, scratch, &in_module) && scratch->begin == pc + 1;
}

/* ---- the CFA program: a row of rules -------------------------------------- */

enum place {
    SAME, /* the caller's value is still in the register */
    UNDEFINED,
    AT_OFFSET,     /* at CFA + value */
    IS_OFFSET,     /* is CFA + value */
    IN_REGISTER,   /* in register `value` */
    AT_EXPRESSION, /* at the address that the expression yields */
    IS_EXPRESSION,
};

/* Small, because rows lie on the caller's stack, several at a time. */
struct rule {
    int32_t value : 28;  /* an expression: its distance from description.base */
    uint32_t place : 4;  /* enum place */
};
_Static_assert(sizeof(struct rule) == 4, "a row is to be small");

struct row {
    struct rule registers[CFI_REGISTERS];
    int32_t cfa_offset;       /* or the expression's distance from description.base */
    uint8_t cfa_register;
    bool cfa_by_expression;
};

static void set(struct row *row, uint64_t number, enum place place, int64_t value,
                struct cursor *program)
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

static void set_cfa_register(struct row *row, uint64_t number, struct cursor *program)
{
    if (number >= CFI_REGISTERS)
        program->bad = true;
    row->cfa_register = (uint8_t)number;
    row->cfa_by_expression = false;
}

static void set_cfa_offset(struct row *row, int64_t value, struct cursor *program)
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
static int64_t take_expression(struct cursor *program, const struct description *description)
{
    int64_t place = program->at - description->base;

    skip(program, take_uleb(program));
    return place;
}

/* Execute PROGRAM on ROW until it is past PC. INITIAL is the row that the CIE left,
 * NULL while the CIE itself runs. */
static bool execute(struct cursor program, const struct description *description,
                    const struct row *initial, uintptr_t pc, struct row *row)
{
    struct row remembered[MAX_REMEMBERED];
    unsigned depth = 0;
    uintptr_t location = description->begin;
    int64_t factor = description->data_alignment;

    while (program.at < program.end && !program.bad) {
        uint8_t operation = (uint8_t)take_bytes(&program, 1);
        uint64_t low = operation & 0x3f, number;

        switch (operation & 0xc0) {
        case 0x40: /* advance_loc */
            location += low * description->code_alignment;
            if (location > pc)
                return true;
            continue;
        case 0x80: /* offset */
            set(row, low, AT_OFFSET, times((int64_t)take_uleb(&program), factor), &program);
            continue;
        case 0xc0: /* restore */
            if (initial && low < CFI_REGISTERS)
                row->registers[low] = initial->registers[low];
            continue;
        }
        switch (operation) {
        case 0x00: break;
        case 0x01: location = take_pointer(&program, description->encoding, 0); goto moved;
        case 0x02: location += take_bytes(&program, 1) * description->code_alignment; goto moved;
        case 0x03: location += take_bytes(&program, 2) * description->code_alignment; goto moved;
        case 0x04: location += take_bytes(&program, 4) * description->code_alignment; goto moved;
        moved:
            if (location > pc)
                return !program.bad;
            break;
        case 0x05: /* offset_extended */
            number = take_uleb(&program);
            set(row, number, AT_OFFSET, times((int64_t)take_uleb(&program), factor), &program);
            break;
        case 0x06: /* restore_extended */
            number = take_uleb(&program);
            if (initial && number < CFI_REGISTERS)
                row->registers[number] = initial->registers[number];
            break;
        case 0x07: set(row, take_uleb(&program), UNDEFINED, 0, &program); break;
        case 0x08: set(row, take_uleb(&program), SAME, 0, &program); break;
        case 0x09: /* register */
            number = take_uleb(&program);
            set(row, number, IN_REGISTER, (int64_t)take_uleb(&program), &program);
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
            set_cfa_register(row, take_uleb(&program), &program);
            set_cfa_offset(row, (int64_t)take_uleb(&program), &program);
            break;
        case 0x0d: /* def_cfa_register: only of a CFA that has one */
            program.bad |= row->cfa_by_expression;
            set_cfa_register(row, take_uleb(&program), &program);
            break;
        case 0x0e: /* def_cfa_offset: the same */
            program.bad |= row->cfa_by_expression;
            set_cfa_offset(row, (int64_t)take_uleb(&program), &program);
            break;
        case 0x0f: /* def_cfa_expression */
            set_cfa_offset(row, take_expression(&program, description), &program);
            row->cfa_by_expression = true;
            break;
        case 0x10: /* expression */
            number = take_uleb(&program);
            set(row, number, AT_EXPRESSION, take_expression(&program, description), &program);
            break;
        case 0x11: /* offset_extended_sf */
            number = take_uleb(&program);
            set(row, number, AT_OFFSET, times(take_sleb(&program), factor), &program);
            break;
        case 0x12: /* def_cfa_sf */
            set_cfa_register(row, take_uleb(&program), &program);
            set_cfa_offset(row, times(take_sleb(&program), factor), &program);
            break;
        case 0x13: /* def_cfa_offset_sf */
            program.bad |= row->cfa_by_expression;
            set_cfa_offset(row, times(take_sleb(&program), factor), &program);
            break;
        case 0x14: /* val_offset */
            number = take_uleb(&program);
            set(row, number, IS_OFFSET, times((int64_t)take_uleb(&program), factor), &program);
            break;
        case 0x15: /* val_offset_sf */
            number = take_uleb(&program);
            set(row, number, IS_OFFSET, times(take_sleb(&program), factor), &program);
            break;
        case 0x16: /* val_expression */
            number = take_uleb(&program);
            set(row, number, IS_EXPRESSION, take_expression(&program, description), &program);
            break;
        case 0x2e: take_uleb(&program); break; /* GNU_args_size: of no use here */
        case 0x2f: /* GNU_negative_offset_extended */
            number = take_uleb(&program);
            set(row, number, AT_OFFSET, times(times((int64_t)take_uleb(&program), factor), -1),
                &program);
            break;
        default: return false;
        }
    }
    return !program.bad;
}

/* The row of DESCRIPTION that holds at PC. */
static bool find_row(const struct description *description, uintptr_t pc, struct row *out_row)
{
    struct row initial;

    memset(&initial, 0, sizeof initial);
    if (!execute(description->cie_program, description, NULL, UINTPTR_MAX, &initial))
        return false;
    *out_row = initial;
    return execute(description->fde_program, description, &initial, pc, out_row);
}

/* ---- expressions ---------------------------------------------------------- */

#define EXPRESSION_STACK 16
#define EXPRESSION_STEPS 1000 /* it may loop */

/* What an expression is computed from. */
struct inputs {
    const struct cfi_registers *registers;
    uint64_t pc; /* not theirs, which many probes could not share */
    cfi_read *read;
    void *context;
};

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

/* Evaluate the expression at distance PLACE from DESCRIPTION's base, with *INITIAL
 * (unless NULL) on the stack. */
static bool evaluate(const struct description *description, int64_t place,
                     const struct inputs *inputs, const uint64_t *initial, uint64_t *out_value)
{
    struct cursor code = { description->base + place, description->cfi_end, false };
    uint64_t stack[EXPRESSION_STACK], length = take_uleb(&code), value = 0, number;
    const uint8_t *begin = code.at;
    unsigned depth = 0;

    if (code.bad || length > (uint64_t)(code.end - code.at))
        return false;
    code.end = code.at + length;
    if (initial)
        stack[depth++] = *initial;
    for (int steps = 0; code.at < code.end; steps++) {
        uint8_t operation = (uint8_t)take_bytes(&code, 1);
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
        case 0x03: case 0x0e: case 0x0f: value = take_bytes(&code, 8); break;
        case 0x08: value = take_bytes(&code, 1); break;
        case 0x09: value = (uint64_t)take_signed(&code, 1); break;
        case 0x0a: value = take_bytes(&code, 2); break;
        case 0x0b: value = (uint64_t)take_signed(&code, 2); break;
        case 0x0c: value = take_bytes(&code, 4); break;
        case 0x0d: value = (uint64_t)take_signed(&code, 4); break;
        case 0x10: value = take_uleb(&code); break;
        case 0x11: value = (uint64_t)take_sleb(&code); break;
        case 0x06: /* deref */
            if (!inputs->read(inputs->context, stack[--depth], &value))
                return false;
            break;
        case 0x94: /* deref_size */
            number = take_bytes(&code, 1);
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
            number = take_bytes(&code, 1);
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
        case 0x23: value = stack[--depth] + take_uleb(&code); break; /* plus_uconst */
        case 0x28: case 0x2f: { /* bra, skip */
            int64_t distance = take_signed(&code, 2);

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
                number = operation == 0x92 ? take_uleb(&code) : operation - 0x70u;
                if (number >= CFI_REGISTERS || !(inputs->registers->valid >> number & 1))
                    return false;
                value = number == CFI_REG_PC ? inputs->pc : inputs->registers->value[number];
                value += (uint64_t)take_sleb(&code);
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

/* ---- boiling a row down ---------------------------------------------------- */

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
static bool lies_at(const struct description *description, const struct rule *rule,
                    const struct inputs *inputs, uint64_t address)
{
    uint64_t cfa = PROBE_VALUE, value;

    return rule->place == AT_EXPRESSION &&
           evaluate(description, rule->value, inputs, &cfa, &value) && value == address;
}

/* The rule for a CFA that is computed: found out by trying two sets of registers,
 * since the expressions in use are linear in one of them. (PLT stubs: rsp plus 8 or
 * 16, by the pc; realigned functions; glibc's signal return.) */
static __attribute__((noinline)) cfi_rule
boil_expression(const struct description *description, const struct row *row,
                                uintptr_t pc, bool ordinary, int rbp_slot)
{
    const uint64_t rsp = PROBE_RSP, rbp = PROBE_RBP;
    const struct rule *caller_rsp = &row->registers[CFI_REG_RSP];
    struct probe probe = { 0, 0 };
    struct inputs inputs = { &probes[0], pc, probe_read, &probe };
    uint64_t first, second;

    if (!evaluate(description, row->cfa_offset, &inputs, NULL, &first))
        return make_rule(CFI_FULL, 0, 0);
    if (probe.reads == 1 && first == PROBE_VALUE) {
        if (description->signal_frame && probe.address == rsp + 160 &&
            lies_at(description, &row->registers[CFI_REG_PC], &inputs, rsp + 168) &&
            lies_at(description, &row->registers[CFI_REG_RBP], &inputs, rsp + 120) &&
            (caller_rsp->place == SAME || lies_at(description, caller_rsp, &inputs, rsp + 160)))
            return make_rule(CFI_SIGNAL, 0, 0);
        if (ordinary && lies_at(description, &row->registers[CFI_REG_RBP], &inputs, rbp) &&
            probe.address - rbp + 0x8000 < 0x10000)
            return make_rule(CFI_REALIGNED, 0, (int64_t)(probe.address - rbp));
    }
    if (probe.reads > 0 || !ordinary || rbp_slot < 0)
        return make_rule(CFI_FULL, 0, 0);
    inputs.registers = &probes[1];
    if (evaluate(description, row->cfa_offset, &inputs, NULL, &second) &&
        second == first + PROBE_STEP)
        return make_rule(CFI_RSP, (unsigned)rbp_slot, (int64_t)(first - rsp));
    return make_rule(CFI_FULL, 0, 0);
}

static cfi_rule boil(const struct description *description, const struct row *row, uintptr_t pc)
{
    const struct rule *ra = &row->registers[RA_COLUMN], *rbp = &row->registers[CFI_REG_RBP];
    bool ordinary = ra->place == AT_OFFSET && ra->value == -8 && !description->signal_frame &&
                    row->registers[CFI_REG_RSP].place == SAME; /* the CFA, that is */
    int rbp_slot = -1;

    if (ra->place == UNDEFINED)
        return make_rule(CFI_END, 0, 0);
    if (rbp->place == SAME)
        rbp_slot = 0;
    else if (rbp->place == AT_OFFSET && rbp->value < 0 && rbp->value % 8 == 0 &&
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

/* ---- the table of rules ---------------------------------------------------- */

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

/* A rule for PC from its module; OUT_MODULE tells whether it has one. */
static cfi_rule compute(uintptr_t pc, bool *out_module)
{
    struct description description;
    struct row row;

    if (!find(pc, &description, out_module))
        return make_rule(before_entry(pc, &description) ? CFI_ENTRY : CFI_UNKNOWN, 0, 0);
    if (!find_row(&description, pc, &row))
        return make_rule(CFI_UNKNOWN, 0, 0);
    return boil(&description, &row, pc);
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

/* ---- the full evaluator ---------------------------------------------------- */

/* The caller's value of register NUMBER by RULE; false if it can't be known. */
static bool recover(const struct description *description, const struct rule *rule,
                    const struct inputs *inputs, unsigned number, uint64_t cfa,
                    uint64_t *out_value)
{
    const struct cfi_registers *registers = inputs->registers;
    unsigned from = number;
    uint64_t address;

    switch ((enum place)rule->place) {
    case IN_REGISTER:
        from = (unsigned)rule->value;
        if (from >= CFI_REGISTERS)
            return false;
        /* fall through */
    case SAME:
        *out_value = registers->value[from];
        return registers->valid >> from & 1;
    case AT_OFFSET:
        return inputs->read(inputs->context, cfa + (uint64_t)(int64_t)rule->value, out_value);
    case IS_OFFSET:
        *out_value = cfa + (uint64_t)(int64_t)rule->value;
        return true;
    case AT_EXPRESSION:
        return evaluate(description, rule->value, inputs, &cfa, &address) &&
               inputs->read(inputs->context, address, out_value);
    case IS_EXPRESSION:
        return evaluate(description, rule->value, inputs, &cfa, out_value);
    case UNDEFINED:
        break;
    }
    return false;
}

bool cfi_step(const struct cfi_registers *registers, struct cfi_registers *out_caller,
              cfi_read *read, void *context, bool *out_end)
{
    uintptr_t pc = registers->value[CFI_REG_PC] - (registers->interrupted ? 0 : 1);
    struct inputs inputs = { registers, registers->value[CFI_REG_PC], read, context };
    struct description description;
    struct row row;
    uint64_t cfa;
    bool in_module;

    *out_end = false;
    if (!find(pc, &description, &in_module)) {
        *out_end = !registers->interrupted && before_entry(pc, &description);
        return false;
    }
    if (!find_row(&description, pc, &row))
        return false;
    if (row.registers[RA_COLUMN].place == UNDEFINED) {
        *out_end = true;
        return false;
    }
    if (row.cfa_by_expression) {
        if (!evaluate(&description, row.cfa_offset, &inputs, NULL, &cfa))
            return false;
    } else {
        if (!(registers->valid >> row.cfa_register & 1))
            return false;
        cfa = registers->value[row.cfa_register] + (uint64_t)(int64_t)row.cfa_offset;
    }
    out_caller->valid = 0;
    for (unsigned number = 0; number < CFI_REGISTERS; number++)
        if (number == CFI_REG_RSP && row.registers[number].place == SAME) {
            out_caller->value[number] = cfa;
            out_caller->valid |= 1u << number;
        } else if (recover(&description, &row.registers[number], &inputs, number, cfa,
                           &out_caller->value[number])) {
            out_caller->valid |= 1u << number;
        }
    out_caller->interrupted = description.signal_frame;
    return out_caller->valid >> CFI_REG_PC & out_caller->valid >> CFI_REG_RSP & 1;
}
