#include "model/filter.h"

#include "model/text.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Which name of a frame, or of a block's thread, a pattern is for. */
enum subject {
    SUBJECT_FILE,
    SUBJECT_FUNCTION,
    SUBJECT_MODULE,
    SUBJECT_THREAD,
    SUBJECT_TYPE, /* of the block */
};

static const struct {
    const char *prefix;
    enum subject subject;
} prefixes[] = {
    {"file=", SUBJECT_FILE},
    {"function=", SUBJECT_FUNCTION},
    {"module=", SUBJECT_MODULE},
    {"thread=", SUBJECT_THREAD},
    {"type=", SUBJECT_TYPE},
};

struct pattern {
    enum filter_kind kind;
    enum subject subject;
    bool has_line, has_domain, all_frames;
    uint32_t line, domain;
    char *text; /* NULL: any frame, it is about the domain */
    struct pattern *next;
};

struct filter {
    struct pattern *patterns;
    bool all_frames;
    bool follows_tracemalloc;
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
    "CRYPTO_malloc", "CRYPTO_zalloc", "CRYPTO_realloc", "CRYPTO_strdup", "CRYPTO_strndup", "CRYPTO_memdup",
    "PyMem_Malloc", "PyMem_Calloc", "PyMem_Realloc", "PyMem_RawMalloc", "PyMem_RawCalloc",
    "PyMem_RawRealloc", "_PyMem_Raw*", "_PyMem_Strdup", "PyObject_Malloc", "PyObject_Calloc",
    "PyObject_Realloc", "Perl_safesysmalloc", "Perl_safesyscalloc", "Perl_safesysrealloc",
    "sqlite3_malloc*", "sqlite3_realloc*", "sqlite3Malloc*", "sqlite3Realloc*", "sqlite3MemMalloc",
    "sqlite3MemRealloc", "sqlite3DbMalloc*", "sqlite3DbRealloc*", "sqlite3DbStrDup", "sqlite3DbStrNDup",
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

/* Cut ":LINE" off the end of what PATTERN is for, if it is there. */
static void cut_line(struct pattern *pattern)
{
    char *colon = strrchr(pattern->text, ':');
    unsigned long line;
    char *end;

    /* Not the `::` of a C++ name. */
    if (!colon || colon == pattern->text || colon[-1] == ':' || !isdigit((unsigned char)colon[1]))
        return;
    line = strtoul(colon + 1, &end, 10);
    if (*end || line > UINT32_MAX)
        return;
    *colon = '\0';
    pattern->has_line = true;
    pattern->line = (uint32_t)line;
}

/* How many bytes at the start of TEXT look like a prefix: lower-case letters and `=`. */
static size_t prefix_length(const char *text)
{
    size_t letters = strspn(text, "abcdefghijklmnopqrstuvwxyz");

    return letters > 0 && text[letters] == '=' ? letters + 1 : 0;
}

/* Take "domain=N," off the beginning of *TEXT, or "domain=N" if that is all. Returns 0, or
 * -EINVAL if N is no number. */
static int take_domain(const char **text, struct pattern *pattern)
{
    const char *number = *text + strlen("domain=");
    unsigned long domain;
    char *end;

    if (strncmp(*text, "domain=", strlen("domain=")) != 0)
        return 0;
    domain = strtoul(number, &end, 10);
    if (!isdigit((unsigned char)*number) || (*end && *end != ',') || domain > UINT32_MAX)
        return -EINVAL;
    pattern->has_domain = true;
    pattern->domain = (uint32_t)domain;
    *text = end + (*end == ',');
    return 0;
}

static bool take_word(const char **text, const char *word)
{
    size_t length = strlen(word);

    if (strncmp(*text, word, length) != 0)
        return false;
    *text += length;
    return true;
}

/* Find out which names TEXT is for, by its prefix, which is taken off. False: by an unknown one. */
static bool take_subject(const char **text, enum subject *subject)
{
    size_t length = prefix_length(*text);

    if (length == 0)
        return true;
    for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
        if (strncmp(*text, prefixes[i].prefix, length) == 0) {
            *subject = prefixes[i].subject;
            *text += length;
            return true;
        }
    }
    return false;
}

int filter_add(struct filter *filter, enum filter_kind kind, const char *text, struct error *error)
{
    struct pattern found = {
        .kind = kind,
        .subject = kind == FILTER_SKIP ? SUBJECT_FUNCTION : SUBJECT_FILE,
    };
    const char *at = text, *prefix;
    struct pattern *pattern;

    if (kind != FILTER_SKIP) {
        if (take_domain(&at, &found) < 0)
            return error_set(error, -EINVAL, "pattern '%s': a domain is a number", text);
        found.all_frames = take_word(&at, "all-frames,");
    }
    prefix = at;
    if (!take_subject(&at, &found.subject))
        return error_set(error, -EINVAL,
                         "pattern '%s': '%.*s' is none of file=, function=, module=, thread=, type=",
                         text, (int)prefix_length(prefix), prefix);
    if (kind == FILTER_SKIP && found.subject == SUBJECT_THREAD)
        return error_set(error, -EINVAL, "pattern '%s': a thread is no frame to be skipped", text);
    if (kind == FILTER_SKIP && found.subject == SUBJECT_TYPE)
        return error_set(error, -EINVAL, "pattern '%s': a type is no frame to be skipped", text);
    if (!*at && (!found.has_domain || at[-1] == ',' || at[-1] == '='))
        return error_set(error, -EINVAL, "pattern '%s' is empty", text);

    pattern = malloc(sizeof(*pattern));
    if (pattern && *at)
        found.text = strdup(at);
    if (!pattern || (*at && !found.text)) {
        free(pattern);
        return error_set(error, -ENOMEM, "out of memory");
    }
    if (found.text && found.subject != SUBJECT_THREAD && found.subject != SUBJECT_TYPE)
        cut_line(&found);
    *pattern = found;
    pattern->next = filter->patterns;
    filter->patterns = pattern;
    return 0;
}

