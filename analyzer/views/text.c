#include "views/text.h"

#include "views/paths.h"
#include "views/units.h"
#include "views/utf8.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define PLACE_PAD_MAX 60 /* columns that a place is filled up to where width is no matter */
#define PLACE_MIN 24     /* columns that a place always has */
#define CHART_COLUMNS 60

/* Texts of the fields of a table, one after the other, and where each begins. */
struct fields {
    FILE *stream; /* writes to `data` */
    char *data;
    size_t size;
    size_t *starts;
    size_t count, room;
    bool failed;
};

static void fields_init(struct fields *fields)
{
    *fields = (struct fields){0};
    fields->stream = open_memstream(&fields->data, &fields->size);
    fields->failed = !fields->stream;
}

/* Begin the next field: what is written to fields->stream until the next call. */
static void fields_begin(struct fields *fields)
{
    if (fields->failed)
        return;
    if (fields->count == fields->room) {
        size_t room = fields->room ? fields->room * 2 : 64;
        size_t *starts = reallocarray(fields->starts, room, sizeof(*starts));

        if (!starts) {
            fields->failed = true;
            return;
        }
        fields->starts = starts;
        fields->room = room;
    }
    if (fields->count > 0)
        fputc('\0', fields->stream);
    fields->starts[fields->count++] = (size_t)ftell(fields->stream);
}

/* No more fields. Returns 0 or -ENOMEM. */
static int fields_end(struct fields *fields)
{
    if (fields->stream) {
        fields->failed |= ferror(fields->stream) != 0;
        fields->failed |= fclose(fields->stream) != 0;
        fields->stream = NULL;
    }
    return fields->failed ? -ENOMEM : 0;
}

static const char *fields_get(const struct fields *fields, size_t number)
{
    return fields->data + fields->starts[number];
}

static void fields_finish(struct fields *fields)
{
    fields_end(fields);
    free(fields->data);
    free(fields->starts);
}

static void print_spaces(FILE *out, size_t count)
{
    fprintf(out, "%*s", (int)count, "");
}

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

static void print_number(FILE *out, uint64_t number, enum report_kind kind, unsigned flags)
{
    bool is_signed = flags & REPORT_SIGNED;
    char buffer[UNITS_SIZE];

    switch (kind) {
    case REPORT_BYTES:
        fputs(units_bytes(buffer, is_signed ? (double)(int64_t)number : (double)number, is_signed),
              out);
        break;
    case REPORT_ADDRESS:
        fprintf(out, "0x%" PRIx64, number);
        break;
    case REPORT_DURATION:
        fputs(units_duration(buffer, number), out);
        break;
    case REPORT_FLAG:
        fputs(number ? "yes" : "no", out);
        break;
    default:
        if (is_signed)
            fputs(units_count(buffer, (int64_t)number, true), out);
        else
            fprintf(out, "%" PRIu64, number);
    }
}

