#include "views/csv.h"

#include <inttypes.h>
#include <string.h>

/* The fields of a line; the first has no comma before it. */
struct line {
    FILE *out;
    bool begun;
};

static void begin_field(struct line *line)
{
    if (line->begun)
        fputc(',', line->out);
    line->begun = true;
}

static void end_line(struct line *line)
{
    fputs("\r\n", line->out);
    line->begun = false;
}

static void print_quoted(FILE *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '"')
            fputc('"', out);
        fputc(*text, out);
    }
}

static void put_text(struct line *line, const char *text)
{
    begin_field(line);
    if (!text[strcspn(text, ",\"\r\n")]) {
        fputs(text, line->out);
        return;
    }
    fputc('"', line->out);
    print_quoted(line->out, text);
    fputc('"', line->out);
}

static void put_number(struct line *line, uint64_t number, unsigned flags)
{
    begin_field(line);
    if (flags & REPORT_SIGNED)
        fprintf(line->out, "%" PRId64, (int64_t)number);
    else
        fprintf(line->out, "%" PRIu64, number);
}

static void put_cell(struct line *line, const struct report_cell *cell, enum report_kind kind,
                     unsigned flags, size_t series_length)
{
    if (flags & REPORT_SERIES) {
        for (size_t i = 0; i < series_length; i++)
            put_number(line, cell->series[i], 0);
        return;
    }
    if (!cell->known) {
        begin_field(line);
        return;
    }
    switch (kind) {
    case REPORT_TEXT:
    case REPORT_FILE:
    case REPORT_FUNCTION:
    case REPORT_MODULE:
        put_text(line, cell->text);
        return;
    case REPORT_AVERAGE:
        begin_field(line);
        fprintf(line->out, "%.17g", cell->real);
        return;
    case REPORT_LINE:
    case REPORT_BYTES:
    case REPORT_COUNT:
    case REPORT_NUMBER:
    case REPORT_ADDRESS:
    case REPORT_DURATION:
    case REPORT_FLAG:
        put_number(line, cell->number, flags);
        return;
    }
}

static void put_traceback(struct line *line, const struct report_row *row)
{
    FILE *out = line->out;

    begin_field(line);
    fputc('"', out);
    for (size_t i = 0; i < row->frame_count; i++) {
        const struct report_frame *frame = &row->frames[i];

        fputs(i ? "; " : "", out);
        if (frame->function) {
            print_quoted(out, frame->function);
            fputc(' ', out);
        }
        if (frame->file) {
            print_quoted(out, frame->file);
            fprintf(out, ":%" PRIu32, frame->line);
        } else {
            if (frame->module) {
                print_quoted(out, frame->module);
                fputc('+', out);
            }
            fprintf(out, "0x%" PRIx64, frame->offset);
        }
    }
    fputc('"', out);
}

static void put_optional(struct line *line, const char *text)
{
    put_text(line, text ? text : "");
}

/* What a row of a tree has besides its numbers. */
static void put_node(struct line *line, const struct report_row *row)
{
    const struct report_frame *frame = &row->frames[0];

    put_number(line, row->depth, 0);
    put_optional(line, frame->function);
    put_optional(line, frame->file);
    put_number(line, frame->line, 0);
    put_optional(line, frame->module);
    put_number(line, frame->offset, 0);
    put_number(line, frame->inlined, 0);
}

static void print_heading(FILE *out, const struct report_table *table, bool has_traceback)
{
    struct line line = {.out = out};

    if (table->style == REPORT_TREE) {
        static const char *const keys[] = {"depth",  "function", "file",   "line",
                                           "module", "offset",   "inlined"};

        for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
            put_text(&line, keys[i]);
    }

    for (size_t i = 0; i < table->column_count; i++) {
        const struct report_column *column = &table->columns[i];

        if (column->flags & REPORT_TEXT_ONLY)
            continue;
        if (!(column->flags & REPORT_SERIES)) {
            put_text(&line, column->key);
            continue;
        }
        for (size_t j = 1; j <= table->series_length; j++) {
            begin_field(&line);
            fprintf(out, "%s_%zu", column->key, j);
        }
    }
    if (has_traceback) {
        put_text(&line, "traceback");
        put_text(&line, "truncated");
    }
    end_line(&line);
}

static void print_table(FILE *out, const struct report_table *table, bool with_heading)
{
    bool has_traceback = table->row_count > 0 && table->rows[0].has_traceback;
    struct line line = {.out = out};

    if (with_heading)
        print_heading(out, table, has_traceback);
    for (size_t i = 0; i < table->row_count; i++) {
        const struct report_row *row = &table->rows[i];

        if (row->stands_for) /* for people */
            continue;
        if (table->style == REPORT_TREE)
            put_node(&line, row);
        for (size_t j = 0; j < table->column_count; j++) {
            const struct report_column *column = &table->columns[j];

            if (!(column->flags & REPORT_TEXT_ONLY))
                put_cell(&line, &row->cells[j], column->kind, column->flags, table->series_length);
        }
        if (has_traceback) {
            put_traceback(&line, row);
            put_number(&line, row->truncated, 0);
        }
        end_line(&line);
    }
}

static void print_facts(FILE *out, const struct report *report, bool with_heading)
{
    struct line line = {.out = out};

    for (size_t i = 0; i < report->fact_count && with_heading; i++) {
        if (report->facts[i].key)
            put_text(&line, report->facts[i].key);
    }
    if (with_heading)
        end_line(&line);
    for (size_t i = 0; i < report->fact_count; i++) {
        const struct report_fact *fact = &report->facts[i];

        if (fact->key)
            put_cell(&line, &fact->value, fact->kind, 0, 0);
    }
    end_line(&line);
}

/* The table that is the matter of REPORT; NULL if it has only facts. */
static const struct report_table *main_table(const struct report *report)
{
    for (size_t i = 0; i < report->table_count; i++) {
        if (report->tables[i].style == REPORT_STATISTICS ||
            report->tables[i].style == REPORT_PATHS ||
            report->tables[i].style == REPORT_TREE ||
            report->tables[i].style == REPORT_VERDICTS || report->tables[i].is_matter)
            return &report->tables[i];
    }
    for (size_t i = 0; i < report->fact_count; i++) {
        if (report->facts[i].key)
            return NULL;
    }
    return report->table_count > 0 ? &report->tables[0] : NULL;
}

void csv_print(FILE *out, struct report *const *reports, size_t count)
{
    bool was_table = false;

    for (size_t i = 0; i < count; i++) {
        const struct report_table *table = main_table(reports[i]);
        bool with_heading = i == 0 ? !reports[i]->goes_on : was_table != (table != NULL);

        if (table)
            print_table(out, table, with_heading);
        else
            print_facts(out, reports[i], with_heading);
        was_table = table != NULL;
    }
}
