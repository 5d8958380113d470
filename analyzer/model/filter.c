#include "model/filter.h"

#include <ctype.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

/* Which name of a frame a pattern is for. */
enum subject {
    SUBJECT_FILE,
    SUBJECT_FUNCTION,
    SUBJECT_MODULE,
};

static const struct {
    const char *prefix;
    enum subject subject;
} prefixes[] = {
    {"file=", SUBJECT_FILE},
    {"function=", SUBJECT_FUNCTION},
    {"module=", SUBJECT_MODULE},
};

struct pattern {
    enum filter_kind kind;
    enum subject subject;
    uint32_t line; /* 0: any */
    char *text;
    struct pattern *next;
};

struct filter {
    struct pattern *patterns;
    bool all_frames;
};

/* Functions that allocate for their caller. Short on purpose: what is in here can't
 * be seen as a holder unless by --group-by traceback. */
/* clang-format off */
static const char *const wrappers[] = {
    "operator new(*", "operator new[[]](*", "operator new", "operator new[[]]",
    "std::__new_allocator<*>::allocate*", "__gnu_cxx::new_allocator<*>::allocate*",
    "std::allocator<*>::allocate*", "std::allocator_traits<*>::allocate*",
    "heapdelta_track", "malloc", "calloc", "realloc", "__rtld_malloc", "__rtld_calloc", "__rtld_realloc",
    "strdup", "__strdup", "strndup", "__strndup", "wcsdup", "asprintf", "__asprintf", "vasprintf",
    "__vasprintf_internal", "reallocarray", "__libc_reallocarray",
    "g_malloc", "g_malloc0", "g_malloc_n", "g_malloc0_n", "g_realloc", "g_realloc_n",
    "g_try_malloc", "g_try_malloc0", "g_try_realloc", "g_slice_alloc", "g_slice_alloc0",
    "g_strdup", "g_strndup", "g_memdup", "g_memdup2",
    "xmalloc", "xcalloc", "xzalloc", "xrealloc", "xreallocarray", "xstrdup", "xstrndup", "xmemdup",
    "zmalloc", "zmalloc_usable*", "zmalloc_no_tcache", "zcalloc", "zcalloc_*", "zrealloc",
    "zrealloc_usable*", "ztrymalloc*", "ztrycalloc*", "ztryrealloc*", "zstrdup",
};
/* clang-format on */

struct filter *filter_create(void)
{
    return calloc(1, sizeof(struct filter));
}

void filter_destroy(struct filter *filter)
{
    if (!filter)
        return;
    while (filter->patterns) {
        struct pattern *next = filter->patterns->next;

        free(filter->patterns->text);
        free(filter->patterns);
        filter->patterns = next;
    }
    free(filter);
}

/* Cut ":LINE" off the end of TEXT. Returns LINE, or 0 if there is none. */
static uint32_t cut_line(char *text)
{
    char *colon = strrchr(text, ':');
    unsigned long line;
    char *end;

    /* Not the `::` of a C++ name. */
    if (!colon || colon == text || colon[-1] == ':' || !isdigit((unsigned char)colon[1]))
        return 0;
    line = strtoul(colon + 1, &end, 10);
    if (*end || line == 0 || line > UINT32_MAX)
        return 0;
    *colon = '\0';
    return (uint32_t)line;
}

/* How many bytes at the start of TEXT look like a prefix: lower-case letters and `=`. */
static size_t prefix_length(const char *text)
{
    size_t letters = strspn(text, "abcdefghijklmnopqrstuvwxyz");

    return letters > 0 && text[letters] == '=' ? letters + 1 : 0;
}

int filter_add(struct filter *filter, enum filter_kind kind, const char *text, struct error *error)
{
    enum subject subject = kind == FILTER_SKIP ? SUBJECT_FUNCTION : SUBJECT_FILE;
    size_t length = prefix_length(text);
    struct pattern *pattern;

    if (length > 0) {
        const size_t count = sizeof(prefixes) / sizeof(prefixes[0]);
        size_t i = 0;

        while (i < count && strncmp(text, prefixes[i].prefix, length) != 0)
            i++;
        if (i == count)
            return error_set(error, -EINVAL,
                             "pattern '%s': '%.*s' is none of file=, function=, module=", text,
                             (int)length, text);
        subject = prefixes[i].subject;
    }
    if (!text[length])
        return error_set(error, -EINVAL, "pattern '%s' is empty", text);

    pattern = calloc(1, sizeof(*pattern));
    if (!pattern || !(pattern->text = strdup(text + length))) {
        free(pattern);
        return error_set(error, -ENOMEM, "out of memory");
    }
    pattern->kind = kind;
    pattern->subject = subject;
    pattern->line = cut_line(pattern->text);
    pattern->next = filter->patterns;
    filter->patterns = pattern;
    return 0;
}

