#include "model/rust_demangle.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* References back into the name can nest and multiply without end. */
#define DEPTH_MAX  200
#define OUTPUT_MAX (64u << 10)
#define STEPS_MAX  100000

/* Where we are in the name, and what it has become so far. */
struct parser {
    const char *begin; /* behind "_R": what references back count from */
    const char *at;
    char *out;
    size_t size, capacity;
    bool silent; /* read, but print nothing */
    bool failed;
    int depth;
    unsigned steps;
    uint64_t lifetimes; /* bound by the binders around */
};

/* An identifier, a piece of the name. */
struct identifier {
    const char *text;
    size_t size;
    bool punycode;
    uint64_t number; /* of the disambiguator; 0: the first of its name */
};

static void print_path(struct parser *parser, bool in_value);
static void print_type(struct parser *parser);
static void print_const(struct parser *parser);

/* ---- output -------------------------------------------------------------------- */

static void put(struct parser *parser, const char *text, size_t size)
{
    if (parser->silent || parser->failed)
        return;
    if (parser->size + size >= parser->capacity) {
        size_t capacity = (parser->size + size + 1) * 2;
        char *out = capacity <= OUTPUT_MAX ? realloc(parser->out, capacity) : NULL;

        if (!out) {
            parser->failed = true;
            return;
        }
        parser->out = out;
        parser->capacity = capacity;
    }
    memcpy(parser->out + parser->size, text, size);
    parser->size += size;
    parser->out[parser->size] = 0;
}

static void put_text(struct parser *parser, const char *text)
{
    put(parser, text, strlen(text));
}

static void put_number(struct parser *parser, uint64_t number)
{
    char text[24];

    snprintf(text, sizeof(text), "%" PRIu64, number);
    put_text(parser, text);
}

/* ---- input --------------------------------------------------------------------- */

static bool eat(struct parser *parser, char expected)
{
    if (*parser->at != expected)
        return false;
    parser->at++;
    return true;
}

/* The next character, which is taken. */
static char next(struct parser *parser)
{
    if (*parser->at == 0) {
        parser->failed = true;
        return 0;
    }
    return *parser->at++;
}

/* "_" is 0, "0_" is 1, "Z_" is 62. */
static uint64_t read_base62(struct parser *parser)
{
    uint64_t number = 0;

    if (eat(parser, '_'))
        return 0;
    while (!parser->failed && !eat(parser, '_')) {
        char digit = next(parser);
        unsigned value;

        if (digit >= '0' && digit <= '9')
            value = (unsigned)(digit - '0');
        else if (digit >= 'a' && digit <= 'z')
            value = (unsigned)(digit - 'a') + 10;
        else if (digit >= 'A' && digit <= 'Z')
            value = (unsigned)(digit - 'A') + 36;
        else
            value = 62;
        if (value == 62 || number > (UINT64_MAX - 62) / 62) {
            parser->failed = true;
            return 0;
        }
        number = number * 62 + value;
    }
    return number + 1;
}

/* The number after TAG plus 1; 0 if TAG is not there. */
static uint64_t read_tagged(struct parser *parser, char tag)
{
    return eat(parser, tag) ? read_base62(parser) + 1 : 0;
}

static struct identifier read_plain_identifier(struct parser *parser)
{
    struct identifier identifier = {.punycode = eat(parser, 'u')};

    if (!isdigit((unsigned char)*parser->at)) {
        parser->failed = true;
        return identifier;
    }
    /* No number begins with 0 but 0 itself. */
    if (!eat(parser, '0'))
        while (isdigit((unsigned char)*parser->at) && identifier.size < OUTPUT_MAX)
            identifier.size = identifier.size * 10 + (size_t)(*parser->at++ - '0');
    eat(parser, '_');
    identifier.text = parser->at;
    if (strnlen(parser->at, identifier.size) < identifier.size) {
        parser->failed = true;
        identifier.size = 0;
    }
    parser->at += identifier.size;
    return identifier;
}

static struct identifier read_identifier(struct parser *parser)
{
    uint64_t number = read_tagged(parser, 's');
    struct identifier identifier = read_plain_identifier(parser);

    identifier.number = number;
    return identifier;
}

static void put_identifier(struct parser *parser, const struct identifier *identifier)
{
    if (identifier->punycode)
        put_text(parser, "punycode{");
    put(parser, identifier->text, identifier->size);
    if (identifier->punycode)
        put_text(parser, "}");
}

