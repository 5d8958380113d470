#include "model/template_names.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* What stands for it may be longer, but not than what it replaces. */
static const struct {
    const char *text, *shorter;
} replaced[] = {
    {"std::__cxx11::", "std::"},
    {"std::basic_string<char>", "std::string"},
};

/* Arguments that templates of the library have of themselves. */
static const char *const left_out[] = {
    ", std::allocator<", ", std::less<",     ", std::char_traits<",
    ", std::hash<",      ", std::equal_to<", ", std::default_delete<",
};

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

/* Where the argument that begins at AT ends; NULL: it has no end. */
static const char *end_of_argument(const char *at)
{
    int depth = 0;

    for (at += strcspn(at, "<"); *at; at++) {
        depth += *at == '<';
        depth -= *at == '>';
        if (depth == 0)
            return at + 1;
    }
    return NULL;
}

static void leave_out(char *text)
{
    char *to = text;

    for (const char *at = text; *at;) {
        const char *end = NULL;

        for (size_t i = 0; !end && i < sizeof(left_out) / sizeof(*left_out); i++)
            end = begins(at, left_out[i]) ? end_of_argument(at) : NULL;
        if (end && (*end == ',' || *end == '>' || begins(end, " >"))) {
            at = end;
            continue;
        }
        *to++ = *at++;
    }
    *to = '\0';
}

static void replace(char *text, const char *from, const char *with)
{
    const size_t length = strlen(with), rest = strlen(from);

    for (char *at = text; (at = strstr(at, from)); at += length) {
        memcpy(at, with, length);
        memmove(at + length, at + rest, strlen(at + rest) + 1);
    }
}

/* Of "Item* >" the space: it is only needed between two of ">". */
static void close_up(char *text)
{
    char *to = text;

    for (const char *at = text; *at; at++)
        if (!(begins(at, " >") && to > text && to[-1] != '>'))
            *to++ = *at;
    *to = '\0';
}

void template_names_shorten(char *text)
{
    leave_out(text);
    close_up(text);
    for (size_t i = 0; i < sizeof(replaced) / sizeof(*replaced); i++)
        replace(text, replaced[i].text, replaced[i].shorter);
    close_up(text);
}
