#include "views/names.h"

#include "views/utf8.h"

#include <stdlib.h>
#include <string.h>

#define NAME_LONG 60 /* bytes */

/* Does what ends at AT, in NAME, end in the word `operator`? */
static bool is_operator(const char *name, const char *at)
{
    const size_t length = strlen("operator");

    return (size_t)(at - name) >= length && memcmp(at - length, "operator", length) == 0;
}

/* Behind the bracket that closes the one at AT; NULL if there is none. Brackets of all kinds nest. */
static const char *behind_bracket(const char *at)
{
    size_t depth = 0;

    for (const char *begin = at; *at; at++) {
        if (*at == '<' || *at == '(')
            depth++;
        else if ((*at == '>' && at > begin && at[-1] != '-') || *at == ')')
            depth--;
        if (depth == 0)
            return at + 1;
    }
    return NULL;
}

/* Empty the outermost brackets OPEN in NAME, in place, where that makes it shorter. */
static void empty_brackets(char *name, char open)
{
    static const char filling[] = "…", anonymous[] = "(anonymous namespace)";
    const char *in = name;
    char *out = name;

    while (*in) {
        const char *end = NULL;

        if (strncmp(in, anonymous, strlen(anonymous)) == 0)
            end = in + strlen(anonymous);
        else if ((*in == '(' || *in == '<') && !is_operator(name, out))
            end = behind_bracket(in);
        if (!end) {
            *out++ = *in++;
        } else if (*in == open && (size_t)(end - in) > strlen(filling) + 2 &&
                   strncmp(in, anonymous, strlen(anonymous)) != 0) {
            *out++ = open;
            memcpy(out, filling, strlen(filling));
            out += strlen(filling);
            *out++ = end[-1];
            in = end;
        } else { /* as it is, with what is in it */
            memmove(out, in, (size_t)(end - in));
            out += end - in;
            in = end;
        }
    }
    *out = '\0';
}

void names_print(FILE *out, const char *name, bool whole)
{
    char *text = whole || strlen(name) <= NAME_LONG ? NULL : strdup(name);

    if (text)
        empty_brackets(text, '(');
    if (text && strlen(text) > NAME_LONG)
        empty_brackets(text, '<');
    utf8_print(out, text ? text : name);
    free(text);
}

void names_print_place(FILE *out, const char *place, bool whole)
{
    const char *open = strchr(place, '(');
    size_t length = strlen(place);
    char *text = open && place[length - 1] == ')' ? strdup(place) : NULL;

    if (!text) {
        utf8_print(out, place);
        return;
    }
    text[open - place] = '\0';
    text[length - 1] = '\0';
    utf8_print(out, text);
    fputc('(', out);
    names_print(out, text + (open - place) + 1, whole);
    fputc(')', out);
    free(text);
}
