#include "views/held_by.h"

#include "views/names.h"
#include "views/units.h"
#include "views/utf8.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define INDENT "         " /* below what stands behind "held by" */

static void print_file(FILE *out, const struct report_link *link, const struct paths *paths)
{
    utf8_print(out, paths_short(paths, link->file));
    if (link->line)
        fprintf(out, ":%" PRIu32, link->line);
}

/* Where blocks were allocated: "f (a.c:3)", "a.c:3", "libc.so.6(f)". */
static void print_site(FILE *out, const struct report_link *link, const struct paths *paths)
{
    if (!link->file) {
        utf8_print(out, link->place ? link->place : "<unknown>");
        return;
    }
    if (!link->function) {
        print_file(out, link, paths);
        return;
    }
    utf8_print(out, link->function);
    fputs(" (", out);
    print_file(out, link, paths);
    fputc(')', out);
}

static void print_thread(FILE *out, const struct report_link *link)
{
    if (!link->thread)
        return;
    fprintf(out, ", thread %" PRIu32, link->thread);
    if (link->thread_name && *link->thread_name) {
        fputs(" (", out);
        utf8_print(out, link->thread_name);
        fputc(')', out);
    }
}

static void print_quoted(FILE *out, const char *text)
{
    fputc('`', out);
    utf8_print(out, text);
    fputc('`', out);
}

/* "(struct handler **, event_handler.c, static)" */
static void print_definition(FILE *out, const struct report_link *link, const struct paths *paths)
{
    const char *module = link->module;

    fputs(" (", out);
    if (link->type) {
        utf8_print(out, link->type);
        fputs(link->file || module ? ", " : "", out);
    }
    if (link->file)
        print_file(out, link, paths);
    else if (module)
        utf8_print(out, module);
    fputs(link->is_static ? ", static)" : ")", out);
}

static void print_root(FILE *out, const struct report_link *link, const struct paths *paths)
{
    const char *kind = link->kind;

    if (strcmp(kind, "lost") == 0) {
        fputs("nobody", out);
    } else if (strcmp(kind, "stack") == 0) {
        if (link->name) {
            fputs("local ", out);
            print_quoted(out, link->name);
            if (link->type) {
                fputs(" (", out);
                utf8_print(out, link->type);
                fputc(')', out);
            }
            fputs(" of ", out);
        } else {
            fputs("stack of ", out);
        }
        utf8_print(out, link->function ? link->function : "an unknown function");
        print_thread(out, link);
    } else if (strcmp(kind, "register") == 0 || strcmp(kind, "key") == 0) {
        fputs(*kind == 'k' ? "pthread key " : "register ", out);
        utf8_print(out, link->name ? link->name : "?");
        print_thread(out, link);
    } else if (strcmp(kind, "mapping") == 0 || strcmp(kind, "libc") == 0) {
        fputs(*kind == 'l' ? "the C library itself" : "mapping ", out);
        if (*kind != 'l')
            utf8_print(out, link->name && *link->name ? link->name : "without a name");
    } else {
        fputs(*kind == 't' ? "thread-local " : "global ", out);
        if (link->name) {
            print_quoted(out, link->name);
            print_definition(out, link, paths);
        } else {
            utf8_print(out, link->module ? link->module : "data");
            fprintf(out, "+0x%" PRIx64, link->offset);
        }
        print_thread(out, link);
    }
}

static void print_blocks(FILE *out, uint64_t count, uint64_t size)
{
    char buffer[UNITS_SIZE];

    fprintf(out, "%" PRIu64 " %s, ", count, count == 1 ? "block" : "blocks");
    fputs(units_bytes(buffer, (double)size, false), out);
}

/* "100 × `struct node`.next, 4.7 KiB"; one is "`struct node`.next, 48 B" */
static void print_objects(FILE *out, const struct report_link *link)
{
    char buffer[UNITS_SIZE];

    if (link->count > 1)
        fprintf(out, "%" PRIu64 " × ", link->count);
    fputc('`', out);
    names_print(out, link->type, false);
    fprintf(out, "`%s", link->name ? "." : "");
    if (link->name)
        utf8_print(out, link->name);
    fprintf(out, ", %s", units_bytes(buffer, (double)link->size, false));
}

/* A step between the first and the last. */
static void print_step(FILE *out, const struct report_link *link, const struct paths *paths)
{
    char buffer[UNITS_SIZE];

    if (link->is_array) {
        fprintf(out, "array of %" PRIu64 " pointers, %s", link->size / sizeof(void *),
                units_bytes(buffer, (double)link->size, false));
    } else {
        if (link->repeats)
            fputs("a chain of ", out);
        if (link->type)
            print_objects(out, link);
        else
            print_blocks(out, link->count, link->size);
    }
    fputs(", allocated at ", out);
    print_site(out, link, paths);
}

