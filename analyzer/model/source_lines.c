#include "model/source_lines.h"

#include "model/text.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#define FILE_SIZE_MAX ((size_t)64 << 20) /* no source file is larger */

struct file {
    char *text; /* each line ended by NUL */
    const char **lines;
    uint32_t *indents; /* per line: columns */
    size_t count;
    UT_hash_handle hh;
    char name[];
};

struct source_lines {
    struct file *files;
};

struct source_lines *source_lines_create(void)
{
    return calloc(1, sizeof(struct source_lines));
}

void source_lines_destroy(struct source_lines *lines)
{
    struct file *file, *next;

    if (!lines)
        return;
    HASH_ITER(hh, lines->files, file, next)
    {
        HASH_DEL(lines->files, file);
        free(file->text);
        free(file->lines);
        free(file->indents);
        free(file);
    }
    free(lines);
}

/* The bytes of the regular file NAME with a NUL behind them; NULL if they can't be read. */
static char *read_text(const char *name, size_t *out_size)
{
    /* Not to wait for somebody at the other end of a pipe. */
    int descriptor = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    FILE *stream = descriptor < 0 ? NULL : fdopen(descriptor, "rb");
    struct stat status;
    char *text = NULL;

    if (!stream)
        return NULL;
    if (fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode) &&
        (size_t)status.st_size < FILE_SIZE_MAX)
        text = malloc((size_t)status.st_size + 1);
    if (text) {
        *out_size = fread(text, 1, (size_t)status.st_size, stream);
        text[*out_size] = '\0';
    }
    fclose(stream);
    return text;
}

/* Is all of TEXT UTF-8? */
static bool is_utf8(const char *text, const char *end)
{
    while (text < end) {
        uint32_t point = text_next(&text, end);

        if (point >= 0xd800 && point < 0xe000)
            return false;
    }
    return true;
}

/* What is left of the line from TEXT to END without the white at both ends; it is ended there. */
static const char *strip(char *text, char *end)
{
    const char *begin = text, *last;
    const char *at = text;

    while (at < end && text_is_space(text_next(&at, end)))
        begin = at;
    last = begin;
    for (at = begin; at < end;) {
        if (!text_is_space(text_next(&at, end)))
            last = at;
    }
    text[last - text] = '\0';
    return begin;
}

/* The columns of blanks and tabs from TEXT to END. */
static uint32_t measure_indent(const char *text, const char *end)
{
    uint32_t columns = 0;

    for (; text < end && (*text == ' ' || *text == '\t'); text++)
        columns = *text == '\t' ? columns / 8 * 8 + 8 : columns + 1;
    return columns;
}

/* Split FILE, whose text has SIZE bytes. */
static void split(struct file *file, size_t size)
{
    char *at = file->text, *end = at + size;
    size_t room = 1;

    if (size >= 3 && memcmp(at, "\xef\xbb\xbf", 3) == 0)
        at += 3;
    for (const char *byte = at; byte < end; byte++)
        room += *byte == '\n' || *byte == '\r';
    if (!is_utf8(at, end) || !(file->lines = calloc(room, sizeof(*file->lines))) ||
        !(file->indents = calloc(room, sizeof(*file->indents))))
        return;
    while (at < end) {
        char *line = at;

        while (at < end && *at != '\n' && *at != '\r')
            at++;
        end[0] = '\0';
        if (at + 1 < end && at[0] == '\r' && at[1] == '\n')
            *at++ = '\0';
        file->indents[file->count] = measure_indent(line, at);
        file->lines[file->count++] = strip(line, at);
        at++;
    }
}

static struct file *find_file(struct source_lines *lines, const char *name)
{
    struct file *file;
    size_t size = 0;

    HASH_FIND_STR(lines->files, name, file);
    if (file)
        return file;
    file = calloc(1, sizeof(*file) + strlen(name) + 1);
    if (!file)
        return NULL;
    strcpy(file->name, name);
    file->text = read_text(name, &size);
    if (file->text)
        split(file, size);
    HASH_ADD_STR(lines->files, name, file);
    if (!file->hh.tbl) {
        free(file->text);
        free(file->lines);
        free(file->indents);
        free(file);
        return NULL;
    }
    return file;
}

const char *source_lines_get(struct source_lines *lines, const char *file, uint32_t number)
{
    const struct file *found = find_file(lines, file);

    if (!found || number == 0 || number > found->count || !*found->lines[number - 1])
        return NULL;
    return found->lines[number - 1];
}

uint32_t source_lines_indent(struct source_lines *lines, const char *file, uint32_t number)
{
    const struct file *found = find_file(lines, file);

    return found && number > 0 && number <= found->count ? found->indents[number - 1] : 0;
}
