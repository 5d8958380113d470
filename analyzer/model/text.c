#include "model/text.h"

#include <string.h>

#define ESCAPED 0xdc00u /* a byte that is no UTF-8 stands for this and itself */

uint32_t text_next(const char **at, const char *end)
{
    const uint8_t *bytes = (const uint8_t *)*at;
    size_t room = (size_t)(end - *at), length = 1;
    uint32_t point = bytes[0], least = 0;

    if (point < 0x80) {
        *at += 1;
        return point;
    }
    if (point >= 0xc0 && point < 0xe0) {
        length = 2;
        least = 0x80;
        point &= 0x1f;
    } else if (point >= 0xe0 && point < 0xf0) {
        length = 3;
        least = 0x800;
        point &= 0x0f;
    } else if (point >= 0xf0 && point < 0xf8) {
        length = 4;
        least = 0x10000;
        point &= 0x07;
    }
    for (size_t i = 1; i < length; i++) {
        if (i >= room || (bytes[i] & 0xc0) != 0x80) {
            length = 1;
            break;
        }
        point = point << 6 | (bytes[i] & 0x3f);
    }
    if (length == 1 || point < least || point > 0x10ffff || (point >= 0xd800 && point < 0xe000)) {
        *at += 1;
        return ESCAPED + bytes[0];
    }
    *at += length;
    return point;
}

int text_compare(const char *a, const char *b)
{
    const char *a_end = a + strlen(a), *b_end = b + strlen(b);

    while (a < a_end && b < b_end) {
        uint32_t left = text_next(&a, a_end), right = text_next(&b, b_end);

        if (left != right)
            return left < right ? -1 : 1;
    }
    return (a < a_end) - (b < b_end);
}

bool text_is_space(uint32_t point)
{
    return (point >= 0x09 && point <= 0x0d) || (point >= 0x1c && point <= 0x20) || point == 0x85 ||
           point == 0xa0 || point == 0x1680 || (point >= 0x2000 && point <= 0x200a) ||
           point == 0x2028 || point == 0x2029 || point == 0x202f || point == 0x205f ||
           point == 0x3000;
}

/* Where the set that begins at PATTERN, a `[`, ends: its `]`. NULL: it is no set. */
static const char *set_end(const char *pattern, const char *end)
{
    const char *at = pattern + 1;

    if (at < end && *at == '!')
        at++;
    if (at < end && *at == ']')
        at++; /* is one of the set */
    return at < end ? memchr(at, ']', (size_t)(end - at)) : NULL;
}

/* Is POINT in the set between AT and its END? A range that runs backwards is empty. */
static bool set_has(const char *at, const char *end, uint32_t point)
{
    bool has = false, negated = at < end && *at == '!';

    at += negated;
    while (at < end) {
        uint32_t low = text_next(&at, end), high = low;

        if (end - at > 1 && *at == '-') {
            at++;
            high = text_next(&at, end);
        }
        has |= low <= point && point <= high;
    }
    return has != negated;
}

/* Does what *PATTERN begins with, which is no `*`, match POINT? If so it is moved behind it. */
static bool matches_one(const char **pattern, const char *end, uint32_t point)
{
    const char *at = *pattern, *close;
    bool matches;

    if (at == end)
        return false;
    if (*at == '?') {
        *pattern = at + 1;
        return true;
    }
    close = *at == '[' ? set_end(at, end) : NULL;
    if (close) {
        matches = set_has(at + 1, close, point);
        at = close + 1;
    } else {
        matches = text_next(&at, end) == point;
    }
    if (matches)
        *pattern = at;
    return matches;
}

bool text_matches(const char *pattern, size_t pattern_size, const char *text, size_t text_size)
{
    const char *pattern_end = pattern + pattern_size, *text_end = text + text_size;
    const char *star = NULL, *mark = NULL; /* behind the last `*`, and where it was tried */

    while (text < text_end) {
        const char *at = text;

        if (pattern < pattern_end && *pattern == '*') {
            star = ++pattern;
            mark = text;
            continue;
        }
        if (matches_one(&pattern, pattern_end, text_next(&at, text_end))) {
            text = at;
            continue;
        }
        if (!star)
            return false;
        text_next(&mark, text_end); /* the `*` takes one more */
        text = mark;
        pattern = star;
    }
    while (pattern < pattern_end && *pattern == '*')
        pattern++;
    return pattern == pattern_end;
}
