/* Whether a stack is one that an entry of suppressions.h is for. */
#include "model/demangle.h"
#include "model/suppression_entry.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

static bool source_matches(const struct suppression_frame *pattern, const struct symbol *symbol)
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
static bool matches_as_array(const struct suppression_frame *pattern, const struct seen_frame *frame)
{
    char name[64];

    if (!suppressions_is_new(frame->symbol) ||
        (size_t)snprintf(name, sizeof(name), "%s", frame->symbol->linker_name) >= sizeof(name))
        return false;
    name[3] = 'a';
    return matches_simple(pattern->text, name);
}

static bool frame_matches(const struct suppression_frame *pattern, const struct seen_frame *frame)
{
    const struct symbol *symbol = frame->symbol;
    size_t length;

    switch (pattern->kind) {
    case SUPPRESSION_FUNCTION:
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
    case SUPPRESSION_OBJECT:
        return frame->path && matches_simple(pattern->text, frame->path);
    case SUPPRESSION_SOURCE:
        return source_matches(pattern, symbol);
    default:
        return true;
    }
}

/* Can PATTERN be the frame of the function that was asked for memory? operator new is in our
 * stacks, and calls malloc. */
static bool is_allocator(const struct suppression_frame *pattern)
{
    static const char *const names[] = {"malloc", "calloc", "realloc", "memalign",
                                        "posix_memalign", "aligned_alloc", "valloc", "pvalloc",
                                        "reallocarray"};

    if (pattern->kind == SUPPRESSION_OBJECT)
        return strstr(pattern->text, "vgpreload") != NULL;
    for (size_t i = 0; pattern->kind == SUPPRESSION_FUNCTION && i < sizeof(names) / sizeof(*names);
         i++) {
        if (matches_simple(pattern->text, names[i]))
            return true;
    }
    return false;
}

/* Do the patterns from FIRST on match the frames of SEEN from its newest on? The stack may go on
 * further out. */
static bool frames_match(const struct suppression_entry *entry, size_t first,
                         const struct seen_stack *seen)
{
    size_t pattern = first, frame = 0, star = SIZE_MAX, again = 0;

    while (pattern < entry->frame_count) {
        if (entry->frames[pattern].kind == SUPPRESSION_ANY_NUMBER) {
            star = pattern++;
            again = frame;
        } else if (frame < seen->count &&
                   frame_matches(&entry->frames[pattern], &seen->frames[frame])) {
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

static bool entry_matches(const struct suppression_entry *entry, const struct seen_stack *seen,
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
