#include "model/suppressions.h"

#include "model/demangle.h"
#include "model/suppression_entry.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FRAMES_MAX 500u       /* valgrind has at most that many in a stack */
#define FILE_MAX   (64u << 20) /* no such list is longer */
#define CLASSES_ALL ((1u << GRAPH_CLASS_COUNT) - 1)

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
static int read_source(const struct reader *reader, struct suppression_frame *frame)
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

static int read_frame(const struct reader *reader, struct suppression_entry *entry)
{
    static const char *const prefixes[] = {"fun:", "obj:", "src:"};
    struct suppression_frame frame = {.kind = SUPPRESSION_ANY_NUMBER};
    struct suppression_frame *longer;
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
        frame.kind = (enum suppression_frame_kind)kind;
        if (!*frame.text)
            result = fail(reader, "%s without a pattern", prefixes[kind]);
        else if (frame.kind == SUPPRESSION_SOURCE)
            result = read_source(reader, &frame);
        else if (frame.kind == SUPPRESSION_FUNCTION && !strpbrk(frame.text, "*?"))
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
static int read_kind(const struct reader *reader, struct suppression_entry *entry,
                     bool *out_is_memchecks)
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
static int read_braced(struct reader *reader, struct suppression_entry *entry)
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
            has_place |=
                result == 0 && entry->frames[entry->frame_count - 1].kind != SUPPRESSION_ANY_NUMBER;
        }
        if (result < 0)
            return result;
    }
    return has_place ? 0 : fail(reader, "the entry that begins in line %u names no frame", begin);
}

static int read_template(const struct reader *reader, struct suppression_entry *entry)
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

static void entry_finish(struct suppression_entry *entry)
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
        struct suppression_entry entry = {.known = {.origin = reader->origin, .line = reader->number}};
        int result = line_is(reader, "{") ? read_braced(reader, &entry)
                                          : read_template(reader, &entry);
        struct suppression_entry *longer =
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
