#include "model/report.h"

#include "model/hash.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct report_text {
    struct report_text *next;
    char text[];
};

/* Where copies of series lie, too: a text whose bytes are numbers. */
static void *keep(struct report *report, const void *data, size_t size)
{
    struct report_text *copy;

    if (report->failed)
        return NULL;
    copy = malloc(sizeof(*copy) + size);
    if (!copy) {
        report->failed = true;
        return NULL;
    }
    memcpy(copy->text, data, size);
    copy->next = report->texts;
    report->texts = copy;
    return copy->text;
}

static const char *keep_text(struct report *report, const char *text)
{
    return text ? keep(report, text, strlen(text) + 1) : NULL;
}

static const char *keep_format(struct report *report, const char *format, va_list arguments)
{
    char *text;
    const char *copy;

    if (vasprintf(&text, format, arguments) < 0) {
        report->failed = true;
        return NULL;
    }
    copy = keep_text(report, text);
    free(text);
    return copy;
}

/* Make room for one more element of SIZE bytes in the array of *COUNT that the
 * pointer at ARRAY points to; it has room for the next power of two. Returns the new
 * element, all zero, or NULL. */
static void *append(struct report *report, void *array, size_t *count, size_t size)
{
    char *elements;

    if (report->failed)
        return NULL;
    memcpy(&elements, array, sizeof(elements));
    if ((*count & (*count - 1)) == 0) {
        size_t room = *count ? *count * 2 : 1;

        elements = reallocarray(elements, room, size);
        if (!elements) {
            report->failed = true;
            return NULL;
        }
        memcpy(array, &elements, sizeof(elements));
    }
    elements += *count * size;
    memset(elements, 0, size);
    *count += 1;
    return elements;
}

struct report *report_create(void)
{
    return calloc(1, sizeof(struct report));
}

void report_destroy(struct report *report)
{
    if (!report)
        return;
    for (size_t i = 0; i < report->table_count; i++) {
        struct report_table *table = &report->tables[i];

        for (size_t j = 0; j < table->row_count; j++) {
            free(table->rows[j].cells);
            free(table->rows[j].frames);
            for (size_t k = 0; k < table->rows[j].path_length; k++)
                free(table->rows[j].path[k].frames);
            free(table->rows[j].path);
            free(table->rows[j].retains);
        }
        free(table->rows);
        free(table->columns);
        free(table->total);
    }
    while (report->texts) {
        struct report_text *next = report->texts->next;

        free(report->texts);
        report->texts = next;
    }
    free(report->tables);
    free(report->facts);
    free(report->notes);
    free(report);
}

bool report_failed(const struct report *report)
{
    return report->failed;
}

void report_title(struct report *report, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    report->title = keep_format(report, format, arguments);
    va_end(arguments);
}

static struct report_fact *add_fact(struct report *report, const char *key, const char *title,
                                    enum report_kind kind)
{
    struct report_fact *fact =
        append(report, &report->facts, &report->fact_count, sizeof(*report->facts));

    if (fact) {
        fact->key = keep_text(report, key);
        fact->title = keep_text(report, title);
        fact->kind = kind;
    }
    return fact;
}

void report_add_number(struct report *report, const char *key, const char *title,
                       enum report_kind kind, uint64_t number)
{
    struct report_fact *fact = add_fact(report, key, title, kind);

    if (fact)
        fact->value = (struct report_cell){.known = true, .number = number};
}

void report_add_text(struct report *report, const char *key, const char *title, const char *text)
{
    struct report_fact *fact = add_fact(report, key, title, REPORT_TEXT);

    if (fact && text)
        fact->value = (struct report_cell){.known = true, .text = keep_text(report, text)};
}

void report_add_unknown(struct report *report, const char *key, const char *title,
                        enum report_kind kind)
{
    add_fact(report, key, title, kind);
}

void report_add_remark(struct report *report, const char *format, ...)
{
    va_list arguments;

    if (report->failed)
        return;
    va_start(arguments, format);
    report->facts[report->fact_count - 1].remark = keep_format(report, format, arguments);
    va_end(arguments);
}

void report_add_heading(struct report *report, const char *title)
{
    struct report_fact *fact = add_fact(report, NULL, title, REPORT_TEXT);

    if (fact)
        fact->is_heading = true;
}

void report_begin_table(struct report *report, const char *key, const char *title,
                        enum report_style style, size_t series_length)
{
    struct report_table *table =
        append(report, &report->tables, &report->table_count, sizeof(*report->tables));

    if (!table)
        return;
    table->key = keep_text(report, key);
    table->title = keep_text(report, title);
    table->style = style;
    table->series_length = series_length;
    report->cells_left = 0;
}

/* The table begun last. Only for a report that has not failed. */
static struct report_table *last_table(const struct report *report)
{
    return &report->tables[report->table_count - 1];
}

void report_add_column(struct report *report, const char *key, const char *title,
                       enum report_kind kind, unsigned flags)
{
    struct report_column *column;

    if (report->failed)
        return;
    column = append(report, &last_table(report)->columns, &last_table(report)->column_count,
                    sizeof(*column));
    if (!column)
        return;
    column->key = keep_text(report, key);
    column->title = keep_text(report, title);
    column->kind = kind;
    column->flags = flags;
}