void filter_look_at_all_frames(struct filter *filter)
{
    filter->all_frames = true;
}

void filter_follow_tracemalloc(struct filter *filter)
{
    filter->follows_tracemalloc = true;
}

bool filter_has_patterns(const struct filter *filter)
{
    for (const struct pattern *pattern = filter->patterns; pattern; pattern = pattern->next) {
        if (pattern->kind != FILTER_SKIP)
            return true;
    }
    return false;
}

bool filter_wants_types(const struct filter *filter)
{
    for (const struct pattern *pattern = filter->patterns; pattern; pattern = pattern->next) {
        if (pattern->subject == SUBJECT_TYPE)
            return true;
    }
    return false;
}

bool filter_wants_all_frames(const struct filter *filter)
{
    if (filter->all_frames)
        return true;
    for (const struct pattern *pattern = filter->patterns; pattern; pattern = pattern->next) {
        if (pattern->all_frames)
            return true;
    }
    return false;
}

bool filter_wants_threads(const struct filter *filter)
{
    for (const struct pattern *pattern = filter->patterns; pattern; pattern = pattern->next) {
        if (pattern->subject == SUBJECT_THREAD)
            return true;
    }
    return false;
}

/* Does PATTERN match NAME? Word for word is enough: C++ names are full of `[` and `*`. */
static bool matches_name(const char *pattern, const char *name)
{
    return name && (strcmp(pattern, name) == 0 ||
                    text_matches(pattern, strlen(pattern), name, strlen(name)));
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

/* The length of TEXT without the `c` of .pyc at its end. */
static size_t normal_length(const char *text)
{
    size_t length = strlen(text);

    return length >= 4 && strcmp(text + length - 4, ".pyc") == 0 ? length - 1 : length;
}

static bool matches_file(const struct filter *filter, const char *pattern,
                         const struct symbol *symbol)
{
    const char *file = symbol->file ? symbol->file : symbol->place;

    if (filter->follows_tracemalloc)
        return text_matches(pattern, normal_length(pattern), file, normal_length(file));
    return symbol->file ? matches_path(pattern, file) : matches_name(pattern, file);
}

static bool matches(const struct filter *filter, const struct pattern *pattern,
                    const struct symbol *symbol)
{
    if (pattern->has_line && pattern->line != (symbol->file ? symbol->line : 0))
        return false;
    switch (pattern->subject) {
    case SUBJECT_FILE:
        return matches_file(filter, pattern->text, symbol);
    case SUBJECT_FUNCTION:
        return matches_name(pattern->text, symbol->function);
    case SUBJECT_MODULE:
        return matches_name(pattern->text, symbol->module);
    case SUBJECT_THREAD:
    case SUBJECT_TYPE:
        break;
    }
    return false;
}

/* Does PATTERN match what is known of the thread of OWNER? */
static bool matches_thread(const char *pattern, const struct filter_owner *owner)
{
    const struct symbol *start = owner->thread_start;
    char tid[16];

    snprintf(tid, sizeof(tid), "%" PRIu32, owner->tid);
    return matches_name(pattern, owner->thread_name) || (owner->tid && strcmp(pattern, tid) == 0) ||
           (start && matches_name(pattern, start->function ? start->function : start->place));
}

static bool is_wrapper(const char *function)
{
    size_t length = strlen(function);

    for (size_t i = 0; i < sizeof(wrappers) / sizeof(wrappers[0]); i++) {
        if (wrappers[i][0] == function[0] &&
            text_matches(wrappers[i], strlen(wrappers[i]), function, length))
            return true;
    }
    return false;
}

bool filter_skips(const struct filter *filter, const struct symbol *symbol)
{
    if (filter->follows_tracemalloc)
        return false;
    for (const struct pattern *pattern = filter->patterns; pattern; pattern = pattern->next) {
        if (pattern->kind == FILTER_SKIP && matches(filter, pattern, symbol))
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

/* Does PATTERN match a block? As filter_keeps(). */
static bool matches_block(const struct filter *filter, const struct pattern *pattern,
                          const struct filter_owner *owner, const struct symbol *newest,
                          const struct symbol *const *symbols, size_t count)
{
    if (pattern->has_domain && pattern->domain != owner->domain)
        return false;
    if (!pattern->text)
        return true;
    if (pattern->subject == SUBJECT_THREAD)
        return matches_thread(pattern->text, owner);
    if (pattern->subject == SUBJECT_TYPE)
        return matches_name(pattern->text, owner->type);
    if (!filter->all_frames && !pattern->all_frames)
        return matches(filter, pattern, newest);
    for (size_t i = 0; i < count; i++) {
        if (matches(filter, pattern, symbols[i]))
            return true;
    }
    return false;
}

bool filter_keeps(const struct filter *filter, const struct filter_owner *owner,
                  const struct symbol *newest, const struct symbol *const *symbols, size_t count)
{
    static const struct filter_owner nobody;
    bool has_inclusive = false, included = false;

    for (const struct pattern *pattern = filter->patterns; pattern; pattern = pattern->next) {
        if (pattern->kind == FILTER_SKIP)
            continue;
        if (pattern->kind == FILTER_INCLUDE && included)
            continue;
        has_inclusive |= pattern->kind == FILTER_INCLUDE;
        if (!matches_block(filter, pattern, owner ? owner : &nobody, newest, symbols, count))
            continue;
        if (pattern->kind == FILTER_EXCLUDE)
            return false;
        included = true;
    }
    return included || !has_inclusive;
}