/* Go into a nested part of the name. False if that is too deep: then don't. */
static bool enter(struct parser *parser)
{
    if (parser->failed || parser->depth >= DEPTH_MAX || parser->steps++ >= STEPS_MAX) {
        parser->failed = true;
        return false;
    }
    parser->depth++;
    return true;
}

/* Read a reference back, whose 'B' is taken, and go there. Returns where to come back
 * to, NULL if it leads nowhere: then do nothing. */
static const char *follow(struct parser *parser)
{
    const char *from = parser->at - 1;
    uint64_t offset = read_base62(parser);
    const char *back = parser->at;

    if (parser->failed || offset >= (uint64_t)(from - parser->begin)) {
        parser->failed = true;
        return NULL;
    }
    if (parser->silent)
        return NULL; /* was read where it leads to */
    parser->at = parser->begin + offset;
    return back;
}

/* ---- the grammar --------------------------------------------------------------- */

/* Lifetime NUMBER, counted from the innermost binder outwards from 1; 0 is erased. */
static void put_lifetime(struct parser *parser, uint64_t number)
{
    uint64_t outer;
    char letter;

    put_text(parser, "'");
    if (number == 0) {
        put_text(parser, "_");
        return;
    }
    if (number > parser->lifetimes) {
        parser->failed = true;
        return;
    }
    outer = parser->lifetimes - number;
    if (outer < 26) {
        letter = (char)('a' + outer);
        put(parser, &letter, 1);
    } else {
        put_text(parser, "_");
        put_number(parser, outer);
    }
}

/* Read an optional binder, "for<'a, 'b> ". Returns how many lifetimes it binds. */
static uint64_t print_binder(struct parser *parser)
{
    uint64_t count = read_tagged(parser, 'G');

    if (count > 64) {
        parser->failed = true;
        return 0;
    }
    if (count > 0)
        put_text(parser, "for<");
    for (uint64_t i = 0; i < count; i++) {
        if (i > 0)
            put_text(parser, ", ");
        parser->lifetimes++;
        put_lifetime(parser, 1);
    }
    if (count > 0)
        put_text(parser, "> ");
    return count;
}

static void print_generic_argument(struct parser *parser)
{
    if (eat(parser, 'L'))
        put_lifetime(parser, read_base62(parser));
    else if (eat(parser, 'K'))
        print_const(parser);
    else
        print_type(parser);
}

/* Print generic arguments up to the closing E. */
static void print_generic_arguments(struct parser *parser)
{
    for (bool first = true; !parser->failed && !eat(parser, 'E'); first = false) {
        if (!first)
            put_text(parser, ", ");
        print_generic_argument(parser);
    }
}

/* The path of an impl is where it was written: read, but not printed. */
static void skip_impl_path(struct parser *parser)
{
    bool silent = parser->silent;

    parser->silent = true;
    read_tagged(parser, 's');
    print_path(parser, false);
    parser->silent = silent;
}

/* A name within a path: "::name", or "::{closure#0}". */
static void print_nested(struct parser *parser, bool in_value)
{
    char space = next(parser);
    struct identifier identifier;

    if (!isalpha((unsigned char)space)) {
        parser->failed = true;
        return;
    }
    print_path(parser, in_value);
    identifier = read_identifier(parser);
    if (isupper((unsigned char)space)) {
        put_text(parser, "::{");
        if (space == 'C')
            put_text(parser, "closure");
        else if (space == 'S')
            put_text(parser, "shim");
        else
            put(parser, &space, 1);
        if (identifier.size > 0) {
            put_text(parser, ":");
            put_identifier(parser, &identifier);
        }
        put_text(parser, "#");
        put_number(parser, identifier.number);
        put_text(parser, "}");
    } else if (identifier.size > 0) {
        put_text(parser, "::");
        put_identifier(parser, &identifier);
    }
}