/* Make the unknown cells of a row of the last table, to be put next. */
static struct report_cell *begin_cells(struct report *report)
{
    report->cells_left = last_table(report)->column_count;
    report->next = calloc(report->cells_left, sizeof(*report->next));
    if (!report->next)
        report->failed = true;
    return report->next;
}

void report_begin_row(struct report *report)
{
    struct report_row *row;

    if (report->failed)
        return;
    row = append(report, &last_table(report)->rows, &last_table(report)->row_count, sizeof(*row));
    if (row)
        row->cells = begin_cells(report);
}

void report_begin_total(struct report *report)
{
    if (!report->failed)
        last_table(report)->total = begin_cells(report);
}

static void put(struct report *report, struct report_cell value)
{
    if (report->failed || report->cells_left == 0)
        return;
    *report->next++ = value;
    report->cells_left--;
}

void report_put_number(struct report *report, uint64_t number)
{
    put(report, (struct report_cell){.known = true, .number = number});
}

void report_put_real(struct report *report, double real)
{
    put(report, (struct report_cell){.known = true, .real = real});
}

void report_put_text(struct report *report, const char *text)
{
    put(report, (struct report_cell){.known = text, .text = keep_text(report, text)});
}

void report_put_place(struct report *report, const char *text)
{
    put(report,
        (struct report_cell){.known = text, .text = keep_text(report, text), .is_place = true});
}

void report_put_series(struct report *report, const uint64_t *series)
{
    const uint64_t *copy;

    if (report->failed)
        return;
    copy = keep(report, series, last_table(report)->series_length * sizeof(*series));
    put(report, (struct report_cell){.known = true, .series = copy});
}

void report_put_unknown(struct report *report)
{
    put(report, (struct report_cell){.known = false});
}

/* The row begun last. Only for a report that has not failed. */
static struct report_row *last_row(const struct report *report)
{
    const struct report_table *table = last_table(report);

    return &table->rows[table->row_count - 1];
}

void report_begin_traceback(struct report *report)
{
    if (!report->failed)
        last_row(report)->has_traceback = true;
}

void report_add_frame(struct report *report, const struct report_frame *frame)
{
    struct report_frame *copy;

    if (report->failed)
        return;
    copy = append(report, &last_row(report)->frames, &last_row(report)->frame_count, sizeof(*copy));
    if (!copy)
        return;
    *copy = *frame;
}

void report_set_depth(struct report *report, size_t depth)
{
    if (!report->failed)
        last_row(report)->depth = depth;
}

void report_set_stands_for(struct report *report, size_t rows)
{
    if (!report->failed)
        last_row(report)->stands_for = rows;
}

void report_set_truncated(struct report *report, uint32_t frame_limit)
{
    if (report->failed)
        return;
    last_row(report)->truncated = true;
    last_row(report)->frame_limit = frame_limit;
}

void report_set_matter(struct report *report)
{
    if (!report->failed)
        last_table(report)->is_matter = true;
}

static void add_link(struct report *report, struct report_link **links, size_t *count,
                     const struct report_link *link)
{
    struct report_link *copy = append(report, links, count, sizeof(*copy));

    if (!copy)
        return;
    *copy = *link;
    copy->kind = keep_text(report, link->kind);
    copy->name = keep_text(report, link->name);
    copy->type = keep_text(report, link->type);
    copy->type_found = keep_text(report, link->type_found);
    copy->function = keep_text(report, link->function);
    copy->file = keep_text(report, link->file);
    copy->place = keep_text(report, link->place);
    copy->module = keep_text(report, link->module);
    copy->thread_name = keep_text(report, link->thread_name);
    copy->frames = NULL;
    copy->frame_count = 0;
}

void report_add_link(struct report *report, const struct report_link *link)
{
    if (!report->failed)
        add_link(report, &last_row(report)->path, &last_row(report)->path_length, link);
}

void report_add_retained(struct report *report, const struct report_link *link)
{
    if (!report->failed)
        add_link(report, &last_row(report)->retains, &last_row(report)->retain_count, link);
}

void report_add_link_frame(struct report *report, const struct report_frame *frame)
{
    struct report_link *link;
    struct report_frame *copy;

    if (report->failed)
        return;
    link = &last_row(report)->path[last_row(report)->path_length - 1];
    copy = append(report, &link->frames, &link->frame_count, sizeof(*copy));
    if (copy)
        *copy = *frame;
}

void report_set_retains_omitted(struct report *report, size_t more)
{
    if (!report->failed)
        last_row(report)->retains_omitted = more;
}

void report_set_omitted(struct report *report, size_t rows)
{
    if (!report->failed)
        last_table(report)->omitted = rows;
}

void report_add_note(struct report *report, const char *format, ...)
{
    const char **note = append(report, &report->notes, &report->note_count, sizeof(*note));
    va_list arguments;

    if (!note)
        return;
    va_start(arguments, format);
    *note = keep_format(report, format, arguments);
    va_end(arguments);
}

uint64_t report_row_fingerprint(const struct report_row *row)
{
    uint64_t hash = HASH_BEGIN;

    for (size_t i = 0; i < row->frame_count; i++) {
        const struct report_frame *frame = &row->frames[i];
        const char *name = frame->function ? frame->function : frame->module;

        hash = hash_text(hash, name ? name : "");
    }
    return hash;
}
