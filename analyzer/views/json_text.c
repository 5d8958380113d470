#include "views/json_text.h"

#include "views/utf8.h"

#include <stdbool.h>
#include <string.h>

void json_text_print(FILE *out, const char *text)
{
    fputc('"', out);
    while (*text) {
        uint32_t code;
        size_t size = utf8_next(text, &code);

        if (size == 0)
            fputs("\xef\xbf\xbd", out);
        else if (code == '"' || code == '\\')
            fprintf(out, "\\%c", (char)code);
        else if (code < ' ' || code == 0x7f || strchr("<>&", (int)(code < 0x80 ? code : 'x')))
            fprintf(out, "\\u%04x", (unsigned)code);
        else
            fwrite(text, 1, size, out);
        text += size ? size : 1;
    }
    fputc('"', out);
}