/* IN_VALUE: generic arguments are written "::<T>", else "<T>". */
static void print_path(struct parser *parser, bool in_value)
{
    struct identifier identifier;
    const char *back;
    char tag;

    if (!enter(parser))
        return;
    tag = next(parser);
    switch (tag) {
    case 'C':
        identifier = read_identifier(parser);
        put_identifier(parser, &identifier);
        break;
    case 'N':
        print_nested(parser, in_value);
        break;
    case 'M':
    case 'X':
        skip_impl_path(parser);
        /* fall through */
    case 'Y':
        put_text(parser, "<");
        print_type(parser);
        if (tag != 'M') {
            put_text(parser, " as ");
            print_path(parser, false);
        }
        put_text(parser, ">");
        break;
    case 'I':
        print_path(parser, in_value);
        put_text(parser, in_value ? "::<" : "<");
        print_generic_arguments(parser);
        put_text(parser, ">");
        break;
    case 'B':
        back = follow(parser);
        if (back) {
            print_path(parser, in_value);
            parser->at = back;
        }
        break;
    default:
        parser->failed = true;
        break;
    }
    parser->depth--;
}

static const char *basic_type(char tag)
{
    static const char *const types[26] = {
        ['a' - 'a'] = "i8",    ['b' - 'a'] = "bool", ['c' - 'a'] = "char", ['d' - 'a'] = "f64",
        ['e' - 'a'] = "str",   ['f' - 'a'] = "f32",  ['h' - 'a'] = "u8",   ['i' - 'a'] = "isize",
        ['j' - 'a'] = "usize", ['l' - 'a'] = "i32",  ['m' - 'a'] = "u32",  ['n' - 'a'] = "i128",
        ['o' - 'a'] = "u128",  ['p' - 'a'] = "_",    ['s' - 'a'] = "i16",  ['t' - 'a'] = "u16",
        ['u' - 'a'] = "()",    ['v' - 'a'] = "...",  ['x' - 'a'] = "i64",  ['y' - 'a'] = "u64",
        ['z' - 'a'] = "!",
    };

    return tag >= 'a' && tag <= 'z' ? types[tag - 'a'] : NULL;
}

static void print_function_type(struct parser *parser)
{
    uint64_t bound = print_binder(parser);

    if (eat(parser, 'U'))
        put_text(parser, "unsafe ");
    if (eat(parser, 'K')) {
        put_text(parser, "extern \"");
        if (eat(parser, 'C')) {
            put_text(parser, "C");
        } else {
            struct identifier abi = read_plain_identifier(parser);

            for (size_t i = 0; i < abi.size && !parser->failed; i++)
                put(parser, abi.text[i] == '_' ? "-" : &abi.text[i], 1);
        }
        put_text(parser, "\" ");
    }
    put_text(parser, "fn(");
    for (bool first = true; !parser->failed && !eat(parser, 'E'); first = false) {
        if (!first)
            put_text(parser, ", ");
        print_type(parser);
    }
    put_text(parser, ")");
    if (!eat(parser, 'u')) {
        put_text(parser, " -> ");
        print_type(parser);
    }
    parser->lifetimes -= bound;
}

/* Print the path of a trait whose generic arguments, if any, stay open: "Fn<(u8,)".
 * True if they do. */
static bool print_open_path(struct parser *parser)
{
    const char *back;
    bool open = false;

    if (!enter(parser))
        return false;
    if (eat(parser, 'B')) {
        back = follow(parser);
        if (back) {
            open = print_open_path(parser);
            parser->at = back;
        }
    } else if (eat(parser, 'I')) {
        print_path(parser, false);
        put_text(parser, "<");
        print_generic_arguments(parser);
        open = true;
    } else {
        print_path(parser, false);
    }
    parser->depth--;
    return open;
}

static void print_dyn_type(struct parser *parser)
{
    uint64_t bound, lifetime;

    put_text(parser, "dyn ");
    bound = print_binder(parser);
    for (bool first = true; !parser->failed && !eat(parser, 'E'); first = false) {
        bool open;

        if (!first)
            put_text(parser, " + ");
        open = print_open_path(parser);
        while (!parser->failed && eat(parser, 'p')) {
            struct identifier name = read_plain_identifier(parser);

            put_text(parser, open ? ", " : "<");
            open = true;
            put_identifier(parser, &name);
            put_text(parser, " = ");
            print_type(parser);
        }
        if (open)
            put_text(parser, ">");
    }
    parser->lifetimes -= bound;
    if (!eat(parser, 'L')) {
        parser->failed = true;
        return;
    }
    lifetime = read_base62(parser);
    if (lifetime > 0) {
        put_text(parser, " + ");
        put_lifetime(parser, lifetime);
    }
}

