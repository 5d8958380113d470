#include "model/suppressions.h"

#include "model/demangle.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FRAMES_MAX 500u       /* valgrind has at most that many in a stack */
#define FILE_MAX   (64u << 20) /* no such list is longer */
#define CLASSES_ALL ((1u << GRAPH_CLASS_COUNT) - 1)

enum frame_kind {
    FRAME_FUNCTION,
    FRAME_OBJECT,
    FRAME_SOURCE,
    FRAME_ANY_NUMBER,
};

struct frame_pattern {
    enum frame_kind kind;
    char *text;
    char *demangled; /* of a function whose linked name it is in full; or NULL */
    unsigned line;   /* of a source; 0: any */
};

struct entry {
    struct suppression known;
    char *name;
    char *pattern; /* LeakSanitizer's; NULL: valgrind's, by frames */
    unsigned classes; /* 1 << enum graph_class */
    struct frame_pattern *frames;
    size_t frame_count;
};

struct suppressions {
    struct entry *entries;
    size_t count;
    char **origins;
    size_t origin_count;
};

/* ---- reading ------------------------------------------------------------------------- */

struct reader {
    const char *at, *end; /* what is left */
    const char *line;     /* the one read last, without blanks around it */
    size_t length;
    unsigned number;
    const char *origin;
    struct error *error;
};

