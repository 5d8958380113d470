#include "views/utf8.h"

size_t utf8_next(const char *text, uint32_t *out_code)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    const uint8_t *bytes = (const uint8_t *)text;
    uint32_t code = bytes[0];
    size_t size;

    if (code < 0x80) {
        *out_code = code;
        return 1;
    }
    if (code >= 0xc2 && code < 0xe0)
        size = 2;
    else if (code >= 0xe0 && code < 0xf0)
        size = 3;
    else if (code >= 0xf0 && code < 0xf5)
        size = 4;
    else
        return 0;
    code &= 0x7fu >> size;
    for (size_t i = 1; i < size; i++) {
        if ((bytes[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (bytes[i] & 0x3f);
    }
    if (code < least[size] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
        return 0;
    *out_code = code;
    return size;
}

void utf8_print(FILE *out, const char *text)
{
    while (*text) {
        uint32_t code = 0;
        size_t size = utf8_next(text, &code);

        if (size == 0 || code < 0x20 || (code >= 0x7f && code < 0xa0)) {
            size = size ? size : 1;
            for (size_t i = 0; i < size; i++)
                fprintf(out, "\\x%02x", (unsigned char)text[i]);
        } else {
            fwrite(text, 1, size, out);
        }
        text += size;
    }
}

size_t utf8_width(const char *text)
{
    size_t width = 0;

    for (; *text; text++)
        width += (*text & 0xc0) != 0x80;
    return width;
}

void utf8_print_start(FILE *out, const char *text, size_t width)
{
    const char *end = text;

    if (!width || utf8_width(text) <= width) {
        fputs(text, out);
        return;
    }
    for (size_t columns = 0; *end; end++) {
        if ((*end & 0xc0) != 0x80 && ++columns == width)
            break;
    }
    fwrite(text, 1, (size_t)(end - text), out);
    fputs("…", out);
}