void filter_look_at_all_frames(struct filter *filter)
{
    filter->all_frames = true;
}

bool filter_has_patterns(const struct filter *filter)
{
    for (const struct pattern *pattern = filter->patterns; pattern; pattern = pattern->next) {
        if (pattern->kind != FILTER_SKIP)
            return true;
    }
    return false;
}

bool filter_wants_all_frames(const struct filter *filter)
{
    return filter->all_frames;
}

/* Does PATTERN match NAME? Word for word is enough: C++ names are full of `[` and `*`. */
static bool matches_name(const char *pattern, const char *name)
{
    return name && (strcmp(pattern, name) == 0 || fnmatch(pattern, name, FNM_NOESCAPE) == 0);
}

/* Does PATTERN match PATH, or what follows one of its slashes? */
static bool matches_path(const char *pattern, const char *path)
{
    if (matches_name(pattern, path))
        return true;
    for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
        if (matches_name(pattern, slash + 1))
            return true;
    }
    return false;
}

static bool matches(const struct pattern *pattern, const struct symbol *symbol)
{
    if (pattern->line && pattern->line != symbol->line)
        return false;
    switch (pattern->subject) {
    case SUBJECT_FILE:
        return symbol->file ? matches_path(pattern->text, symbol->file)
                            : matches_name(pattern->text, symbol->place);
    case SUBJECT_FUNCTION:
        return matches_name(pattern->text, symbol->function);
    case SUBJECT_MODULE:
        return matches_name(pattern->text, symbol->module);
    }
    return false;
}

static bool is_wrapper(const char *function)
{
    for (size_t i = 0; i < sizeof(wrappers) / sizeof(wrappers[0]); i++) {
        if (wrappers[i][0] == function[0] && fnmatch(wrappers[i], function, FNM_NOESCAPE) == 0)
            return true;
    }
    return false;
}

bool filter_skips(const struct filter *filter, const struct symbol *symbol)
{
    for (const struct pattern *pattern = filter->patterns; pattern; pattern = pattern->next) {
        if (pattern->kind == FILTER_SKIP && matches(pattern, symbol))
            return true;
    }
    return symbol->function && is_wrapper(symbol->function);
}

/* Is it `operator` that begins at AT, in the word that begins at WORD? */
static bool is_operator(const char *word, const char *at)
{
    const size_t length = strlen("operator");

    return strncmp(at, "operator", length) == 0 && (at == word || at[-1] == ':') &&
           !isalnum((unsigned char)at[length]) && at[length] != '_';
}

/* Where in the demangled NAME of a function its own name begins: behind the type that it
 * returns, which a template has in front. */
static const char *skip_return_type(const char *name)
{
    const char *word = name;
    int depth = 0;

    for (const char *at = name; *at; at++) {
        if (depth == 0 && is_operator(word, at))
            break; /* what follows may have spaces */
        if (depth == 0 && *at == '(' && at > word && at[-1] != ':' && at[-1] != ' ')
            break; /* its parameters; not "(anonymous namespace)" */
        if (depth == 0 && *at == ' ')
            word = at + 1;
        else if (*at == '<' || *at == '(' || *at == '[')
            depth++;
        else if (*at == ')' || *at == ']' || (*at == '>' && at > name && at[-1] != '-'))
            depth--;
    }
    return word;
}

bool filter_is_standard(const struct symbol *symbol)
{
    const char *name = symbol->function;

    /* Most functions are seen to be none at once. */
    if (!name || (!strstr(name, "std::") && !strstr(name, "__gnu_cxx::")))
        return false;
    name = skip_return_type(name);
    return strncmp(name, "std::", 5) == 0 || strncmp(name, "__gnu_cxx::", 11) == 0;
}

static bool matches_any(const struct pattern *pattern, const struct symbol *const *symbols,
                        size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (matches(pattern, symbols[i]))
            return true;
    }
    return false;
}

bool filter_keeps(const struct filter *filter, const struct symbol *const *symbols, size_t count)
{
    bool has_inclusive = false, included = false;

    for (const struct pattern *pattern = filter->patterns; pattern; pattern = pattern->next) {
        if (pattern->kind == FILTER_SKIP)
            continue;
        if (pattern->kind == FILTER_INCLUDE && included)
            continue;
        has_inclusive |= pattern->kind == FILTER_INCLUDE;
        if (!matches_any(pattern, symbols, count))
            continue;
        if (pattern->kind == FILTER_EXCLUDE)
            return false;
        included = true;
    }
    return included || !has_inclusive;
}
