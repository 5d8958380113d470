#include "views/statistics.h"

#include "views/fields.h"
#include "views/utf8.h"
#include "views/value.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#define PLACE_PAD_MAX 60 /* columns that a place is filled up to where width is no matter */
#define PLACE_MIN     24 /* columns that a place always has */

/* Print TEXT, which utf8_print() wrote, in at most WIDTH columns. */
static void print_cut(FILE *out, const char *text, size_t width)
{
    const char *end = text;

    if (utf8_width(text) <= width) {
        fputs(text, out);
        return;
    }
    for (size_t columns = 0; *end; end++) {
        if ((*end & 0xc0) != 0x80 && ++columns == width)
            break;
    }
    fwrite(text, 1, (size_t)(end - text), out);
    fputs("…", out);
}

static bool is_place_kind(enum report_kind kind)
{
    return kind == REPORT_FILE || kind == REPORT_LINE || kind == REPORT_FUNCTION ||
           kind == REPORT_MODULE || kind == REPORT_NUMBER;
}

/* Print what ROW is about: "FILE:LINE (FUNCTION)", "FUNCTION [MODULE]", "stack 5". */
static void print_place(FILE *out, const struct report_table *table, const struct report_row *row,
                        const struct paths *paths)
{
    bool begun = false;

    for (size_t i = 0; i < table->column_count; i++) {
        const struct report_column *column = &table->columns[i];
        const struct report_cell *cell = &row->cells[i];

        if (column->flags & REPORT_DATA_ONLY || !is_place_kind(column->kind) || !cell->known)
            continue;
        if (cell->is_place) {
            utf8_print(out, cell->text);
            return;
        }
        switch (column->kind) {
        case REPORT_FILE:
            utf8_print(out, paths_short(paths, cell->text));
            break;
        case REPORT_LINE:
            if (cell->number)
                fprintf(out, ":%" PRIu64, cell->number);
            break;
        case REPORT_NUMBER:
            fprintf(out, "%s %" PRIu64, column->title, cell->number);
            break;
        default:
            fputs(!begun ? "" : column->kind == REPORT_MODULE ? " [" : " (", out);
            utf8_print(out, cell->text);
            fputs(!begun ? "" : column->kind == REPORT_MODULE ? "]" : ")", out);
        }
        begun = true;
    }
    if (!begun)
        fputs("<unknown>", out);
}

/* Is COLUMN the first of a phrase "title=value (difference)"? */
static bool begins_phrase(const struct report_column *column)
{
    return !(column->flags & (REPORT_DATA_ONLY | REPORT_SIGNED)) && !is_place_kind(column->kind);
}

static size_t count_phrases(const struct report_table *table)
{
    size_t count = 0;

    for (size_t i = 0; i < table->column_count; i++)
        count += begins_phrase(&table->columns[i]);
    return count;
}

/* Make the fields of a row: its place, then its phrases. */
static void make_phrases(struct fields *fields, const struct report_table *table,
                         const struct report_cell *cells)
{
    for (size_t i = 0; i < table->column_count; i++) {
        const struct report_column *column = &table->columns[i];

        if (!begins_phrase(column))
            continue;
        fields_begin(fields);
        if (!cells[i].known)
            continue;
        fprintf(fields->stream, "%s=", column->title);
        value_print(fields->stream, &cells[i], column->kind, column->flags, table->series_length);
        if (i + 1 < table->column_count && column[1].flags & REPORT_SIGNED && cells[i + 1].known) {
            fputs(" (", fields->stream);
            value_print(fields->stream, &cells[i + 1], column[1].kind, column[1].flags, 0);
            fputc(')', fields->stream);
        }
    }
}

static void print_traceback(FILE *out, const struct report_row *row, const struct paths *paths)
{
    for (size_t i = 0; i < row->frame_count; i++) {
        const struct report_frame *frame = &row->frames[i];

        fputs("    ", out);
        if (frame->file) {
            utf8_print(out, paths_short(paths, frame->file));
            if (frame->line)
                fprintf(out, ":%" PRIu32, frame->line);
        } else {
            if (frame->module) {
                utf8_print(out, frame->module);
                fputc('+', out);
            }
            fprintf(out, "0x%" PRIx64, frame->offset);
        }
        if (frame->function) {
            fputs(" (", out);
            utf8_print(out, frame->function);
            fputc(')', out);
        }
        fputs(frame->inlined ? " inlined\n" : "\n", out);
    }
    if (row->truncated)
        fputs("    … (its outer end is not known)\n", out);
    else if (row->frame_count == 0)
        fputs("    <unknown>\n", out);
}

/* How wide the first field may be, and is filled up to, if those behind it, measured
 * in WIDTHS, are to fit into WIDTH. */
static void fit_place(size_t *widths, size_t per_row, size_t width, size_t *out_limit)
{
    size_t others = 0;

    for (size_t i = 1; i < per_row; i++)
        others += widths[i] + 2;
    *out_limit = SIZE_MAX;
    if (width) {
        *out_limit = width > others + PLACE_MIN ? width - others : PLACE_MIN;
        if (widths[0] > *out_limit)
            widths[0] = *out_limit;
    } else if (widths[0] > PLACE_PAD_MAX) {
        widths[0] = PLACE_PAD_MAX;
    }
}

/* Print one row: PER_ROW fields from FIRST, phrases separated by commas. */
static void print_phrases(FILE *out, const struct fields *fields, size_t first, size_t per_row,
                          const size_t *widths, size_t place_limit)
{
    size_t last = 0, pending = 0;

    for (size_t i = 0; i < per_row; i++) {
        if (*fields_get(fields, first + i))
            last = i;
    }
    for (size_t i = 0; i <= last; i++) {
        const char *field = fields_get(fields, first + i);
        size_t columns = utf8_width(field);

        fields_print_spaces(out, pending);
        if (i == 0)
            print_cut(out, field, place_limit);
        else
            fputs(field, out);
        if (i == 0 && columns > place_limit)
            columns = place_limit;
        if (i > 0 && i < last)
            fputc(',', out);
        /* After the comma one space, after the place two. */
        pending = (columns < widths[i] ? widths[i] - columns : 0) + (i == 0 ? 2 : 1);
    }
    fputc('\n', out);
}

int statistics_print(FILE *out, const struct report_table *table, const struct paths *paths,
                     size_t width)
{
    size_t per_row = 1 + count_phrases(table), place_limit;
    size_t *widths = NULL;
    struct fields fields;
    int result = -ENOMEM;

    if (fields_init(&fields) < 0)
        return -ENOMEM;
    for (size_t i = 0; i < table->row_count; i++) {
        fields_begin(&fields);
        print_place(fields.stream, table, &table->rows[i], paths);
        make_phrases(&fields, table, table->rows[i].cells);
    }
    if (table->total) {
        fields_begin(&fields);
        fputs("total", fields.stream);
        make_phrases(&fields, table, table->total);
    }
    if (fields_end(&fields) < 0)
        goto out;
    widths = fields_measure(&fields, per_row);
    if (!widths)
        goto out;
    fit_place(widths, per_row, width, &place_limit);
    for (size_t i = 0; i < table->row_count; i++) {
        print_phrases(out, &fields, i * per_row, per_row, widths, place_limit);
        if (table->rows[i].has_traceback)
            print_traceback(out, &table->rows[i], paths);
    }
    if (table->omitted)
        fprintf(out, "… %zu more, --limit 0 shows all\n", table->omitted);
    if (table->total)
        print_phrases(out, &fields, table->row_count * per_row, per_row, widths, place_limit);
    result = 0;
out:
    free(widths);
    fields_finish(&fields);
    return result;
}