static int fail(const struct reader *reader, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static int fail(const struct reader *reader, const char *format, ...)
{
    char reason[256];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(reason, sizeof(reason), format, arguments);
    va_end(arguments);
    return error_set(reader->error, -EINVAL, "%.200s:%u: %s", reader->origin, reader->number,
                     reason);
}

static int no_memory(const struct reader *reader)
{
    return error_set(reader->error, -ENOMEM, "out of memory");
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f';
}

/* Go to the next line that is neither empty nor a comment. False: there is none. */
static bool next_line(struct reader *reader)
{
    while (reader->at < reader->end) {
        size_t left = (size_t)(reader->end - reader->at);
        const char *newline = memchr(reader->at, '\n', left);
        const char *end = newline ? newline : reader->end;

        reader->line = reader->at;
        reader->at = newline ? newline + 1 : reader->end;
        reader->number++;
        while (reader->line < end && is_blank(*reader->line))
            reader->line++;
        while (end > reader->line && is_blank(end[-1]))
            end--;
        reader->length = (size_t)(end - reader->line);
        if (reader->length > 0 && *reader->line != '#')
            return true;
    }
    return false;
}

static bool line_is(const struct reader *reader, const char *text)
{
    return reader->length == strlen(text) && memcmp(reader->line, text, reader->length) == 0;
}

/* Does the line begin with PREFIX? Then OUT_REST is a copy of what is behind, without blanks before
 * it; NULL for lack of memory. */
static bool take_prefix(const struct reader *reader, const char *prefix, char **out_rest)
{
    size_t size = strlen(prefix);

    if (reader->length < size || memcmp(reader->line, prefix, size) != 0)
        return false;
    while (size < reader->length && is_blank(reader->line[size]))
        size++;
    *out_rest = strndup(reader->line + size, reader->length - size);
    return true;
}

/* The part of the line in a message: not too long, and without what a terminal would take amiss. */
static const char *excerpt(const struct reader *reader, char buffer[64])
{
    size_t length = reader->length < 40 ? reader->length : 40;

    for (size_t i = 0; i < length; i++)
        buffer[i] = (unsigned char)reader->line[i] < ' ' || reader->line[i] == 0x7f
                        ? '?'
                        : reader->line[i];
    snprintf(buffer + length, 64 - length, "%s", reader->length > 40 ? "…" : "");
    return buffer;
}

static int read_leak_kinds(const struct reader *reader, char *text, unsigned *out_classes)
{
    static const struct {
        const char *name;
        unsigned classes;
    } kinds[] = {
        {"definite", 1u << GRAPH_DEFINITELY_LOST}, {"indirect", 1u << GRAPH_INDIRECTLY_LOST},
        {"possible", 1u << GRAPH_POSSIBLY_LOST},   {"reachable", 1u << GRAPH_STILL_REACHABLE},
        {"all", CLASSES_ALL},                      {"none", 0},
    };
    char *rest = NULL;
    size_t found = 0;

    *out_classes = 0;
    for (char *word = strtok_r(text, ", \t", &rest); word; word = strtok_r(NULL, ", \t", &rest)) {
        size_t i = 0;

        while (i < sizeof(kinds) / sizeof(*kinds) && strcmp(word, kinds[i].name) != 0)
            i++;
        if (i == sizeof(kinds) / sizeof(*kinds))
            return fail(reader,
                        "'%.40s': a leak is definite, indirect, possible, reachable, all or none",
                        word);
        *out_classes |= kinds[i].classes;
        found++;
    }
    return found > 0 ? 0 : fail(reader, "match-leak-kinds names none");
}

/* Take apart FILE:LINE in place. */
static int read_source(const struct reader *reader, struct frame_pattern *frame)
{
    char *colon = strrchr(frame->text, ':'), *end;
    unsigned long line;

    if (!colon)
        return 0;
    line = strtoul(colon + 1, &end, 10);
    if (end == colon + 1 || *end || line > INT32_MAX)
        return fail(reader, "src: is for FILE or FILE:LINE");
    *colon = 0;
    frame->line = (unsigned)line;
    return *frame->text ? 0 : fail(reader, "src: without a file");
}

static int read_frame(const struct reader *reader, struct entry *entry)
{
    static const char *const prefixes[] = {"fun:", "obj:", "src:"};
    struct frame_pattern frame = {.kind = FRAME_ANY_NUMBER};
    struct frame_pattern *longer;
    char buffer[64];
    int result = 0;

    if (entry->frame_count == FRAMES_MAX)
        return fail(reader, "more than %u frames", FRAMES_MAX);
    if (!line_is(reader, "...")) {
        size_t kind = 0;

        while (kind < 3 && !take_prefix(reader, prefixes[kind], &frame.text))
            kind++;
        if (kind == 3)
            return fail(reader, "'%s' is no frame: fun:, obj:, src: or ...",
                        excerpt(reader, buffer));
        if (!frame.text)
            return no_memory(reader);
        frame.kind = (enum frame_kind)kind;
        if (!*frame.text)
            result = fail(reader, "%s without a pattern", prefixes[kind]);
        else if (frame.kind == FRAME_SOURCE)
            result = read_source(reader, &frame);
        else if (frame.kind == FRAME_FUNCTION && !strpbrk(frame.text, "*?"))
            frame.demangled = demangle(frame.text);
    }
    longer = result == 0 ? reallocarray(entry->frames, entry->frame_count + 1, sizeof(*longer))
                         : NULL;
    if (!longer) {
        free(frame.text);
        free(frame.demangled);
        return result ? result : no_memory(reader);
    }
    entry->frames = longer;
    entry->frames[entry->frame_count++] = frame;
    return 0;
}

/* Does TOOLS, separated by commas, name memcheck? */
static bool names_memcheck(const char *tools, size_t length)
{
    while (length > 0) {
        const char *comma = memchr(tools, ',', length);
        size_t size = comma ? (size_t)(comma - tools) : length;

        if (size == 8 && memcmp(tools, "Memcheck", 8) == 0)
            return true;
        size += comma != NULL;
        tools += size;
        length -= size;
    }
    return false;
}

/* Read TOOL,TOOL:KIND into ENTRY; OUT_IS_MEMCHECKS says whether we know what follows. */
static int read_kind(const struct reader *reader, struct entry *entry, bool *out_is_memchecks)
{
    const char *colon = memchr(reader->line, ':', reader->length);
    size_t tools = colon ? (size_t)(colon - reader->line) : 0;
    size_t kind = colon ? reader->length - tools - 1 : 0;
    char buffer[64];

    if (tools == 0 || kind == 0)
        return fail(reader, "'%s' is not TOOL:KIND, as Memcheck:Leak is",
                    excerpt(reader, buffer));
    *out_is_memchecks = names_memcheck(reader->line, tools);
    entry->known.is_for_leaks =
        *out_is_memchecks && kind == 4 && memcmp(colon + 1, "Leak", 4) == 0;
    return 0;
}

/* Read what is within the braces of valgrind's. */
static int read_braced(struct reader *reader, struct entry *entry)
{
    bool is_memchecks = false, has_place = false, first = true;
    unsigned begin = reader->number;
    int result;

    entry->classes = CLASSES_ALL;
    if (!next_line(reader) || line_is(reader, "}"))
        return fail(reader, "the entry that begins in line %u has no name", begin);
    entry->name = strndup(reader->line, reader->length);
    if (!entry->name)
        return no_memory(reader);
    if (!next_line(reader) || line_is(reader, "}"))
        return fail(reader, "the entry that begins in line %u does not say TOOL:KIND", begin);
    result = read_kind(reader, entry, &is_memchecks);
    if (result < 0)
        return result;
    for (;; first = false) {
        char *kinds;

        if (!next_line(reader))
            return fail(reader, "the entry that begins in line %u has no '}'", begin);
        if (line_is(reader, "}"))
            break;
        if (!entry->known.is_for_leaks) {
            /* Of other tools nobody but they know what is right. */
            has_place = true;
            continue;
        }
        if (first && take_prefix(reader, "match-leak-kinds:", &kinds)) {
            result = kinds ? read_leak_kinds(reader, kinds, &entry->classes) : no_memory(reader);
            free(kinds);
        } else {
            result = read_frame(reader, entry);
            has_place |= result == 0 && entry->frames[entry->frame_count - 1].kind != FRAME_ANY_NUMBER;
        }
        if (result < 0)
            return result;
    }
    return has_place ? 0 : fail(reader, "the entry that begins in line %u names no frame", begin);
}

static int read_template(const struct reader *reader, struct entry *entry)
{
    char buffer[64];

    if (!take_prefix(reader, "leak:", &entry->pattern))
        return fail(reader, "'%s' is neither leak:PATTERN nor the '{' of an entry of valgrind's",
                    excerpt(reader, buffer));
    if (!entry->pattern)
        return no_memory(reader);
    if (!*entry->pattern)
        return fail(reader, "leak: without a pattern");
    entry->name = strdup(entry->pattern);
    entry->known.is_for_leaks = true;
    entry->classes = CLASSES_ALL;
    return entry->name ? 0 : no_memory(reader);
}

static void entry_finish(struct entry *entry)
{
    for (size_t i = 0; i < entry->frame_count; i++) {
        free(entry->frames[i].text);
        free(entry->frames[i].demangled);
    }
    free(entry->frames);
    free(entry->pattern);
    free(entry->name);
}

/* Read all entries; those before an error stay. */
static int read_entries(struct suppressions *list, struct reader *reader)
{
    while (next_line(reader)) {
        struct entry entry = {.known = {.origin = reader->origin, .line = reader->number}};
        int result = line_is(reader, "{") ? read_braced(reader, &entry)
                                          : read_template(reader, &entry);
        struct entry *longer =
            result == 0 ? reallocarray(list->entries, list->count + 1, sizeof(*longer)) : NULL;

        if (!longer) {
            entry_finish(&entry);
            return result ? result : no_memory(reader);
        }
        entry.known.name = entry.name;
        list->entries = longer;
        list->entries[list->count++] = entry;
    }
    return 0;
}

int suppressions_parse(struct suppressions *suppressions, const char *text, size_t size,
                       const char *origin, struct error *error)
{
    struct reader reader = {.at = text, .end = text + size, .error = error, .origin = origin};
    size_t before = suppressions->count;
    char **origins =
        reallocarray(suppressions->origins, suppressions->origin_count + 1, sizeof(*origins));
    int result;

    if (!origins)
        return no_memory(&reader);
    suppressions->origins = origins;
    origins[suppressions->origin_count] = strdup(origin);
    if (!origins[suppressions->origin_count])
        return no_memory(&reader);
    reader.origin = origins[suppressions->origin_count++];
    /* A line is a line to its end. */
    if (size > 0 && memchr(text, 0, size)) {
        const char *zero = memchr(text, 0, size);

        reader.number = 1;
        for (const char *at = text; at < zero; at++)
            reader.number += *at == '\n';
        return fail(&reader, "a NUL byte: this is no text");
    }
    result = read_entries(suppressions, &reader);
    while (result < 0 && suppressions->count > before)
        entry_finish(&suppressions->entries[--suppressions->count]);
    return result;
}

int suppressions_read(struct suppressions *suppressions, const char *path, struct error *error)
{
    FILE *file = fopen(path, "re");
    char *text = NULL;
    size_t size = 0, room = 0;
    int result = 0;

    if (!file)
        return error_set(error, -errno, "%s: %s", path, strerror(errno));
    do {
        size_t got;

        if (size == room) {
            char *longer;

            room = room ? 2 * room : 4096;
            longer = room <= FILE_MAX ? realloc(text, room) : NULL;
            if (!longer) {
                result = error_set(error, -EFBIG, "%s: too long for a list of suppressions", path);
                break;
            }
            text = longer;
        }
        got = fread(text + size, 1, room - size, file);
        size += got;
        if (got == 0)
            break;
    } while (true);
    if (result == 0 && ferror(file))
        result = error_set(error, -EIO, "%s: %s", path, strerror(errno));
    fclose(file);
    if (result == 0)
        result = suppressions_parse(suppressions, text, size, path, error);
    free(text);
    return result;
}

struct suppressions *suppressions_create(void)
{
    return calloc(1, sizeof(struct suppressions));
}

void suppressions_destroy(struct suppressions *suppressions)
{
    if (!suppressions)
        return;
    for (size_t i = 0; i < suppressions->count; i++)
        entry_finish(&suppressions->entries[i]);
    for (size_t i = 0; i < suppressions->origin_count; i++)
        free(suppressions->origins[i]);
    free(suppressions->entries);
    free(suppressions->origins);
    free(suppressions);
}

size_t suppressions_count(const struct suppressions *suppressions)
{
    return suppressions->count;
}

const struct suppression *suppressions_get(const struct suppressions *suppressions, size_t index)
{
    return &suppressions->entries[index].known;
}

/* ---- matching ------------------------------------------------------------------------ */

/* Where the first SIZE bytes of PIECE are in TEXT; NULL: nowhere. */
static const char *find_piece(const char *text, const char *piece, size_t size)
{
    return size == 0 ? text : memmem(text, strlen(text), piece, size);
}

bool suppressions_match_template(const char *pattern, const char *text)
{
    size_t length = strlen(pattern);
    bool at_begin = *pattern == '^', at_end;

    pattern += at_begin;
    length -= at_begin;
    at_end = length > 0 && pattern[length - 1] == '$';
    length -= at_end;
    for (;;) {
        const char *star = memchr(pattern, '*', length);
        size_t size = star ? (size_t)(star - pattern) : length, left = strlen(text);
        const char *found;

        if (!star && at_end)
            return left >= size && (!at_begin || left == size) &&
                   memcmp(text + left - size, pattern, size) == 0;
        found = find_piece(text, pattern, size);
        if (at_begin && found != text)
            found = left >= size && memcmp(text, pattern, size) == 0 ? text : NULL;
        if (!found)
            return false;
        if (!star)
            return true;
        text = found + size;
        pattern += size + 1;
        length -= size + 1;
        at_begin = false;
    }
}

/* As valgrind's: `*` any text, `?` a byte, and nothing else. */
static bool matches_simple(const char *pattern, const char *text)
{
    const char *star = NULL, *again = NULL;

    while (*text) {
        if (*pattern == '*') {
            star = pattern++;
            again = text;
        } else if (*pattern == '?' || *pattern == *text) {
            pattern++;
            text++;
        } else if (star) {
            pattern = star + 1;
            text = ++again;
        } else {
            return false;
        }
    }
    while (*pattern == '*')
        pattern++;
    return !*pattern;
}

/* A stack as patterns see it. */
struct seen_frame {
    const struct symbol *symbol;
    const char *path; /* of its module; NULL: none */
};

struct seen_stack {
    struct seen_frame *frames; /* newest first */
    size_t count;
};

static int see_stack(const struct heap *heap, struct symbols *symbols, uint32_t stack,
                     struct seen_stack *out_seen)
{
    size_t room = 0;

    *out_seen = (struct seen_stack){0};
    for (uint32_t frame = heap->stacks[stack].frame; frame; frame = heap->frames[frame].parent) {
        struct symbol_list list = symbols_frame(symbols, frame);
        uint32_t module = heap->frames[frame].module;

        if (out_seen->count + list.count > room) {
            struct seen_frame *longer;

            room = 2 * (room + list.count);
            longer = reallocarray(out_seen->frames, room, sizeof(*longer));
            if (!longer) {
                free(out_seen->frames);
                return -ENOMEM;
            }
            out_seen->frames = longer;
        }
        for (size_t i = 0; i < list.count; i++)
            out_seen->frames[out_seen->count++] = (struct seen_frame){
                &list.symbols[i], module ? heap->modules[module - 1].path : NULL};
    }
    return 0;
}

static bool template_matches(const char *pattern, const struct seen_stack *seen)
{
    for (size_t i = 0; i < seen->count; i++) {
        const struct symbol *symbol = seen->frames[i].symbol;
        const char *const texts[] = {symbol->function, symbol->linker_name, symbol->file,
                                     seen->frames[i].path};

        for (size_t j = 0; j < sizeof(texts) / sizeof(*texts); j++) {
            if (texts[j] && *texts[j] && suppressions_match_template(pattern, texts[j]))
                return true;
        }
    }
    return false;
}

static bool source_matches(const struct frame_pattern *pattern, const struct symbol *symbol)
{
    if (!symbol->file || (pattern->line && pattern->line != symbol->line))
        return false;
    for (const char *at = symbol->file; at; at = strchr(at, '/')) {
        at += *at == '/';
        if (matches_simple(pattern->text, at))
            return true;
    }
    return false;
}

bool suppressions_is_new(const struct symbol *symbol)
{
    const char *name = symbol->linker_name;

    return name && (strncmp(name, "_Znw", 4) == 0 || strncmp(name, "_Zna", 4) == 0);
}

/* operator new[] usually jumps to operator new, and is not in the stack then. */
static bool matches_as_array(const struct frame_pattern *pattern, const struct seen_frame *frame)
{
    char name[64];

    if (!suppressions_is_new(frame->symbol) ||
        (size_t)snprintf(name, sizeof(name), "%s", frame->symbol->linker_name) >= sizeof(name))
        return false;
    name[3] = 'a';
    return matches_simple(pattern->text, name);
}

static bool frame_matches(const struct frame_pattern *pattern, const struct seen_frame *frame)
{
    const struct symbol *symbol = frame->symbol;
    size_t length;

    switch (pattern->kind) {
    case FRAME_FUNCTION:
        if (symbol->linker_name && matches_simple(pattern->text, symbol->linker_name))
            return true;
        if (matches_as_array(pattern, frame))
            return true;
        if (!symbol->function)
            return false;
        if (matches_simple(pattern->text, symbol->function) ||
            (pattern->demangled && strcmp(pattern->demangled, symbol->function) == 0))
            return true;
        /* "foo" means foo(int) as well. */
        length = strlen(pattern->text);
        return strncmp(symbol->function, pattern->text, length) == 0 &&
               symbol->function[length] == '(';
    case FRAME_OBJECT:
        return frame->path && matches_simple(pattern->text, frame->path);
    case FRAME_SOURCE:
        return source_matches(pattern, symbol);
    default:
        return true;
    }
}

/* Can PATTERN be the frame of the function that was asked for memory? operator new is in our
 * stacks, and calls malloc. */
static bool is_allocator(const struct frame_pattern *pattern)
{
    static const char *const names[] = {"malloc", "calloc", "realloc", "memalign",
                                        "posix_memalign", "aligned_alloc", "valloc", "pvalloc",
                                        "reallocarray"};

    if (pattern->kind == FRAME_OBJECT)
        return strstr(pattern->text, "vgpreload") != NULL;
    for (size_t i = 0; pattern->kind == FRAME_FUNCTION && i < sizeof(names) / sizeof(*names); i++) {
        if (matches_simple(pattern->text, names[i]))
            return true;
    }
    return false;
}

/* Do the patterns from FIRST on match the frames of SEEN from its newest on? The stack may go on
 * further out. */
static bool frames_match(const struct entry *entry, size_t first, const struct seen_stack *seen)
{
    size_t pattern = first, frame = 0, star = SIZE_MAX, again = 0;

    while (pattern < entry->frame_count) {
        if (entry->frames[pattern].kind == FRAME_ANY_NUMBER) {
            star = pattern++;
            again = frame;
        } else if (frame < seen->count && frame_matches(&entry->frames[pattern], &seen->frames[frame])) {
            pattern++;
            frame++;
        } else if (star != SIZE_MAX && again < seen->count) {
            pattern = star + 1;
            frame = ++again;
        } else {
            return false;
        }
    }
    return true;
}

/* SEEN as memcheck has it, which replaces each operator new: none of them calls another. */
static struct seen_stack without_inner_new(const struct seen_stack *seen)
{
    struct seen_stack outer = *seen;

    while (outer.count > 1 && suppressions_is_new(outer.frames[0].symbol) &&
           suppressions_is_new(outer.frames[1].symbol)) {
        outer.frames++;
        outer.count--;
    }
    return outer;
}

static bool entry_matches(const struct entry *entry, const struct seen_stack *seen,
                          enum graph_class class)
{
    struct seen_stack outer;

    if (!entry->known.is_for_leaks || !(entry->classes & 1u << class))
        return false;
    if (entry->pattern)
        return template_matches(entry->pattern, seen);
    outer = without_inner_new(seen);
    return frames_match(entry, 0, &outer) ||
           (is_allocator(&entry->frames[0]) && frames_match(entry, 1, &outer));
}

bool suppressions_match(struct suppressions *suppressions, const struct heap *heap,
                        struct symbols *symbols, uint32_t stack, enum graph_class class,
                        uint64_t blocks, uint64_t bytes)
{
    struct seen_stack seen;
    bool found = false;

    if (suppressions->count == 0 || see_stack(heap, symbols, stack, &seen) < 0)
        return false;
    for (size_t i = 0; i < suppressions->count && !found; i++) {
        struct suppression *known = &suppressions->entries[i].known;

        found = entry_matches(&suppressions->entries[i], &seen, class);
        if (found) {
            known->stacks++;
            known->blocks += blocks;
            known->bytes += bytes;
        }
    }
    free(seen.frames);
    return found;
}
