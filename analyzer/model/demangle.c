#include "model/demangle.h"

#include "model/rust_demangle.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define RUST_HASH_SIZE 19 /* "::h" and 16 hex digits */

/* Of libstdc++, declared here because its header is C++. */
char *__cxa_demangle(const char *mangled, char *buffer, size_t *length, int *status);

/* True if NAME ends with the hash of Rust's older mangling. */
static bool is_rust(const char *name)
{
    size_t length = strlen(name);
    const char *hash = name + length - RUST_HASH_SIZE;

    if (length <= RUST_HASH_SIZE || strncmp(hash, "::h", 3) != 0)
        return false;
    for (hash += 3; *hash; hash++)
        if (!isdigit((unsigned char)*hash) && (*hash < 'a' || *hash > 'f'))
            return false;
    return true;
}

/* Read the escape at TEXT ("$LT$" and the like). Returns how long it is, 0 if it is
 * none. */
static size_t read_escape(const char *text, char *out)
{
    static const struct {
        const char *escape;
        char character;
    } escapes[] = {
        {"$SP$", '@'}, {"$BP$", '*'}, {"$RF$", '&'}, {"$LT$", '<'},
        {"$GT$", '>'}, {"$LP$", '('}, {"$RP$", ')'}, {"$C$", ','},
    };
    char *end;
    unsigned long code;

    for (size_t i = 0; i < sizeof(escapes) / sizeof(*escapes); i++) {
        if (strncmp(text, escapes[i].escape, strlen(escapes[i].escape)) == 0) {
            *out = escapes[i].character;
            return strlen(escapes[i].escape);
        }
    }
    if (strncmp(text, "$u", 2) != 0)
        return 0;
    code = strtoul(text + 2, &end, 16);
    if (*end != '$' || code < ' ' || code > '~')
        return 0;
    *out = (char)code;
    return (size_t)(end + 1 - text);
}

/* Make NAME, as C++ demangled it, readable in place. */
static void clean_rust(char *name)
{
    char *in = name, *out = name;

    name[strlen(name) - RUST_HASH_SIZE] = 0;
    while (*in) {
        bool begins = in == name || in[-1] == ':';
        size_t size = read_escape(in, out);

        if (size > 0) {
            in += size;
            out++;
        } else if (begins && strncmp(in, "_$", 2) == 0) {
            in++; /* only there because a name can't begin with $ */
        } else if (strncmp(in, "..", 2) == 0) {
            *out++ = ':';
            *out++ = ':';
            in += 2;
        } else {
            *out++ = *in++;
        }
    }
    *out = 0;
}

char *demangle(const char *name)
{
    char *text;
    int status;

    if (strncmp(name, "_R", 2) == 0)
        return rust_demangle(name);
    if (strncmp(name, "_Z", 2) != 0)
        return NULL; /* __cxa_demangle takes "i" for a type and makes it "int" */
    text = __cxa_demangle(name, NULL, NULL, &status);
    if (text && is_rust(text))
        clean_rust(text);
    return text;
}