static void print_tuple_type(struct parser *parser)
{
    size_t count = 0;

    put_text(parser, "(");
    for (; !parser->failed && !eat(parser, 'E'); count++) {
        if (count > 0)
            put_text(parser, ", ");
        print_type(parser);
    }
    put_text(parser, count == 1 ? ",)" : ")");
}

static void print_reference_type(struct parser *parser, bool mutable)
{
    put_text(parser, "&");
    if (eat(parser, 'L')) {
        uint64_t lifetime = read_base62(parser);

        if (lifetime > 0) {
            put_lifetime(parser, lifetime);
            put_text(parser, " ");
        }
    }
    if (mutable)
        put_text(parser, "mut ");
    print_type(parser);
}

static void print_type(struct parser *parser)
{
    const char *basic, *back;
    char tag;

    if (!enter(parser))
        return;
    tag = next(parser);
    basic = basic_type(tag);
    if (basic) {
        put_text(parser, basic);
        parser->depth--;
        return;
    }
    switch (tag) {
    case 'R':
    case 'Q':
        print_reference_type(parser, tag == 'Q');
        break;
    case 'P':
    case 'O':
        put_text(parser, tag == 'P' ? "*const " : "*mut ");
        print_type(parser);
        break;
    case 'A':
    case 'S':
        put_text(parser, "[");
        print_type(parser);
        if (tag == 'A') {
            put_text(parser, "; ");
            print_const(parser);
        }
        put_text(parser, "]");
        break;
    case 'T':
        print_tuple_type(parser);
        break;
    case 'F':
        print_function_type(parser);
        break;
    case 'D':
        print_dyn_type(parser);
        break;
    case 'B':
        back = follow(parser);
        if (back) {
            print_type(parser);
            parser->at = back;
        }
        break;
    default:
        parser->at -= tag != 0;
        print_path(parser, false);
        break;
    }
    parser->depth--;
}

/* Print the hexadecimal digits of a constant of the basic type TYPE, up to its "_". */
static void print_const_digits(struct parser *parser, char type)
{
    const char *digits = parser->at;
    size_t size = strspn(digits, "0123456789abcdef");
    uint64_t value;

    parser->at += size;
    if (!eat(parser, '_')) {
        parser->failed = true;
        return;
    }
    if (size > 16) {
        put_text(parser, "0x");
        put(parser, digits, size);
        return;
    }
    value = strtoull(size > 0 ? digits : "0", NULL, 16);
    if (type == 'b') {
        put_text(parser, value ? "true" : "false");
    } else if (type == 'c' && value >= ' ' && value <= '~') {
        char text[8];

        snprintf(text, sizeof(text), value == '\'' || value == '\\' ? "'\\%c'" : "'%c'",
                 (int)value);
        put_text(parser, text);
    } else if (type == 'c') {
        char text[32];

        snprintf(text, sizeof(text), "'\\u{%" PRIx64 "}'", value);
        put_text(parser, text);
    } else {
        put_number(parser, value);
    }
}

static void print_const(struct parser *parser)
{
    const char *back;
    char tag;

    if (!enter(parser))
        return;
    tag = next(parser);
    if (tag == 'p') {
        put_text(parser, "_");
    } else if (tag == 'B') {
        back = follow(parser);
        if (back) {
            print_const(parser);
            parser->at = back;
        }
    } else if (tag && strchr("aslxnihtmyojbc", tag)) {
        if (eat(parser, 'n'))
            put_text(parser, "-");
        print_const_digits(parser, tag);
    } else {
        parser->failed = true;
    }
    parser->depth--;
}

char *rust_demangle(const char *name)
{
    struct parser parser = {0};

    if (strncmp(name, "_R", 2) != 0 || !isupper((unsigned char)name[2]))
        return NULL; /* a digit there would be a later version of the scheme */
    parser.begin = parser.at = name + 2;
    print_path(&parser, true);
    if (!parser.failed && isupper((unsigned char)*parser.at)) {
        parser.silent = true; /* the crate that made it of a generic */
        print_path(&parser, false);
    }
    if (parser.failed || !parser.out || (*parser.at != 0 && *parser.at != '.')) {
        free(parser.out);
        return NULL;
    }
    return parser.out;
}
