#include "views/pickle.h"

#include <stdbool.h>
#include <string.h>

/* As Lib/pickle.py names them. */
enum opcode {
    PROTO = 0x80,
    STOP = '.',
    BININT = 'J',
    BININT1 = 'K',
    BININT2 = 'M',
    LONG1 = 0x8a,
    NONE = 'N',
    BINUNICODE = 'X',
    SHORT_BINUNICODE = 0x8c,
    EMPTY_LIST = ']',
    EMPTY_DICT = '}',
    EMPTY_TUPLE = ')',
    STACK_GLOBAL = 0x93,
    NEWOBJ = 0x81,
    BUILD = 'b',
    DUP = '2',
    MARK = '(',
    TUPLE = 't',
    APPENDS = 'e',
    SETITEMS = 'u',
    MEMOIZE = 0x94,
    BINGET = 'h',
    LONG_BINGET = 'j',
};

static void put(struct pickle *pickle, enum opcode opcode)
{
    putc_unlocked((int)opcode, pickle->out);
}

/* Put the SIZE low bytes of NUMBER, the lowest first. */
static void put_bytes(struct pickle *pickle, uint64_t number, unsigned size)
{
    for (unsigned i = 0; i < size; i++)
        putc_unlocked((int)(number >> 8 * i & 0xff), pickle->out);
}

void pickle_begin(struct pickle *pickle, FILE *out)
{
    *pickle = (struct pickle){.out = out};
    put(pickle, PROTO);
    put_bytes(pickle, 4, 1);
}

void pickle_end(struct pickle *pickle)
{
    put(pickle, STOP);
}

void pickle_number(struct pickle *pickle, uint64_t number)
{
    unsigned size = 1;

    if (number <= 0xff) {
        put(pickle, BININT1);
        put_bytes(pickle, number, 1);
    } else if (number <= 0xffff) {
        put(pickle, BININT2);
        put_bytes(pickle, number, 2);
    } else if (number <= 0x7fffffff) {
        put(pickle, BININT);
        put_bytes(pickle, number, 4);
    } else {
        while (size < 8 && number >> 8 * size)
            size++;
        put(pickle, LONG1);
        size += number >> (8 * size - 1) & 1; /* or it would be negative */
        put_bytes(pickle, size, 1);
        put_bytes(pickle, number, size < 8 ? size : 8);
        if (size > 8)
            put_bytes(pickle, 0, 1);
    }
}

/* How many bytes at TEXT are a character in UTF-8; 0: none. */
static size_t character_length(const char *text)
{
    const uint8_t *bytes = (const uint8_t *)text;
    size_t length = bytes[0] < 0x80   ? 1
                    : bytes[0] < 0xc2 ? 0
                    : bytes[0] < 0xe0 ? 2
                    : bytes[0] < 0xf0 ? 3
                    : bytes[0] < 0xf5 ? 4
                                      : 0;

    for (size_t i = 1; i < length; i++) {
        if ((bytes[i] & 0xc0) != 0x80)
            return 0;
    }
    if ((bytes[0] == 0xe0 && bytes[1] < 0xa0) || (bytes[0] == 0xed && bytes[1] > 0x9f) ||
        (bytes[0] == 0xf0 && bytes[1] < 0x90) || (bytes[0] == 0xf4 && bytes[1] > 0x8f))
        return 0; /* too long, a surrogate, or too large */
    return length;
}

void pickle_text(struct pickle *pickle, const char *text)
{
    size_t size = 0;

    for (const char *at = text; *at;) {
        size_t length = character_length(at);

        size += length ? length : 3;
        at += length ? length : 1;
    }
    put(pickle, size <= 0xff ? SHORT_BINUNICODE : BINUNICODE);
    put_bytes(pickle, size, size <= 0xff ? 1 : 4);
    while (*text) {
        size_t length = character_length(text);

        if (length) {
            fwrite(text, 1, length, pickle->out);
            text += length;
        } else { /* U+DC00 and the byte, in the bits that UTF-8 would have it */
            unsigned byte = (uint8_t)*text++;

            put_bytes(pickle, 0xed, 1);
            put_bytes(pickle, 0xb0 | byte >> 6, 1);
            put_bytes(pickle, 0x80 | (byte & 0x3f), 1);
        }
    }
}

void pickle_none(struct pickle *pickle)
{
    put(pickle, NONE);
}

void pickle_list(struct pickle *pickle)
{
    put(pickle, EMPTY_LIST);
}

void pickle_dict(struct pickle *pickle)
{
    put(pickle, EMPTY_DICT);
}

void pickle_object(struct pickle *pickle, const char *module, const char *name)
{
    pickle_text(pickle, module);
    pickle_text(pickle, name);
    put(pickle, STACK_GLOBAL);
    put(pickle, EMPTY_TUPLE);
    put(pickle, NEWOBJ);
}

void pickle_build(struct pickle *pickle)
{
    put(pickle, BUILD);
}

void pickle_repeat(struct pickle *pickle)
{
    put(pickle, DUP);
}

void pickle_mark(struct pickle *pickle)
{
    put(pickle, MARK);
}

void pickle_tuple(struct pickle *pickle)
{
    put(pickle, TUPLE);
}

void pickle_append(struct pickle *pickle)
{
    put(pickle, APPENDS);
}

void pickle_set(struct pickle *pickle)
{
    put(pickle, SETITEMS);
}

uint32_t pickle_remember(struct pickle *pickle)
{
    put(pickle, MEMOIZE);
    return pickle->remembered++;
}

void pickle_recall(struct pickle *pickle, uint32_t number)
{
    bool is_small = number <= 0xff;

    put(pickle, is_small ? BINGET : LONG_BINGET);
    put_bytes(pickle, number, is_small ? 1 : 4);
}
