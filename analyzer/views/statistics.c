#include "views/statistics.h"

#include "views/fields.h"
#include "views/names.h"
#include "views/utf8.h"
#include "views/value.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define PLACE_PAD_MAX 60 /* columns that a place is filled up to where width is no matter */
#define PLACE_MIN     24 /* columns that a place always has */

#define FOLD_LENGTH_MAX 8 /* frames that a recursion may go through to be noticed */
#define FOLD_MIN        8 /* frames that are worth a line that stands for them */

static bool is_place_kind(enum report_kind kind)
{
    return kind == REPORT_FILE || kind == REPORT_LINE || kind == REPORT_FUNCTION ||
           kind == REPORT_MODULE || kind == REPORT_NUMBER;
}

/* Print what ROW is about: "FILE:LINE (FUNCTION)", "FUNCTION [MODULE]", "stack 5",
 * "PROGRAM (process 4711)", "NAME (thread 4712): FUNCTION [MODULE]". */
static void print_place(FILE *out, const struct report_table *table, const struct report_row *row,
                        const struct paths *paths, bool whole_names)
{
    bool begun = false, after_number = false;

    for (size_t i = 0; i < table->column_count; i++) {
        const struct report_column *column = &table->columns[i];
        const struct report_cell *cell = &row->cells[i];

        if (column->flags & REPORT_DATA_ONLY || !is_place_kind(column->kind) || !cell->known)
            continue;
        if (cell->is_place) {
            names_print_place(out, cell->text, whole_names);
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
            fprintf(out, begun ? " (%s %" PRIu64 ")" : "%s %" PRIu64, column->title, cell->number);
            break;
        default:
            fputs(!begun                             ? ""
                  : column->kind == REPORT_MODULE ? " ["
                  : after_number                  ? ": "
                                                  : " (",
                  out);
            names_print(out, cell->text, whole_names);
            fputs(!begun || (after_number && column->kind != REPORT_MODULE) ? ""
                  : column->kind == REPORT_MODULE                          ? "]"
                                                                           : ")",
                  out);
        }
        begun = true;
        after_number = column->kind == REPORT_NUMBER;
    }
    if (!begun)
        fputs("<unknown>", out);
}

/* Is COLUMN the first of a phrase "title=value (difference)"? */
static bool begins_phrase(const struct report_column *column)
{
    return !(column->flags & (REPORT_DATA_ONLY | REPORT_SIGNED | REPORT_ASIDE | REPORT_ERROR)) &&
           !is_place_kind(column->kind);
}

/* How the fields of a table are laid out. */
struct layout {
    size_t per_row;     /* fields made for a row: its place and its phrases */
    size_t shown;       /* of which are shown */
    size_t *widths;     /* columns that each is filled up to */
    size_t place_limit; /* columns that a place may take */
};

/* Is the last phrase one that can be computed from the others? */
static bool can_spare_last(const struct report_table *table)
{
    bool can_spare = false;

    for (size_t i = 0; i < table->column_count; i++) {
        if (begins_phrase(&table->columns[i]))
            can_spare = table->columns[i].flags & REPORT_TEXT_ONLY;
    }
    return can_spare;
}

/* If column NEXT is an error, print it behind the value. Returns the column behind. */
static size_t print_error(FILE *out, const struct report_table *table,
                          const struct report_cell *cells, size_t next)
{
    const struct report_column *column = &table->columns[next];

    if (next == table->column_count || !(column->flags & REPORT_ERROR))
        return next;
    if (cells[next].known && !(column->flags & REPORT_DATA_ONLY)) {
        fputs(" ± ", out);
        value_print(out, &cells[next], column->kind, 0, 0);
    }
    return next + 1;
}

/* Make the fields of a row: its place, then its phrases. */
static void make_phrases(struct fields *fields, const struct report_table *table,
                         const struct report_cell *cells)
{
    for (size_t i = 0; i < table->column_count; i++) {
        const struct report_column *column = &table->columns[i];
        size_t next;

        if (!begins_phrase(column))
            continue;
        fields_begin(fields);
        if (!cells[i].known)
            continue;
        fprintf(fields->stream, "%s=", column->title);
        value_print(fields->stream, &cells[i], column->kind, column->flags, table->series_length);
        next = print_error(fields->stream, table, cells, i + 1);
        if (next < table->column_count && cells[next].known &&
            table->columns[next].flags & (REPORT_SIGNED | REPORT_ASIDE)) {
            fputs(" (", fields->stream);
            value_print(fields->stream, &cells[next], table->columns[next].kind,
                        table->columns[next].flags, 0);
            print_error(fields->stream, table, cells, next + 1);
            fputc(')', fields->stream);
        }
    }
}

static void print_frame(FILE *out, const struct report_frame *frame, const struct paths *paths,
                        bool whole_names)
{
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
        names_print(out, frame->function, whole_names);
        fputc(')', out);
    }
    fputs(frame->inlined ? " inlined\n" : "\n", out);
}

static bool same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

/* Do A and B look the same? */
static bool same_frame(const struct report_frame *a, const struct report_frame *b)
{
    return same_text(a->function, b->function) && same_text(a->file, b->file) &&
           a->line == b->line && a->inlined == b->inlined &&
           (a->file || (a->offset == b->offset && same_text(a->module, b->module)));
}

