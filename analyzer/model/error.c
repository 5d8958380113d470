#include "model/error.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>

int error_set(struct error *error, int code, const char *format, ...)
{
    va_list arguments;

    if (!error)
        return code;
    va_start(arguments, format);
    vsnprintf(error->text, sizeof(error->text), format, arguments);
    va_end(arguments);
    /* One line it is, whatever names are in it: they may be made to trick a terminal. */
    for (char *at = error->text; *at; at++) {
        if (iscntrl((unsigned char)*at))
            *at = '?';
    }
    return code;
}
