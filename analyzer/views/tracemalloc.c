#include "views/tracemalloc.h"

#include "views/units.h"

#include <inttypes.h>
#include <string.h>

/* The cell of ROW in the column KEY; NULL: there is no such column. */
static const struct report_cell *find_cell(const struct report_table *table,
                                           const struct report_row *row, const char *key)
{
    for (size_t i = 0; i < table->column_count; i++) {
        if (strcmp(table->columns[i].key, key) == 0)
            return &row->cells[i];
    }
    return NULL;
}

static const char *frame_file(const struct report_frame *frame)
{
    return frame->file ? frame->file : frame->place;
}

/* Print "FILE:LINE": of a whole traceback that is its oldest frame. */
static void print_place(FILE *out, const struct report_table *table, const struct report_row *row)
{
    const struct report_cell *file = find_cell(table, row, "file");
    const struct report_cell *line = find_cell(table, row, "line");

    if (row->frame_count > 0) {
        const struct report_frame *oldest = &row->frames[row->frame_count - 1];

        fprintf(out, "%s:%" PRIu32, frame_file(oldest), oldest->file ? oldest->line : 0);
    } else {
        fprintf(out, "%s:%" PRIu64, file && file->known ? file->text : "<unknown>",
                line && line->known ? line->number : 0);
    }
}

static void print_frame(FILE *out, const struct report_frame *frame)
{
    fprintf(out, "  File \"%s\", line %" PRIu32 "\n", frame_file(frame),
            frame->file ? frame->line : 0);
    if (frame->source)
        fprintf(out, "    %s\n", frame->source);
}

static void print_traceback(FILE *out, const struct report_row *row, bool most_recent_first)
{
    if (row->frame_count == 0)
        print_frame(out, &(struct report_frame){.place = "<unknown>"});
    for (size_t i = 0; i < row->frame_count; i++)
        print_frame(out, &row->frames[most_recent_first ? i : row->frame_count - 1 - i]);
}

static void print_row(FILE *out, const struct report_table *table, const struct report_row *row)
{
    const struct report_cell *size = find_cell(table, row, "size");
    const struct report_cell *count = find_cell(table, row, "count");
    const struct report_cell *size_diff = find_cell(table, row, "size_diff");
    const struct report_cell *count_diff = find_cell(table, row, "count_diff");
    char buffer[UNITS_SIZE];

    print_place(out, table, row);
    fprintf(out, ": size=%s", units_bytes(buffer, (double)size->number, false));
    if (size_diff)
        fprintf(out, " (%s)", units_bytes(buffer, (double)(int64_t)size_diff->number, true));
    fprintf(out, ", count=%" PRIu64, count->number);
    if (count_diff)
        fprintf(out, " (%+" PRId64 ")", (int64_t)count_diff->number);
    if (count->number)
        fprintf(out, ", average=%s",
                units_bytes(buffer, (double)size->number / (double)count->number, false));
    fputc('\n', out);
}

void tracemalloc_print(FILE *out, const struct report *report, bool most_recent_first)
{
    for (size_t i = 0; i < report->table_count; i++) {
        const struct report_table *table = &report->tables[i];

        for (size_t j = 0; table->style == REPORT_STATISTICS && j < table->row_count; j++) {
            print_row(out, table, &table->rows[j]);
            if (table->rows[j].has_traceback)
                print_traceback(out, &table->rows[j], most_recent_first);
        }
    }
}