/* How many of the frames from END on only repeat, whole times, the LENGTH frames before. */
static size_t repeated_frames(const struct report_row *row, size_t end, size_t length)
{
    size_t count = 0;

    while (end + count < row->frame_count &&
           same_frame(&row->frames[end + count], &row->frames[end + count - length]))
        count++;
    return count - count % length;
}

/* Say what the deep recursion of frames before END goes on with, if it does. Returns how many
 * frames need not be printed for it. */
static size_t fold_frames(FILE *out, const struct report_row *row, size_t end)
{
    for (size_t length = 1; length <= FOLD_LENGTH_MAX && length <= end; length++) {
        size_t count = repeated_frames(row, end, length);

        if (count < FOLD_MIN)
            continue;
        if (length == 1)
            fprintf(out, "    … (the last frame %zu times more)\n", count);
        else
            fprintf(out, "    … (the last %zu frames %zu times more)\n", length, count / length);
        return count;
    }
    return 0;
}

void statistics_print_traceback(FILE *out, const struct report_row *row,
                                const struct paths *paths, bool whole_names)
{
    for (size_t i = 0; i < row->frame_count;) {
        print_frame(out, &row->frames[i++], paths, whole_names);
        i += fold_frames(out, row, i);
    }
    if (row->frame_limit)
        fprintf(out, "    … (limited to %" PRIu32 " %s, as asked)\n", row->frame_limit,
                row->frame_limit == 1 ? "frame" : "frames");
    else if (row->truncated)
        fputs("    … (its outer end is not known)\n", out);
    else if (row->frame_count == 0)
        fputs("    <unknown>\n", out);
}

/* Fit the fields of TABLE, measured in LAYOUT, into WIDTH columns (0: any number): do
 * without the phrase that can be spared, then cut the places. */
static void fit(struct layout *layout, const struct report_table *table, size_t width)
{
    size_t *place = &layout->widths[0];
    size_t others = 0;

    for (size_t i = 1; i < layout->per_row; i++)
        others += layout->widths[i] + 2;
    layout->shown = layout->per_row;
    layout->place_limit = SIZE_MAX;
    if (!width) {
        if (*place > PLACE_PAD_MAX)
            *place = PLACE_PAD_MAX;
        return;
    }
    if (*place + others > width && can_spare_last(table)) {
        layout->shown--;
        others -= layout->widths[layout->shown] + 2;
    }
    layout->place_limit = width > others + PLACE_MIN ? width - others : PLACE_MIN;
    if (*place > layout->place_limit)
        *place = layout->place_limit;
}

/* Print the row whose fields begin at FIRST, the phrases separated by commas. */
static void print_row(FILE *out, const struct fields *fields, size_t first,
                      const struct layout *layout)
{
    size_t last = 0, pending = 0;

    for (size_t i = 0; i < layout->shown; i++) {
        if (*fields_get(fields, first + i))
            last = i;
    }
    for (size_t i = 0; i <= last; i++) {
        const char *field = fields_get(fields, first + i);
        size_t columns = utf8_width(field);

        fields_print_spaces(out, pending);
        if (i == 0)
            utf8_print_start(out, field, layout->place_limit);
        else
            fputs(field, out);
        if (i == 0 && columns > layout->place_limit)
            columns = layout->place_limit;
        if (i > 0 && i < last)
            fputc(',', out);
        /* After the comma one space, after the place two. */
        pending =
            (columns < layout->widths[i] ? layout->widths[i] - columns : 0) + (i == 0 ? 2 : 1);
    }
    fputc('\n', out);
}

int statistics_print(FILE *out, const struct report_table *table, const struct paths *paths,
                     size_t width, bool whole_names)
{
    struct layout layout = {.per_row = 1};
    struct fields fields;
    int result = -ENOMEM;

    if (fields_init(&fields) < 0)
        return -ENOMEM;
    for (size_t i = 0; i < table->column_count; i++)
        layout.per_row += begins_phrase(&table->columns[i]);
    for (size_t i = 0; i < table->row_count; i++) {
        fields_begin(&fields);
        print_place(fields.stream, table, &table->rows[i], paths, whole_names);
        make_phrases(&fields, table, table->rows[i].cells);
    }
    if (table->total) {
        fields_begin(&fields);
        fputs("total", fields.stream);
        make_phrases(&fields, table, table->total);
    }
    if (fields_end(&fields) < 0)
        goto out;
    layout.widths = fields_measure(&fields, layout.per_row);
    if (!layout.widths)
        goto out;
    fit(&layout, table, width);
    for (size_t i = 0; i < table->row_count; i++) {
        print_row(out, &fields, i * layout.per_row, &layout);
        if (table->rows[i].has_traceback)
            statistics_print_traceback(out, &table->rows[i], paths, whole_names);
    }
    if (table->omitted)
        fprintf(out, "… %zu more, --limit 0 shows all\n", table->omitted);
    if (table->total)
        print_row(out, &fields, table->row_count * layout.per_row, &layout);
    result = 0;
out:
    free(layout.widths);
    fields_finish(&fields);
    return result;
}