static void print_value(FILE *out, const struct report_cell *cell, enum report_kind kind,
                        unsigned flags, size_t series_length)
{
    char buffer[UNITS_SIZE];

    if (!cell->known)
        return;
    if (flags & REPORT_SERIES) {
        for (size_t i = 0; i < series_length; i++) {
            fputs(i ? " → " : "", out);
            print_number(out, cell->series[i], kind, 0);
        }
        return;
    }
    switch (kind) {
    case REPORT_TEXT:
    case REPORT_FILE:
    case REPORT_FUNCTION:
    case REPORT_MODULE:
        utf8_print(out, cell->text);
        break;
    case REPORT_AVERAGE:
        fputs(units_bytes(buffer, cell->real, false), out);
        break;
    default:
        print_number(out, cell->number, kind, flags);
    }
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
        if (fields->failed || !cells[i].known)
            continue;
        fprintf(fields->stream, "%s=", column->title);
        print_value(fields->stream, &cells[i], column->kind, column->flags, table->series_length);
        if (i + 1 < table->column_count && column[1].flags & REPORT_SIGNED && cells[i + 1].known) {
            fputs(" (", fields->stream);
            print_value(fields->stream, &cells[i + 1], column[1].kind, column[1].flags, 0);
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

/* Widths of the fields of a table that has PER_ROW fields a row. Returns an array
 * for free(), or NULL. */
static size_t *measure(const struct fields *fields, size_t per_row)
{
    size_t *widths = calloc(per_row + 1, sizeof(*widths));

    for (size_t i = 0; widths && i < fields->count; i++) {
        size_t width = utf8_width(fields_get(fields, i));

        if (width > widths[i % per_row])
            widths[i % per_row] = width;
    }
    return widths;
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

        print_spaces(out, pending);
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

static int print_statistics(FILE *out, const struct report_table *table, const struct paths *paths,
                            size_t width)
{
    size_t per_row = 1 + count_phrases(table), place_limit;
    size_t *widths = NULL;
    struct fields fields;
    int result = -ENOMEM;

    fields_init(&fields);
    for (size_t i = 0; i < table->row_count; i++) {
        fields_begin(&fields);
        if (!fields.failed)
            print_place(fields.stream, table, &table->rows[i], paths);
        make_phrases(&fields, table, table->rows[i].cells);
    }
    if (table->total) {
        fields_begin(&fields);
        if (!fields.failed)
            fputs("total", fields.stream);
        make_phrases(&fields, table, table->total);
    }
    if (fields_end(&fields) < 0)
        goto out;
    widths = measure(&fields, per_row);
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

static bool is_number(enum report_kind kind)
{
    return kind == REPORT_BYTES || kind == REPORT_COUNT || kind == REPORT_NUMBER ||
           kind == REPORT_ADDRESS || kind == REPORT_DURATION || kind == REPORT_LINE ||
           kind == REPORT_AVERAGE;
}

static int print_columns(FILE *out, const struct report_table *table)
{
    size_t per_row = 0;
    size_t *widths = NULL;
    struct fields fields;
    int result = -ENOMEM;

    fields_init(&fields);
    for (size_t row = 0; row < table->row_count + 1; row++) {
        for (size_t i = 0; i < table->column_count; i++) {
            const struct report_column *column = &table->columns[i];

            if (column->flags & REPORT_DATA_ONLY)
                continue;
            per_row += row == 0;
            fields_begin(&fields);
            if (fields.failed)
                continue;
            if (row == 0)
                fputs(column->title, fields.stream);
            else
                print_value(fields.stream, &table->rows[row - 1].cells[i], column->kind,
                            column->flags, table->series_length);
        }
    }
    if (fields_end(&fields) < 0 || per_row == 0)
        goto out;
    widths = measure(&fields, per_row);
    if (!widths)
        goto out;
    for (size_t row = 0; row < table->row_count + 1; row++) {
        size_t field = row * per_row, pending = 2;

        for (size_t i = 0; i < table->column_count; i++) {
            const struct report_column *column = &table->columns[i];
            const char *text;
            size_t gap;

            if (column->flags & REPORT_DATA_ONLY)
                continue;
            text = fields_get(&fields, field);
            gap = widths[field % per_row] - utf8_width(text);
            field++;
            if (is_number(column->kind)) {
                print_spaces(out, pending + gap);
                fputs(text, out);
                pending = 2;
            } else {
                if (*text)
                    print_spaces(out, pending);
                else
                    gap += pending;
                fputs(text, out);
                pending = gap + 2;
            }
        }
        fputc('\n', out);
    }
    result = 0;
out:
    free(widths);
    fields_finish(&fields);
    return result;
}

/* The first column of bytes; the table has one. */
static size_t bytes_column(const struct report_table *table)
{
    size_t i = 0;

    while (i + 1 < table->column_count && table->columns[i].kind != REPORT_BYTES)
        i++;
    return i;
}

/* One line of blocks: in each column the highest value of its stretch of time. */
static void print_chart(FILE *out, const struct report_table *table)
{
    static const char *const levels[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    uint64_t columns[CHART_COLUMNS] = {0};
    size_t value = bytes_column(table), count = table->row_count;
    uint64_t start, length, highest = 0;
    char bytes[UNITS_SIZE], time[UNITS_SIZE];
    size_t next = 0;

    if (count < 2)
        return;
    start = table->rows[0].cells[0].number;
    length = table->rows[count - 1].cells[0].number - start;
    if (length == 0 || length > UINT64_MAX / CHART_COLUMNS)
        return;
    for (size_t i = 0; i < CHART_COLUMNS; i++) {
        /* A stretch without a sample stays as high as the last one before it. */
        uint64_t level = next ? table->rows[next - 1].cells[value].number : 0;

        for (bool first = true; next < count; next++, first = false) {
            const struct report_cell *cells = table->rows[next].cells;

            if ((cells[0].number - start) * CHART_COLUMNS / length > i && i + 1 < CHART_COLUMNS)
                break;
            if (first || cells[value].number > level)
                level = cells[value].number;
        }
        columns[i] = level;
        if (level > highest)
            highest = level;
    }
    fprintf(out, "  %s  ", table->title);
    for (size_t i = 0; i < CHART_COLUMNS; i++)
        fputs(levels[highest ? (size_t)((double)columns[i] / (double)highest * 7 + 0.5) : 0], out);
    fprintf(out, "  up to %s, over %s\n", units_bytes(bytes, (double)highest, false),
            units_duration(time, length));
}

static void print_facts(FILE *out, const struct report *report)
{
    size_t width = 0;

    for (size_t i = 0; i < report->fact_count; i++) {
        const struct report_fact *fact = &report->facts[i];

        if (fact->title && !fact->is_heading && utf8_width(fact->title) > width)
            width = utf8_width(fact->title);
    }
    for (size_t i = 0; i < report->fact_count; i++) {
        const struct report_fact *fact = &report->facts[i];

        if (!fact->title)
            continue;
        if (fact->is_heading) {
            fprintf(out, "\n%s\n", fact->title);
            continue;
        }
        fprintf(out, "  %s", fact->title);
        print_spaces(out, width - utf8_width(fact->title) + 2);
        if (fact->value.known)
            print_value(out, &fact->value, fact->kind, 0, 0);
        else
            fputs("not known", out);
        if (fact->remark) {
            fputs("  ", out);
            utf8_print(out, fact->remark);
        }
        fputc('\n', out);
    }
}

/* Add all paths of TABLE to PATHS. */
static int add_paths(struct paths *paths, const struct report_table *table)
{
    for (size_t i = 0; i < table->row_count; i++) {
        const struct report_row *row = &table->rows[i];

        for (size_t j = 0; j < table->column_count; j++) {
            const struct report_cell *cell = &row->cells[j];

            if (table->columns[j].kind == REPORT_FILE && cell->known && !cell->is_place &&
                paths_add(paths, cell->text) < 0)
                return -ENOMEM;
        }
        for (size_t j = 0; j < row->frame_count; j++) {
            if (row->frames[j].file && paths_add(paths, row->frames[j].file) < 0)
                return -ENOMEM;
        }
    }
    return 0;
}

int text_print(FILE *out, const struct report *report, size_t width)
{
    struct paths *paths = paths_create();
    int result = paths ? 0 : -ENOMEM;

    for (size_t i = 0; i < report->table_count && !result; i++)
        result = add_paths(paths, &report->tables[i]);
    if (result)
        goto out;
    paths_shorten(paths);

    if (report->title) {
        utf8_print(out, report->title);
        fputc('\n', out);
    }
    print_facts(out, report);
    for (size_t i = 0; i < report->table_count && !result; i++) {
        const struct report_table *table = &report->tables[i];

        if (!table->title)
            continue;
        if (table->style == REPORT_STATISTICS) {
            result = print_statistics(out, table, paths, width);
        } else if (table->style == REPORT_CHART) {
            print_chart(out, table);
        } else {
            fprintf(out, "\n%s\n", table->title);
            result = print_columns(out, table);
        }
    }
    for (size_t i = 0; i < report->note_count && !result; i++) {
        utf8_print(out, report->notes[i]);
        fputc('\n', out);
    }
out:
    paths_destroy(paths);
    return result;
}

void text_print_lines(FILE *out, const struct report *report)
{
    for (size_t i = 0; i < report->table_count; i++) {
        const struct report_table *table = &report->tables[i];

        for (size_t j = 0; j < table->row_count; j++) {
            fputs(table->key, out);
            for (size_t k = 0; k < table->column_count; k++) {
                const struct report_column *column = &table->columns[k];

                fprintf(out, " %s=", column->key);
                print_value(out, &table->rows[j].cells[k], column->kind, column->flags,
                            table->series_length);
            }
            fputc('\n', out);
        }
    }
}

size_t text_terminal_width(FILE *out)
{
    struct winsize size;

    if (!isatty(fileno(out)) || ioctl(fileno(out), TIOCGWINSZ, &size) < 0)
        return 0;
    return size.ws_col;
}
