#include "views/xml_text.h"

#include "views/utf8.h"

#include <stdbool.h>

static bool is_allowed(uint32_t code)
{
    return code >= ' ' && code != 0x7f && (code < 0x80 || code > 0x9f) &&
           (code < 0xd800 || code > 0xdfff) && code != 0xfffe && code != 0xffff;
}

size_t xml_text_print(FILE *out, const char *text, size_t columns)
{
    size_t written = 0;

    for (; *text && (columns == 0 || written < columns); written++) {
        uint32_t code;
        size_t size = utf8_next(text, &code);

        if (size == 0 || !is_allowed(code))
            fputs("\xef\xbf\xbd", out);
        else if (code == '<' || code == '>' || code == '&' || code == '"' || code == '\'')
            fprintf(out, "&#%u;", (unsigned)code);
        else
            fwrite(text, 1, size, out);
        text += size ? size : 1;
    }
    return written;
}