/* The COUNT blocks of the row, of which LINK is, and which the step BEFORE leads to. */
static void print_target(FILE *out, const struct report_link *link,
                         const struct report_link *before, uint64_t count)
{
    if (link->repeats && count == 1)
        fprintf(out, "[it, the last of a chain of %" PRIu64 "]", link->count);
    else if (link->repeats && count < link->count)
        fprintf(out, "[%" PRIu64 " of a chain of %" PRIu64 "]", count, link->count);
    else if (link->repeats)
        fputs("[each, one after the other]", out);
    else if (count == 1)
        fputs("[it]", out);
    else if (before->count <= 1)
        fputs("[each]", out);
    else if (before->count == count)
        fputs("[one each]", out);
    else
        fprintf(out, "[%" PRIu64 " in all]", count);
}

/* Write the path of ROW, which has COUNT blocks, with SEPARATOR between the steps. */
static void print_path(FILE *out, const struct report_row *row, uint64_t count,
                       const struct paths *paths, const char *separator)
{
    for (size_t i = 0; i < row->path_length; i++) {
        fputs(i ? separator : "", out);
        if (i == 0)
            print_root(out, &row->path[i], paths);
        else if (i + 1 < row->path_length)
            print_step(out, &row->path[i], paths);
        else
            print_target(out, &row->path[i], &row->path[i - 1], count);
    }
    fputc('\n', out);
}

void held_by_print_path(FILE *out, const struct report_row *row, uint64_t count, size_t indent,
                        const struct paths *paths, size_t width)
{
    char separator[64];
    char *line = NULL;
    size_t size;
    FILE *memory = width ? open_memstream(&line, &size) : NULL;

    snprintf(separator, sizeof(separator), "\n%*s→ ", (int)(indent + sizeof(INDENT) - 1), "");
    fprintf(out, "%*sheld by  ", (int)indent, "");
    if (memory) {
        print_path(memory, row, count, paths, "  → ");
        fclose(memory);
    }
    if (memory && utf8_width(line) + indent + sizeof(INDENT) > width)
        print_path(out, row, count, paths, separator);
    else
        print_path(out, row, count, paths, "  → ");
    free(line);
}

/* Write what goes with the blocks of ROW, each but, if nothing stands BEFORE it, the first behind a
 * comma. */
static void print_retained(FILE *out, const struct report_row *row, bool before,
                           const struct paths *paths)
{
    for (size_t i = 0; i < row->retain_count; i++) {
        fprintf(out, "%s%" PRIu64 " of ", i > 0 || before ? ", " : "", row->retains[i].count);
        print_site(out, &row->retains[i], paths);
    }
    if (row->retains_omitted)
        fprintf(out, ", … %zu more places", row->retains_omitted);
    fputc('\n', out);
}

static void print_retains(FILE *out, const struct report_row *row, uint64_t retained,
                          const struct paths *paths)
{
    char buffer[UNITS_SIZE];

    fprintf(out, "retains  %s: the %s", units_bytes(buffer, (double)retained, false),
            row->cells[1].number == 1 ? "block" : "blocks");
    print_retained(out, row, true, paths);
}

void held_by_print_parts(FILE *out, const struct report_row *row, size_t indent,
                         const struct paths *paths)
{
    fprintf(out, "%*swith it  ", (int)indent, "");
    print_retained(out, row, false, paths);
}

/* Say of what CLASS the blocks are, unless it is that of all that is well. */
static void print_class(FILE *out, const char *class)
{
    if (strcmp(class, "still_reachable") == 0)
        return;
    fputs("class    ", out);
    for (; *class; class++)
        fputc(*class == '_' ? ' ' : *class, out);
    fputc('\n', out);
}

void held_by_print(FILE *out, const struct report_table *table, const struct paths *paths,
                   size_t width)
{
    for (size_t i = 0; i < table->row_count; i++) {
        const struct report_row *row = &table->rows[i];

        if (table->row_count + table->omitted > 1) {
            fputs(i ? "\n" : "", out);
            print_blocks(out, row->cells[1].number, row->cells[0].number);
            fputs("\n", out);
        }
        held_by_print_path(out, row, row->cells[1].number, 0, paths, width);
        print_retains(out, row, row->cells[2].number, paths);
        print_class(out, row->cells[3].text);
    }
    if (table->omitted)
        fprintf(out, "\n… %zu more, --limit 0 shows all\n", table->omitted);
}
